package cloud

import (
	"encoding/binary"
	"net/netip"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// speaker is one sFlow agent's side of the wire.
type speaker struct {
	c       *Cloud
	agent   netip.Addr
	from    netip.AddrPort
	sub     uint32
	seq     sflow.Seq
	samples map[sflow.DataSource]uint32
	started time.Time
	path    *path
	blocked bool
	b       sflow.Builder
	open    bool
}

const maxDatagram = 1400

// begin opens a datagram.
func (s *speaker) begin() {
	if s.open {
		return
	}
	s.open = true
	s.seq++
	s.b.Reset(s.b.Buffer()[:0], &sflow.Datagram{
		Agent: s.agent, SubAgent: s.sub, Sequence: s.seq, Uptime: uint32(s.c.now.Sub(s.started).Milliseconds()),
	})
}

// flush sends what is open.
func (s *speaker) flush() {
	if !s.open {
		return
	}
	s.open = false
	if !s.blocked {
		s.c.arrive(s.b.Bytes(), s.from, s.path)
	}
}

// add adds a sample, in a further datagram where this one is full.
func (s *speaker) add(fill func()) {
	s.begin()
	fill()
	if s.b.Len() > maxDatagram && s.b.NumSamples() > 1 {
		s.b.Undo()
		s.flush()
		s.begin()
		fill()
	}
}

// flow adds a flow sample.
func (s *speaker) flow(source sflow.DataSource, in, out uint32, header []byte) {
	f := sflow.FlowSample{
		Sequence: sflow.Seq(s.next(source)), Source: source, SamplingRate: s.c.cfg.Sampling,
		Input: sflow.Port{Value: in}, Output: sflow.Port{Value: out},
	}
	if out == 0 && source.Class == sflow.ClassEntity { // Open vSwitch: dropped for an unknown reason
		f.Output = sflow.Port{Format: sflow.PortDiscarded, Value: 256}
	}
	f.SamplePool = uint32(f.Sequence) * f.SamplingRate
	h := sflow.SampledHeader{Protocol: 1, FrameLength: 594, Stripped: 4, Header: header}
	s.add(func() { s.b.FlowSample(&f, false, &h) })
}

// discard adds a discarded packet.
func (s *speaker) discard(in uint32, header []byte) {
	source := sflow.DataSource{Index: in}
	d := sflow.DiscardSample{Sequence: sflow.Seq(s.next(source)), Source: source, Input: in, DropReason: 263} // acl
	h := sflow.SampledHeader{Protocol: 1, FrameLength: 594, Stripped: 4, Header: header}
	s.add(func() { s.b.DiscardSample(&d, &h) })
}

// counters adds a counter sample.
func (s *speaker) counters(source sflow.DataSource, records ...sflow.Appender) {
	cs := sflow.CounterSample{Sequence: sflow.Seq(s.next(source)), Source: source}
	s.add(func() { s.b.CounterSample(&cs, false, records...) })
}

func (s *speaker) next(source sflow.DataSource) uint32 {
	if s.samples == nil {
		s.samples = map[sflow.DataSource]uint32{}
	}
	s.samples[source]++
	return s.samples[source]
}

// wire builds statements and frames in buffers that it keeps.
type wire struct {
	st     witness.Statement
	signer *witness.Signer
	frame  [64]byte
	tag    [68]byte
}

// say adds a statement.
func (s *speaker) say(w *wire, class, entity string, pairs ...witness.Pair) {
	w.st.Begin(class, entity)
	w.st.Add(pairs...)
	w.signer.Sign(&w.st)
	s.add(func() { s.b.Sample(w.st.Metric()) })
}

// Flags of TCP.
const (
	flagSYN = 2
	flagRST = 4
	flagPSH = 8
	flagACK = 16
)

var be = binary.BigEndian

// end is one end of a packet.
type end struct {
	mac  sflow.MAC
	ip   [4]byte
	port uint16
}

func (w *wire) ethernet(from, to sflow.MAC, kind uint16) []byte {
	b := w.frame[:]
	clear(b)
	copy(b, to[:])
	copy(b[6:], from[:])
	be.PutUint16(b[12:], kind)
	return b
}

// tcp returns a TCP packet.
func (w *wire) tcp(from, to end, flags byte) []byte {
	b := w.ip(from, to, 6)
	be.PutUint16(b[34:], from.port)
	be.PutUint16(b[36:], to.port)
	b[46], b[47] = 5<<4, flags
	if flags&flagPSH == 0 { // it carries nothing
		be.PutUint16(b[16:], 52)
	}
	return b
}

// udp returns a UDP packet.
func (w *wire) udp(from, to end) []byte {
	b := w.ip(from, to, 17)
	be.PutUint16(b[34:], from.port)
	be.PutUint16(b[36:], to.port)
	be.PutUint16(b[38:], 556)
	return b
}

func (w *wire) ip(from, to end, proto byte) []byte {
	b := w.ethernet(from.mac, to.mac, 0x0800)
	b[14], b[22], b[23] = 0x45, 64, proto
	be.PutUint16(b[16:], 576)
	copy(b[26:], from.ip[:])
	copy(b[30:], to.ip[:])
	return b
}

// arp returns an ARP request for, or reply of, an address.
func (w *wire) arp(op uint16, from, to end) []byte {
	dst := to.mac
	if op == 1 {
		dst = sflow.MAC{255, 255, 255, 255, 255, 255}
	}
	b := w.ethernet(from.mac, dst, 0x0806)
	copy(b[14:], []byte{0, 1, 8, 0, 6, 4})
	be.PutUint16(b[20:], op)
	copy(b[22:], from.mac[:])
	copy(b[28:], from.ip[:])
	if op == 2 {
		copy(b[32:], to.mac[:])
	}
	copy(b[38:], to.ip[:])
	return b
}

// unreachable returns ICMP host unreachable about a packet to lost.
func (w *wire) unreachable(from, to, lost end) []byte {
	b := w.ip(from, to, 1)
	b[34], b[35] = 3, 1
	q := b[42:]
	q[0] = 0x45
	copy(q[12:], to.ip[:])
	copy(q[16:], lost.ip[:])
	return b
}
