package traffic

import "time"

// In a network with Config.Thin no packet is moved that is not sampled: how
// many packets of a flow pass before its next sample is drawn flow by flow.
// That is exact, because random 1-in-N sampling has no memory: whether a packet
// is taken does not depend on what other flows sent between.

// event is the next sample of a flow at one hop, or the end of the flow.
type event struct {
	k      uint64 // packet of the flow
	flow   *flow
	hop    int // -1: the flow ends
	egress bool
}

// meter counts what passes continuously, exact to a packet of each flow.
type meter struct {
	octets, packets         float64 // per second
	at                      time.Duration
	sumOctets, sumPackets   float64
	wholeOctets, wholePacks uint64
}

// advance counts up to t and returns the totals.
func (m *meter) advance(t time.Duration) (octets, packets uint64) {
	if d := (t - m.at).Seconds(); d > 0 {
		m.sumOctets += d * m.octets
		m.sumPackets += d * m.packets
		m.at = t
		m.wholeOctets, m.wholePacks = uint64(m.sumOctets), uint64(m.sumPackets)
	}
	return m.wholeOctets, m.wholePacks
}

// change adds sign times the rate of f from t on.
func (m *meter) change(f *flow, sign float64, t time.Duration) {
	m.advance(t)
	octets := sign * float64(f.Rate) / 8
	m.octets += octets
	m.packets += octets * float64(len(f.before)) / float64(f.cycle)
}

// thinAdd begins f: its counters run and its first samples are drawn.
func (n *Network) thinAdd(f *flow) {
	n.thinMeters(f, 1, f.Start)
	for i := range f.hops {
		if f.hops[i].source != nil {
			n.thinNext(event{flow: f, hop: i})
		}
		if f.hops[i].egress != nil {
			n.thinNext(event{flow: f, hop: i, egress: true})
		}
	}
	if f.Stop > 0 {
		n.events.push(f.Stop, event{flow: f, hop: -1})
	}
}

func (n *Network) thinMeters(f *flow, sign float64, t time.Duration) {
	for i := range f.hops {
		h := &f.hops[i]
		h.in.inMeter.change(f, sign, t)
		h.out.outMeter.change(f, sign, t)
		if h.source != nil {
			h.source.meter.change(f, sign, t)
		}
		if h.egress != nil {
			h.egress.meter.change(f, sign, t)
		}
	}
}

// thinNext draws the sample at or after packet e.k, unless the flow ends before.
func (n *Network) thinNext(e event) {
	f := e.flow
	e.k += f.hops[e.hop].agent.skip()
	if at := f.at(e.k); f.Stop == 0 || at < f.Stop {
		n.events.push(at, e)
	}
}

// thinTick sends the samples that are due before t.
func (n *Network) thinTick(t time.Duration) {
	for len(n.events.items) > 0 && n.events.items[0].at < t {
		next := n.events.pop()
		e, at := next.item, next.at
		if e.hop < 0 {
			n.thinMeters(e.flow, -1, at)
			continue
		}
		h := &e.flow.hops[e.hop]
		s := h.source
		if e.egress {
			s = h.egress
		}
		_, pool := s.meter.advance(at)
		h.agent.sample(s, e.flow, h, e.k, pool+1)
		if h.agent.atOnce {
			h.agent.send(at)
		}
		e.k++
		n.thinNext(e)
	}
}

// thinCounters brings the counters of p up to t.
func (p *port) thinCounters(t time.Duration) {
	p.inOctets, p.inPackets = p.inMeter.advance(t)
	p.outOctets, p.outPackets = p.outMeter.advance(t)
}
