package linkevent

import (
	"encoding/binary"
	"errors"
	"net"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

// link is what an RTM_NEWLINK says of an interface. It is comparable without
// its counters.
type link struct {
	index    uint32
	name     string
	kind     string // as the vocabulary has it
	hardware uint16
	master   uint32 // ifIndex; 0 none
	admin    bool
	carrier  bool
	promisc  bool
	oper     uint8 // IF_OPER_*
	mtu      uint32
	mac      string
	stats    stats
}

// stats is the kernel's rtnl_link_stats64, as far as if_counters has a place
// for it.
type stats struct {
	known                bool
	rxPackets, txPackets uint64
	rxBytes, txBytes     uint64
	rxErrors, txErrors   uint64
	rxDropped, txDropped uint64
	multicast            uint64
}

// operNames are the words for IF_OPER_*.
var operNames = [...]string{"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"}

const (
	operUnknown = 0
	operUp      = 6
)

func operName(o uint8) string {
	if int(o) < len(operNames) {
		return operNames[o]
	}
	return "unknown"
}

// passes reports whether packets pass the interface.
func (l *link) passes() bool {
	return l.admin && l.carrier && (l.oper == operUp || l.oper == operUnknown)
}

var errShort = errors.New("link message is too short")

// ifInfoLen is the length of an ifinfomsg.
const ifInfoLen = 16

// parse reads the body of an RTM_NEWLINK or RTM_DELLINK. bridge is true for a
// message of a bridge about its port, which is no statement about the device.
func parse(b []byte) (l link, bridge bool, err error) {
	if len(b) < ifInfoLen {
		return link{}, false, errShort
	}
	ne := binary.NativeEndian
	flags := ne.Uint32(b[8:])
	l = link{
		index: ne.Uint32(b[4:]), hardware: ne.Uint16(b[2:]),
		admin: flags&unix.IFF_UP != 0, carrier: flags&unix.IFF_LOWER_UP != 0, promisc: flags&unix.IFF_PROMISC != 0,
	}
	infoKind := ""
	d, err := netlink.NewAttributeDecoder(b[ifInfoLen:])
	if err != nil {
		return link{}, false, err
	}
	for d.Next() {
		switch d.Type() {
		case unix.IFLA_IFNAME:
			l.name = d.String()
		case unix.IFLA_MASTER:
			l.master = d.Uint32()
		case unix.IFLA_OPERSTATE:
			l.oper = d.Uint8()
		case unix.IFLA_MTU:
			l.mtu = d.Uint32()
		case unix.IFLA_ADDRESS:
			if a := d.Bytes(); len(a) == 6 {
				l.mac = net.HardwareAddr(a).String()
			}
		case unix.IFLA_STATS64:
			l.stats.parse(d.Bytes())
		case unix.IFLA_LINKINFO:
			d.Nested(func(n *netlink.AttributeDecoder) error {
				for n.Next() {
					if n.Type() == unix.IFLA_INFO_KIND {
						infoKind = n.String()
					}
				}
				return nil
			})
		}
	}
	l.kind = kindOf(infoKind, l.hardware)
	return l, b[0] == unix.AF_BRIDGE, d.Err()
}

// kindOf returns the vocabulary's word for the kernel's.
func kindOf(info string, hardware uint16) string {
	switch info {
	case "bridge", "bond", "veth", "vlan", "vxlan":
		return info
	case "tun":
		return "tap"
	case "openvswitch":
		return "ovs"
	case "":
		if hardware == unix.ARPHRD_ETHER || hardware == unix.ARPHRD_INFINIBAND {
			return "physical"
		}
	}
	return "other"
}

// parse reads the fields in the order of the kernel's structure. Older kernels
// send a shorter one.
func (s *stats) parse(b []byte) {
	fields := [...]*uint64{
		&s.rxPackets, &s.txPackets, &s.rxBytes, &s.txBytes,
		&s.rxErrors, &s.txErrors, &s.rxDropped, &s.txDropped, &s.multicast,
	}
	if len(b) < 8*len(fields) {
		return
	}
	for i, f := range fields {
		*f = binary.NativeEndian.Uint64(b[8*i:])
	}
	s.known = true
}

// counters returns the interface's if_counters as of the message.
func (l *link) counters() sflow.IfCounters {
	const no32, no64 = sflow.Counter32(0xffffffff), sflow.Counter64(0xffffffffffffffff)
	c := sflow.IfCounters{
		Index: l.index, Type: 6, // ethernetCsmacd
		InOctets: no64, InUcastPkts: no32, InMulticastPkts: no32, InBroadcastPkts: no32,
		InDiscards: no32, InErrors: no32, InUnknownProtos: no32,
		OutOctets: no64, OutUcastPkts: no32, OutMulticastPkts: no32, OutBroadcastPkts: no32,
		OutDiscards: no32, OutErrors: no32, PromiscuousMode: 2,
	}
	if l.hardware == unix.ARPHRD_LOOPBACK {
		c.Type = 24
	}
	if l.promisc {
		c.PromiscuousMode = 1
	}
	if l.admin {
		c.Status |= 1
	}
	if l.passes() {
		c.Status |= 2
	}
	if s := &l.stats; s.known {
		c.InOctets, c.OutOctets = sflow.Counter64(s.rxBytes), sflow.Counter64(s.txBytes)
		c.InUcastPkts = sflow.Counter32(s.rxPackets - s.multicast)
		c.InMulticastPkts = sflow.Counter32(s.multicast)
		c.OutUcastPkts = sflow.Counter32(s.txPackets)
		c.InErrors, c.OutErrors = sflow.Counter32(s.rxErrors), sflow.Counter32(s.txErrors)
		c.InDiscards, c.OutDiscards = sflow.Counter32(s.rxDropped), sflow.Counter32(s.txDropped)
	}
	return c
}
