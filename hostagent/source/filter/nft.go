package filter

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const toolNFT = "nft"

// nfGenLen is the length of an nfgenmsg.
const nfGenLen = 4

var familyNames = map[uint8]string{
	unix.NFPROTO_INET: "inet", unix.NFPROTO_IPV4: "ip", unix.NFPROTO_ARP: "arp",
	unix.NFPROTO_NETDEV: "netdev", unix.NFPROTO_BRIDGE: "bridge", unix.NFPROTO_IPV6: "ip6",
}

func familyName(f uint8) string {
	if n, ok := familyNames[f]; ok {
		return n
	}
	return fmt.Sprintf("family%d", f)
}

// errInterrupted says that the rules changed while they were read.
var errInterrupted = errors.New("nftables changed while it was read")

// dumpTimeout bounds one question to the kernel.
const dumpTimeout = 5 * time.Second

// nftReader collects what the dumps of nftables say.
type nftReader struct {
	state  *State
	before *State
	tables map[tableID]int // index in state.Tables

	// The rules come chain by chain: the digest of a table joins those of its
	// chains, in whatever order they come.
	chain  tableID
	name   string
	digest hash.Hash
	open   bool
}

type tableID struct {
	family uint8
	name   string
}

// readNFT adds the tables of the connection's namespace to s, those of before
// where nothing has changed since.
func readNFT(c *netlink.Conn, s, before *State) error {
	if err := c.SetDeadline(time.Now().Add(dumpTimeout)); err != nil {
		return fmt.Errorf("netlink netfilter: %w", err)
	}
	var err error
	for range 4 {
		keep := len(s.Tables)
		err = (&nftReader{state: s, before: before, tables: map[tableID]int{}, digest: sha256.New()}).read(c)
		if !errors.Is(err, errInterrupted) {
			return err
		}
		s.Tables = s.Tables[:keep]
	}
	return err
}

func (r *nftReader) read(c *netlink.Conn) error {
	for _, step := range [...]struct {
		what uint8
		dump netlink.HeaderFlags
		take func(family uint8, d *netlink.AttributeDecoder)
	}{
		{unix.NFT_MSG_GETGEN, 0, r.generation},
		{unix.NFT_MSG_GETTABLE, netlink.Dump, r.table},
		{unix.NFT_MSG_GETCHAIN, netlink.Dump, r.chainPolicy},
		{unix.NFT_MSG_GETRULE, netlink.Dump, r.rule},
	} {
		messages, err := c.Execute(netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | uint16(step.what)), Flags: netlink.Request | step.dump},
			Data:   make([]byte, nfGenLen), // of every family
		})
		if err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		for i := range messages {
			if messages[i].Header.Flags&netlink.DumpInterrupted != 0 {
				return errInterrupted
			}
			if family, d := attributes(messages[i].Data); d != nil {
				step.take(family, d)
			}
		}
		if step.what == unix.NFT_MSG_GETGEN && r.unchanged() {
			return nil
		}
	}
	r.closeChain()
	return nil
}

// unchanged takes over what was read before where the generation is the same.
func (r *nftReader) unchanged() bool {
	if r.before == nil || r.state.Generation == 0 || r.before.Generation != r.state.Generation {
		return false
	}
	for _, t := range r.before.Tables {
		if t.Tool == toolNFT {
			r.state.Tables = append(r.state.Tables, t)
		}
	}
	return true
}

// attributes returns the family of an nftables message and its attributes, nil
// where it has none that can be read.
func attributes(b []byte) (family uint8, d *netlink.AttributeDecoder) {
	if len(b) < nfGenLen {
		return 0, nil
	}
	d, err := netlink.NewAttributeDecoder(b[nfGenLen:])
	if err != nil {
		return 0, nil
	}
	d.ByteOrder = binary.BigEndian
	return b[0], d
}

func (r *nftReader) generation(_ uint8, d *netlink.AttributeDecoder) {
	for d.Next() {
		if d.Type() == unix.NFTA_GEN_ID {
			r.state.Generation = d.Uint32()
		}
	}
}

func (r *nftReader) table(family uint8, d *netlink.AttributeDecoder) {
	for d.Next() {
		if d.Type() == unix.NFTA_TABLE_NAME {
			name := d.String()
			r.tables[tableID{family, name}] = len(r.state.Tables)
			f := familyName(family)
			r.state.Tables = append(r.state.Tables, Table{Tool: toolNFT, Name: f + " " + name, Family: f, Policy: accept})
		}
	}
}

// chainPolicy takes the policy of a base chain that guards the node or what it
// forwards.
func (r *nftReader) chainPolicy(family uint8, d *netlink.AttributeDecoder) {
	var table string
	guards, drops := false, false
	for d.Next() {
		switch d.Type() {
		case unix.NFTA_CHAIN_TABLE:
			table = d.String()
		case unix.NFTA_CHAIN_POLICY:
			drops = d.Uint32() == 0 // NF_DROP
		case unix.NFTA_CHAIN_HOOK:
			d.Nested(func(h *netlink.AttributeDecoder) error {
				h.ByteOrder = binary.BigEndian
				for h.Next() {
					if h.Type() == unix.NFTA_HOOK_HOOKNUM {
						n := h.Uint32()
						guards = n == unix.NF_INET_LOCAL_IN || n == unix.NF_INET_FORWARD || family == unix.NFPROTO_NETDEV
					}
				}
				return nil
			})
		}
	}
	if i, ok := r.tables[tableID{family, table}]; ok && guards && drops {
		r.state.Tables[i].Policy = drop
	}
}

func (r *nftReader) rule(family uint8, d *netlink.AttributeDecoder) {
	var table, chain string
	var expressions, user []byte
	for d.Next() {
		switch d.Type() {
		case unix.NFTA_RULE_TABLE:
			table = d.String()
		case unix.NFTA_RULE_CHAIN:
			chain = d.String()
		case unix.NFTA_RULE_EXPRESSIONS:
			expressions = d.Bytes()
		case unix.NFTA_RULE_USERDATA:
			user = d.Bytes()
		}
	}
	id := tableID{family, table}
	i, ok := r.tables[id]
	if !ok {
		return // made after the tables were listed: the next reading has it
	}
	if !r.open || id != r.chain || chain != r.name {
		r.closeChain()
		r.chain, r.name, r.open = id, chain, true
		r.digest.Reset()
		r.digest.Write([]byte(chain))
	}
	r.state.Tables[i].Rules++
	r.digest.Write([]byte{0xff, 'r'})
	digestExpressions(r.digest, expressions)
	r.digest.Write(user)
}

// closeChain adds the digest of the chain read last to its table.
func (r *nftReader) closeChain() {
	if !r.open {
		return
	}
	var sum [sha256.Size]byte
	r.digest.Sum(sum[:0])
	t := &r.state.Tables[r.tables[r.chain]]
	for k := range t.Digest {
		t.Digest[k] ^= sum[k]
	}
	r.open = false
}

// digestExpressions writes what a rule does, without what it has counted.
func digestExpressions(h hash.Hash, list []byte) {
	d, err := netlink.NewAttributeDecoder(list)
	if err != nil {
		h.Write(list)
		return
	}
	for d.Next() {
		d.Nested(func(e *netlink.AttributeDecoder) error {
			name := ""
			for e.Next() {
				switch e.Type() {
				case unix.NFTA_EXPR_NAME:
					name = e.String()
					h.Write([]byte(name))
				case unix.NFTA_EXPR_DATA:
					if name != "counter" && name != "quota" && name != "last" {
						h.Write(e.Bytes())
					}
				}
			}
			return nil
		})
	}
}
