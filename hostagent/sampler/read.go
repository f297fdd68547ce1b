package sampler

import (
	"math/rand/v2"

	"golang.org/x/sys/unix"

	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// maxControl is how many control frames of an interface are taken in a beat;
// who sends more has them drawn like all others until the next one.
const maxControl = 512

// isSample hands on a frame that passed undrawn, and reports whether a frame is a
// sample: of what passed undrawn that is drawn here, unless the kernel has.
func (s *Sampler) isSample(t *tap, f *frame) bool {
	if f.draw == drawn {
		return true
	}
	t.heard++
	if f.draw == unknown && (!t.passing || !isControl(f.data)) {
		return true
	}
	t.undrawn++
	if f.packet != unix.PACKET_OUTGOING && s.cfg.Control != nil {
		s.cfg.Control(t.Index, f.data)
	}
	if f.draw == undrawn {
		return false
	}
	if rand.Uint32N(t.rate) == 0 {
		return true
	}
	t.noise++
	return false
}

// drain reads what the ring of a tap has and returns how much that was.
func (s *Sampler) drain(t *tap) int {
	if t.in == nil {
		return 0
	}
	before := t.undrawn
	n, losing := s.readAll(t)
	if losing {
		s.countLost(t)
	}
	t.burst += n - (t.undrawn - before)
	if t.undrawn > maxControl && !t.mute {
		t.mute = true
		s.choose(t, t.rate)
	}
	if t.Interface.Rate == 0 && t.burst > t.allowed {
		// Far more than planned, long before the next beat: traffic that was idle
		// has begun.
		s.setRate(t, min(t.rate*4, t.coarsest()))
	}
	return n
}

func (s *Sampler) readAll(t *tap) (n int, losing bool) {
	f := &s.frame
	if packets, ok := t.in.counted(); ok {
		t.pool, t.exact = uint32(packets), true
		t.recent += packets - t.counted
		t.counted = packets
	}
	// At most a round, so that one interface cannot keep the others waiting.
	for n < t.in.size() && t.in.read(f) {
		losing = losing || f.status&unix.TP_STATUS_LOSING != 0
		if s.isSample(t, f) {
			s.emit(t, f)
		}
		t.in.release(f)
		n++
	}
	return n, losing
}

func (s *Sampler) countLost(t *tap) {
	d := t.in.dropped()
	if d > 0 && t.noise > 0 { // of what was lost, as much was no sample as of what was not
		d -= uint32(uint64(d) * uint64(t.noise) / uint64(t.heard))
	}
	t.noise, t.heard = 0, 0
	if d == 0 {
		return
	}
	t.lost += d
	t.dropped += uint64(d)
	s.dropped.Add(uint64(d))
	if !t.exact {
		t.pool += d * t.rate
		t.recent += uint64(d) * uint64(t.rate)
	}
}

// emit sends one sample. Where nobody counts what the filter looks at, the pool
// counts rate packets for each that it chose, lost ones too: the interface's own
// counters are another thing, since they count before segments are joined and
// after they are cut.
func (s *Sampler) emit(t *tap, f *frame) {
	t.seq++
	rate := t.rate
	if f.rate > 0 {
		rate = f.rate
	}
	if !t.exact {
		t.pool += rate
		t.recent += uint64(rate)
	}
	t.samples++
	s.samples.Add(1)

	s.cut.header(f, &s.header)
	s.stamp.Nanoseconds = uint64(f.sec)*1e9 + uint64(f.ns)
	s.records = s.stamp.Append(s.header.Append(s.records[:0]))
	in, out := s.direction(t, f)
	s.sample = sflow.FlowSample{
		Sequence: t.seq, Source: sflow.DataSource{Class: sflow.ClassInterface, Index: t.Index},
		SamplingRate: rate, SamplePool: t.pool, Drops: t.lost,
		Input: in, Output: out, NumRecords: 2, RecordData: s.records,
	}
	s.cfg.Emit(&s.sample)
}

// direction returns the interfaces a packet came from and goes to; 0 where that
// cannot be told here.
func (s *Sampler) direction(t *tap, f *frame) (in, out sflow.Port) {
	self := sflow.Port{Value: t.Index}
	h := &s.cut.parsed
	ethernet := s.header.Protocol == uint32(packet.ProtocolEthernet)
	if f.packet == unix.PACKET_OUTGOING {
		if ethernet {
			in.Value = s.port(h.SrcMAC)
		}
		return in, self
	}
	switch {
	case f.packet == unix.PACKET_HOST:
		out.Value = sflow.PortInternal
	case f.packet == unix.PACKET_BROADCAST || f.packet == unix.PACKET_MULTICAST:
		out.Format = sflow.PortMultiple // how many is not known
	case ethernet:
		out.Value = s.port(h.DstMAC)
	}
	return self, out
}

func (s *Sampler) port(mac sflow.MAC) uint32 {
	if m := s.ports.Load(); m != nil {
		return (*m)[TapMAC(mac)]
	}
	return 0
}

// TapMAC returns the address that libvirt gives to the tap of an instance whose
// own address is mac: that with 0xfe in the first octet. For a tap's address it
// is the same.
func TapMAC(mac sflow.MAC) sflow.MAC {
	mac[0] = 0xfe
	return mac
}
