// Package record carries flow samples from the shards to whoever keeps them:
// rows of fixed size in blocks of fixed size that change hands without a copy.
// A shard never waits: what finds no block is counted and lost to history alone.
//
// What the samples of a flow have in common where they are taken, their key, is
// looked for by the shard, which has all of it at hand; a row has the number that
// stands for it.
package record

import (
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/detect/window"
)

// Row is one flow sample as blocks have it.
type Row struct {
	At     int64  // ns since the epoch, of receipt
	Length uint32 // octets of the frame
	Key    uint32 // the number of its key
}

// Sample is one flow sample, whole.
type Sample struct {
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

// set reads the key of a flow sample whose Est the registry has filled.
func (r *Key) set(f *decoder.Flow) {
	h := &f.Header
	*r = Key{Agent: f.Est.Vantage.Agent, Rate: f.Est.SamplingRate, EtherType: h.EtherType}
	r.Input = f.Sample.Input.Format<<30 | f.Sample.Input.Value&portMask
	r.Output = f.Sample.Output.Format<<30 | f.Sample.Output.Value&portMask
	switch {
	case h.VLANTags > 0:
		r.Has = Has(h.VLAN & vlanMask)
	case f.Seen&decoder.SeenSwitch != 0 && f.InVLAN < 1<<vlanBits:
		r.Has = Has(f.InVLAN)
	}
	if f.Est.Vantage.Egress() {
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
	// Keys are by their numbers those that the rows of the writer had so far, in its
	// turn: others have other numbers.
	Keys   []Key
	Writer int // which one of an exchange, from 0
	Turn   uint64

	d *Dictionary // that Keys are of
}

// Used returns the rows that are filled.
func (b *Block) Used() []Row { return b.Rows[:b.N] }

// Exchange is where writers and one reader change blocks.
type Exchange struct {
	full    chan *Block
	lost    atomic.Uint64
	thinned atomic.Uint64

	mu      sync.Mutex
	free    []*Block      // the last that was given back is the next: the processor still has it near
	spare   []*Dictionary // that nobody uses
	turn    uint64
	writers int
}

// NewExchange returns an exchange of so many blocks, each 66 kB. Keys take 6 MB
// more for each writer, where there are many, and as much again while others are
// read.
func NewExchange(blocks int) *Exchange {
	x := &Exchange{full: make(chan *Block, blocks)}
	for range blocks {
		x.free = append(x.free, &Block{})
	}
	return x
}

// Full is where filled blocks come from. Each must be given back with Release.
func (x *Exchange) Full() <-chan *Block { return x.full }

// Release gives a block back, with its keys.
func (x *Exchange) Release(b *Block) {
	x.leave(b.d)
	b.N, b.Keys, b.d = 0, nil, nil
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

// begin returns a dictionary without keys, of another turn.
func (x *Exchange) begin() *Dictionary {
	x.mu.Lock()
	defer x.mu.Unlock()
	var d *Dictionary
	if n := len(x.spare) - 1; n >= 0 {
		d, x.spare = x.spare[n], x.spare[:n]
		d.Reset()
	} else {
		d = NewDictionary(keysOfTurn)
	}
	x.turn++
	d.turn = x.turn
	d.users.Store(1)
	return d
}

// leave says that one less uses a dictionary.
func (x *Exchange) leave(d *Dictionary) {
	if d == nil || d.users.Add(-1) > 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.spare = append(x.spare, d)
}

// Lost returns how many rows found no block.
func (x *Exchange) Lost() uint64 { return x.lost.Load() }

// Thinned returns how many rows were left out, others counting for them.
func (x *Exchange) Thinned() uint64 { return x.thinned.Load() }

// Writer fills blocks. It belongs to one goroutine.
type Writer struct {
	x      *Exchange
	number int
	b      *Block
	d      *Dictionary
	thin   window.Thinning
	left   uint64 // of thin, as last told

	ahead [decoder.FlowsKept]waiting // of the last call of Ahead
	n     int                        // of them
}

// waiting is a flow sample whose memory was asked for.
type waiting struct {
	key    Key
	at     int64
	length uint32
	hash   uint64
}

// Samples is how many samples a second a writer keeps at least; of more it
// leaves some out by chance, and those it keeps count for them, by their
// sampling rate.
const Samples = 100_000

// keysOfTurn is how many keys have numbers before they begin anew.
const keysOfTurn = 1 << 16

// NewWriter returns a writer. All of an exchange are made before its reader begins.
//
// A Thinning that has to leave some out keeps half of what it is told, or more: a
// writer that is told Samples keeps all of them, and of one more than twice as
// many as many as Samples.
func (x *Exchange) NewWriter() *Writer {
	w := &Writer{x: x, number: x.writers, d: x.begin(), thin: window.NewThinning(2*Samples, 1)}
	x.writers++
	return w
}

// Epoch begins a new clock, which may be behind the old one: how many samples came in
// a slot says nothing of those to come.
func (w *Writer) Epoch() { w.thin.Reset() }

// Add keeps a flow sample, whose Est the registry has filled.
func (w *Writer) Add(f *decoder.Flow) {
	w.Ahead([]*decoder.Flow{f})
	w.Keep()
}

// Ahead reads flow samples, decoder.FlowsKept at most, whose Est the registry has
// filled, and asks for the memory that Keep needs, which the caller calls when it has
// done something else. They are not the writer's afterwards. It allocates nothing and
// never waits.
func (w *Writer) Ahead(flows []*decoder.Flow) {
	w.n = 0
	for _, f := range flows {
		at := f.At.UnixNano()
		times := w.thin.Next(window.SlotOf(at))
		if times == 0 {
			continue
		}
		one := &w.ahead[w.n]
		w.n++
		one.key.set(f)
		if times > 1 {
			one.key.Rate = uint32(min(uint64(one.key.Rate)*times, math.MaxUint32))
		}
		one.at, one.length, one.hash = at, f.FrameLength, w.d.hash(&one.key)
		w.d.ask(one.hash)
	}
}

// Keep puts what Ahead read.
func (w *Writer) Keep() {
	if !w.d.room(w.n) {
		w.turn()
	}
	for i := range w.ahead[:w.n] {
		w.keep(&w.ahead[i])
	}
	w.n = 0
}

// turn begins a dictionary.
func (w *Writer) turn() {
	w.handOn()
	w.x.leave(w.d)
	w.d = w.x.begin()
	for i := range w.ahead[:w.n] {
		w.ahead[i].hash = w.d.hash(&w.ahead[i].key)
	}
}

func (w *Writer) keep(one *waiting) {
	if w.b == nil {
		if w.b = w.x.take(); w.b == nil {
			w.x.lost.Add(1)
			return
		}
	}
	w.b.Rows[w.b.N%Rows] = Row{At: one.at, Length: one.length, Key: w.d.number(&one.key, one.hash)}
	if w.b.N++; w.b.N == Rows {
		w.handOn()
	}
}

// Flush hands on what was kept.
func (w *Writer) Flush() {
	w.x.thinned.Add(w.thin.Left - w.left)
	w.left = w.thin.Left
	w.handOn()
}

func (w *Writer) handOn() {
	if w.b == nil || w.b.N == 0 {
		return
	}
	w.b.Keys, w.b.Writer, w.b.Turn, w.b.d = slices.Clip(w.d.keys), w.number, w.d.turn, w.d
	w.d.users.Add(1)
	w.x.full <- w.b // there is room for all there are
	w.b = nil
}
