// Package record carries flow samples from the shards to whoever keeps them:
// rows of fixed size in blocks of fixed size that change hands without a copy.
// A shard never waits: what finds no block is counted and lost to history alone.
package record

import (
	"math"
	"net/netip"
	"sync"
	"sync/atomic"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/detect/window"
)

// Row is one flow sample.
type Row struct {
	At     int64  // ns since the epoch, of receipt
	Length uint32 // octets of the frame
	Key
}

// Key is what the samples of a flow have in common at the place where they were
// taken, in the 64 octets of a line of cache: most samples have one that another
// had shortly before. Addresses are in their IPv4-mapped form.
type Key struct {
	Src, Dst         [16]byte
	Agent            uint32 // the registry's number
	Domain           uint32 // the registry's number; 0 the underlay
	Input, Output    uint32 // as in a compact sample: two bits of format, 30 of value
	Rate             uint32 // packets per sample, effective
	SrcPort, DstPort uint16
	EtherType        uint16
	Has              Has
	Proto, TCPFlags  uint8
	TOS, TTL         uint8
}

// Has says which fields of a key mean something, and has the outermost VLAN
// below, 0 without.
type Has uint16

// Members of Has.
const (
	Addresses Has = 1 << (vlanBits + iota) // Src, Dst, Proto, TOS, TTL
	Ports                                  // SrcPort, DstPort; type and code of ICMP in DstPort
	Fragment                               // an IP fragment
	Egress                                 // sampled where it left

	vlanBits = 12
	vlanMask = 1<<vlanBits - 1
)

// VLAN returns the outermost VLAN, 0 without.
func (h Has) VLAN() uint16 { return uint16(h & vlanMask) }

// SrcAddr and DstAddr return the addresses, invalid without.
func (r *Key) SrcAddr() netip.Addr { return r.addr(&r.Src) }

// DstAddr returns the destination address, invalid without.
func (r *Key) DstAddr() netip.Addr { return r.addr(&r.Dst) }

func (r *Key) addr(a *[16]byte) netip.Addr {
	if r.Has&Addresses == 0 {
		return netip.Addr{}
	}
	return netip.AddrFrom16(*a).Unmap()
}

// set reads a flow sample whose Est the registry has filled.
func (r *Row) set(f *decoder.Flow) {
	h := &f.Header
	*r = Row{At: f.At.UnixNano(), Length: f.FrameLength}
	r.Agent, r.Rate, r.EtherType = f.Est.Vantage.Agent, f.Est.SamplingRate, h.EtherType
	r.Input = f.Sample.Input.Format<<30 | f.Sample.Input.Value&portMask
	r.Output = f.Sample.Output.Format<<30 | f.Sample.Output.Value&portMask
	switch {
	case h.VLANTags > 0:
		r.Has = Has(h.VLAN & vlanMask)
	case f.Seen&decoder.SeenSwitch != 0 && f.InVLAN < 1<<vlanBits:
		r.Has = Has(f.InVLAN)
	}
	if f.Est.Vantage.Source&1 == 1 {
		r.Has |= Egress
	}
	if h.Fragment {
		r.Has |= Fragment
	}
	if !h.HasKey && (h.FragOff == 0 || h.Depth != packet.DepthNetwork) {
		if h.ARP.Op != 0 { // who asks for whom
			r.Has |= Addresses
			r.Src, r.Dst = mapped(h.ARP.SenderIP), mapped(h.ARP.TargetIP)
		}
		return
	}
	k := &h.Key
	r.Has |= Addresses
	r.Src, r.Dst, r.Domain, r.Proto, r.TOS, r.TTL = k.Src, k.Dst, k.Domain, k.Proto, h.TOS, h.TTL
	if h.HasKey && h.Depth == packet.DepthTransport {
		r.Has |= Ports
		r.SrcPort, r.DstPort, r.TCPFlags = k.SrcPort, k.DstPort, h.TCPFlags
	}
}

const portMask = 1<<30 - 1

func mapped(a [4]byte) (b [16]byte) {
	b[10], b[11] = 0xff, 0xff
	copy(b[12:], a[:])
	return b
}

// Rows is how many rows a block has.
const Rows = 4096

// Block is a batch of rows in the order of their arrival.
type Block struct {
	N    int
	Rows [Rows]Row
}

// Used returns the rows that are filled.
func (b *Block) Used() []Row { return b.Rows[:b.N] }

// Exchange is where writers and one reader change blocks.
type Exchange struct {
	full    chan *Block
	lost    atomic.Uint64
	thinned atomic.Uint64

	mu   sync.Mutex
	free []*Block // the last that was given back is the next: the processor still has it near
}

// NewExchange returns an exchange of so many blocks, each 330 kB.
func NewExchange(blocks int) *Exchange {
	x := &Exchange{full: make(chan *Block, blocks)}
	for range blocks {
		x.free = append(x.free, &Block{})
	}
	return x
}

// Full is where filled blocks come from. Each must be given back with Release.
func (x *Exchange) Full() <-chan *Block { return x.full }

// Release gives a block back.
func (x *Exchange) Release(b *Block) {
	b.N = 0
	x.mu.Lock()
	x.free = append(x.free, b)
	x.mu.Unlock()
}

// take returns a block, nil where there is none.
func (x *Exchange) take() (b *Block) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.free) - 1; n >= 0 {
		b, x.free = x.free[n], x.free[:n]
	}
	return b
}

// Lost returns how many rows found no block.
func (x *Exchange) Lost() uint64 { return x.lost.Load() }

// Thinned returns how many rows were left out, others counting for them.
func (x *Exchange) Thinned() uint64 { return x.thinned.Load() }

// Writer fills blocks. It belongs to one goroutine.
type Writer struct {
	x    *Exchange
	b    *Block
	thin window.Thinning
	left uint64 // of thin, as last told
}

// Samples is how many samples a second a writer keeps at least; of more it
// leaves some out by chance, and those it keeps count for them, by their
// sampling rate.
const Samples = 100_000

// NewWriter returns a writer.
//
// A Thinning that has to leave some out keeps half of what it is told, or more: a
// writer that is told Samples keeps all of them, and of one more than twice as
// many as many as Samples.
func (x *Exchange) NewWriter() *Writer {
	return &Writer{x: x, thin: window.NewThinning(2*Samples, 1)}
}

// Add keeps a flow sample, whose Est the registry has filled. It allocates
// nothing and never waits.
func (w *Writer) Add(f *decoder.Flow) {
	times := w.thin.Next(window.SlotOf(f.At.UnixNano()))
	if times == 0 {
		return
	}
	if w.b == nil {
		if w.b = w.x.take(); w.b == nil {
			w.x.lost.Add(1)
			return
		}
	}
	r := &w.b.Rows[w.b.N%Rows]
	r.set(f)
	r.Rate = uint32(min(uint64(r.Rate)*times, math.MaxUint32))
	if w.b.N++; w.b.N == Rows {
		w.Flush()
	}
}

// Flush hands on what is there.
func (w *Writer) Flush() {
	w.x.thinned.Add(w.thin.Left - w.left)
	w.left = w.thin.Left
	if w.b == nil || w.b.N == 0 {
		return
	}
	w.x.full <- w.b // there is room for all there are
	w.b = nil
}
