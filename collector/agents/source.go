package agents

import (
	"weir/decoder"
	"weir/decoder/sflow"
)

// Direction is one of the two ways traffic passes a data source.
type Direction uint8

// The directions.
const (
	Ingress Direction = 0
	Egress  Direction = 1
)

// sourceKey is a data source under a sub-agent.
type sourceKey struct {
	sub uint32
	sflow.DataSource
}

// source is one data source.
type source struct {
	id    sflow.DataSource
	sub   *sub
	num   uint32 // from 1, within the agent
	gen   uint32 // of the sub-agent, as last seen
	seen  [2]bool
	at    int64  // ns, last heard
	iface *iface // the interface that a source of class 0 is

	flow     *flowState // nil before the first flow sample
	counters *tracker   // nil before the first counter sample
	discards *tracker

	local *localDomains // nil away from hypervisors
}

// flowState is what flow samples of one source tell.
type flowState struct {
	seq    tracker
	rate   poolRate
	more   *[maxSpaces - 1]poolRate // of further sequence spaces
	latest int                      // space of the latest sample
	sent   uint32                   // sampling rate of the latest sample
	used   uint32                   // what was put into FlowEst
	drops  uint32
	at     int64 // ns
}

func (f *flowState) rateOf(space int) *poolRate {
	if space == 0 {
		return &f.rate
	}
	if f.more == nil {
		f.more = new([maxSpaces - 1]poolRate)
	}
	return &f.more[space-1]
}

// source returns the current datagram's data source, nil where there are too
// many or its sub-agent is not followed.
func (r *Registry) source(id sflow.DataSource) *source {
	if s := r.curSrc; s != nil && s.id == id {
		return s
	}
	a, sub := r.cur, r.curSub
	if a.recent == nil {
		a.recent = new([recentSources]*source)
	}
	var s *source
	recent := &a.recent[(id.Index^id.Class<<4^sub.id<<2)%recentSources]
	if s = *recent; s == nil || s.id != id || s.sub != sub {
		k := sourceKey{sub.id, id}
		if s = a.sources[k]; s == nil {
			if s = r.newSource(a, sub, k); s == nil {
				return nil
			}
		}
		*recent = s
	}
	if s.gen != sub.gen {
		s.forget(sub.gen)
	}
	s.at = r.curAt
	r.curSrc = s
	return s
}

// forget begins the sequences anew: the sub-agent did, or the clock.
func (s *source) forget(gen uint32) {
	s.gen = gen
	if s.flow != nil {
		s.flow.seq.forget()
		s.flow.rate = poolRate{}
		s.flow.more = nil
	}
	for _, t := range []*tracker{s.counters, s.discards} {
		if t != nil {
			t.forget()
		}
	}
}

func (r *Registry) newSource(a *agent, sub *sub, k sourceKey) *source {
	if len(a.sources) >= r.sh.limits.AgentSources {
		r.prune(a)
	}
	if len(a.sources) >= r.sh.limits.AgentSources || !take(&r.sh.sources, r.sh.limits.Sources) {
		r.counts.RefusedSources++
		return nil
	}
	if a.sources == nil {
		a.sources = map[sourceKey]*source{}
	}
	a.nextNum++
	s := &source{id: k.DataSource, sub: sub, num: a.nextNum, gen: sub.gen}
	if k.Class == sflow.ClassInterface {
		s.iface = a.ifaces[k.Index]
	}
	a.sources[k] = s
	return s
}

// recentSources is the size of an agent's cache in front of its map.
const recentSources = 64

// Flow counts a flow sample and fills its Est and the domain of its key.
func (r *Registry) Flow(f *decoder.Flow) {
	r.counts.FlowSamples++
	f.Est = decoder.FlowEst{SamplingRate: max(f.Sample.SamplingRate, 1)}
	a := r.cur
	if a == nil {
		return
	}
	f.Est.Vantage.Agent = a.number
	var src *source
	if r.curSub != nil {
		f.Est.UptimeBefore = r.curSub.before
		src = r.source(f.Sample.Source)
	}
	if src != nil {
		f.Est.SamplingRate = r.rate(src, &f.Sample)
	} else {
		src = r.stranger(f.Sample.Source)
	}
	dir := src.direction(&f.Sample)
	src.seen[dir] = true
	f.Est.Vantage.Source = src.num<<1 | uint32(dir)
	f.Est.Speed, f.Est.Class = r.speed(src, &f.Sample, dir)
	f.Packet.Header.Key.Domain = r.domain(src, &f.Packet, f.Sample.Input, f.Sample.Output)
	if f.Packet.Seen&decoder.SeenOther != 0 {
		r.flowDebt(f)
	}
}

// stranger returns a data source for one sample, where there is no place to
// keep it: number 0, nothing remembered.
func (r *Registry) stranger(id sflow.DataSource) *source {
	r.spareDomains = localDomains{}
	r.spare = source{id: id, local: &r.spareDomains}
	if id.Class == sflow.ClassInterface {
		r.spare.iface = r.cur.ifaces[id.Index]
	}
	return &r.spare
}

// rate follows sequence and pool and returns the rate to use.
func (r *Registry) rate(src *source, s *sflow.FlowSample) uint32 {
	fs := src.flow
	if fs == nil {
		fs = &flowState{}
		src.flow = fs
	}
	st := fs.seq.add(s.Sequence, uint32(r.curAt/1e6), 0)
	if st.lost != 0 {
		r.counts.lostFlows += int64(st.lost)
	}
	p := fs.rateOf(st.space)
	switch {
	case st.opened:
		p.begin(s.SamplingRate, s.SamplePool)
	case st.delta > 0:
		p.advance(s.SamplingRate, s.SamplePool, uint32(st.delta))
	}
	fs.latest, fs.sent, fs.drops, fs.at = st.space, s.SamplingRate, s.Drops, r.curAt
	w := &src.sub.pools
	w.see(src, s.SamplePool, s.SamplingRate)
	fs.used = p.rate
	if s.SamplingRate != p.sent || p.rate != p.sent && w.shared() {
		fs.used = max(s.SamplingRate, 1) // a late sample from before a change, or a pool that says nothing
	}
	return fs.used
}

// direction tells which way the sampled packet passed the source. Where the
// source is an interface, by which side of the packet's way that is; a LAG
// member may be named by its group. Other sources (bridges, hosts) sample a
// packet once, knowing one side or both: egress is when only the way out is
// known.
func (s *source) direction(f *sflow.FlowSample) Direction {
	in, inOK := f.Input.Single()
	out, outOK := f.Output.Single()
	if s.id.Class == sflow.ClassInterface {
		group := uint32(0)
		if s.iface != nil {
			group = s.iface.group
		}
		switch {
		case inOK && (in == s.id.Index || in == group):
			return Ingress
		case outOK && (out == s.id.Index || out == group):
			return Egress
		}
	}
	if outOK && !inOK && !f.Input.Internal() {
		return Egress
	}
	return Ingress
}

// speed returns speed and class of the interface the sample is judged by: where the
// packet passed the source, else the other side.
func (r *Registry) speed(src *source, f *sflow.FlowSample, dir Direction) (uint64, decoder.PortClass) {
	first, second := f.Input, f.Output
	if dir == Egress {
		first, second = second, first
	}
	v, c := r.portSpeed(src, first)
	if v != 0 {
		return v, c
	}
	v, c2 := r.portSpeed(src, second)
	if v != 0 || c == decoder.PortUnknown {
		c = c2
	}
	return v, c
}

func (r *Registry) portSpeed(src *source, p sflow.Port) (uint64, decoder.PortClass) {
	index, ok := p.Single()
	if !ok {
		return 0, decoder.PortUnknown
	}
	if i := r.portIface(src, index); i != nil {
		return i.judgedSpeed(), classes[i.kind]
	}
	return 0, decoder.PortUnknown
}

var classes = [...]decoder.PortClass{
	portUnknown: decoder.PortUnknown, portPhysical: decoder.PortPhysical,
	portInstance: decoder.PortInstance, portBridge: decoder.PortBridge,
}

// portIface returns an interface of the current agent, the source's own
// without a search.
func (r *Registry) portIface(src *source, index uint32) *iface {
	if i := src.iface; i != nil && i.index == index {
		return i
	}
	return r.cur.ifaces[index]
}
