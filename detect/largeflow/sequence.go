package largeflow

import (
	"math"

	"weir/decoder"
	"weir/detect/window"
)

// A TCP sequence number says how many octets the sender had sent: two samples
// of one direction measure the flow's rate, however few packets were sampled.
// When a sample was taken is known from the sender's clock: after the datagram
// before the one that brought it, and not after that.
//
// What the numbers claim is believed where the samples bear it out: a
// connection that begins anew on the same ports, or a sender of nonsense,
// claims octets that would have given more samples.
//
// A number that was invented looks like progress once in 50 times; three
// samples that agree are believed. Two are where the acknowledgement numbers
// agree too, which move by a small share of the octets where one side sends,
// and while nothing that the flow said was refuted. So a flow of twice the
// threshold is found with its second sample, after 1.7 intervals between them
// in the median instead of 2.7.

// tcpRun is a run of samples of one flow at one point, sequence numbers rising.
type tcpRun struct {
	first, last uint32 // sequence numbers
	firstAck    uint32 // acknowledgement numbers, 0 where there is none
	lastAck     uint32
	after, at   uint32 // ms of uptime between which the first was taken
	before, to  uint32 // and the last
	octets      uint64 // from first to last
	n           uint16
	doubt       bool // the flow told something that cannot be
}

const (
	runSamples  = 3            // that a run needs: one false number does not make one
	pairSamples = 2            // that it needs where all else agrees
	ackShare    = 8            // times as many octets are sent as acknowledged, of a pair
	ackSlack    = 1 << 16      // octets more
	runLeast    = 100          // ms, so that a burst of a window is no rate
	runMost     = 5000         // ms, then it begins anew
	backSlack   = 1 << 24      // octets by which reordering and retransmission go back
	half        = 1 << 31      // of the sequence space
	implausible = 0.02         // chance of so few samples for so many octets
	overSpeed   = 1.25         // of the link's speed: more is nonsense
	tcpHeaders  = 14 + 40 + 12 // octets of a frame without payload: Ethernet, IPv4, TCP with timestamps
)

// Sequence is what a run of TCP sequence numbers says.
type Sequence struct {
	Octets            float64 // of payload
	Shortest, Longest float64 // s that they took
}

// follow adds a sample to the run; rough is the flow's lower bound by samples
// in octets per ms, which tells how often the numbers wrapped.
func (q *tcpRun) follow(f *decoder.Flow, rough float64) {
	const syn, ack = 0x02, 0x10
	h, lo, hi := &f.Header, f.Est.UptimeBefore, f.Uptime
	if !h.HasTCP || lo == 0 || int32(hi-lo) < 0 {
		return
	}
	acked := uint32(0)
	if h.TCPFlags&ack != 0 {
		acked = h.TCPAck
	}
	d, doubt := h.TCPSeq-q.last, q.doubt
	switch {
	case q.n == 0 || h.TCPFlags&syn != 0 || int32(hi-q.to) < 0:
	case d >= half && -d <= backSlack:
		return
	case hi-q.after > runMost:
	case d >= half && rough*float64(hi-q.before) < half:
		doubt = true
	default:
		q.octets += uint64(d) + uint64(max(math.Round((rough*float64(hi-q.before)-float64(d))/(1<<32)), 0))<<32
		q.last, q.lastAck, q.before, q.to = h.TCPSeq, acked, lo, hi
		q.n++
		return
	}
	*q = tcpRun{
		first: h.TCPSeq, last: h.TCPSeq, firstAck: acked, lastAck: acked,
		after: lo, at: hi, before: lo, to: hi, n: 1, doubt: doubt,
	}
}

// agrees reports whether what was acknowledged bears a pair out.
func (q *tcpRun) agrees() bool {
	return !q.doubt && q.firstAck != 0 && q.lastAck != 0 && uint64(q.lastAck-q.firstAck) <= q.octets/ackShare+ackSlack
}

// measure returns what the run says of the flow, if it is worth something.
// weight is the octets that one sample stands for, speed the link's in bit/s.
func (q *tcpRun) measure(weight float64, speed uint64) (s Sequence, ok bool) {
	longest := q.to - q.after
	if q.n < pairSamples || longest < runLeast || q.octets == 0 || q.n < runSamples && !q.agrees() {
		return s, false
	}
	s = Sequence{Octets: float64(q.octets), Longest: float64(longest) / 1e3}
	if d := int32(q.before - q.at); d > 0 {
		s.Shortest = float64(d) / 1e3
	}
	beyond := speed > 0 && 8*s.Octets/s.Longest > overSpeed*float64(speed)
	if beyond || 1-window.TailAtLeast(float64(q.n), s.Octets/weight) < implausible {
		q.doubt = true
		return s, false
	}
	return s, true
}

// estimate returns the rate of whole frames: between the octets over the
// longest time and, with headers, over the shortest.
func (s *Sequence) estimate(frame float64) (e Estimate, ok bool) {
	if s.Octets == 0 || s.Shortest <= 0 {
		return e, false
	}
	headers := 1.0
	if frame > 2*tcpHeaders {
		headers = frame / (frame - tcpHeaders)
	}
	e.Low = 8 * s.Octets / s.Longest
	e.High = 8 * s.Octets * headers / s.Shortest
	e.BitsPerSecond = 8 * s.Octets * headers / ((s.Longest + s.Shortest) / 2)
	return e, true
}
