package flood

import (
	"cmp"
	"net/netip"
	"time"

	"weir/detect/distinct"
)

// State is how sure an alert is.
type State uint8

// The states.
const (
	Suspected State = iota
	Confirmed
	Ended
)

// alert is an open one.
type alert struct {
	kind     Kind
	state    State
	seq      uint64
	onset    int64
	started  int64
	told     int64
	above    int64 // ns of the last time that it was
	busy     int64 // ns of the last time that it was no pause
	off      bool  // between two pulses
	pulses   int
	carpet   bool
	full     bool // a link is full
	first    Estimate
	peak     float64 // load
	rising   float64 // load when last told of a rise
	need     float64
	absorbed int
}

// Report is one change of one alert.
type Report struct {
	Key       Key
	State     State
	Start     bool
	Absorbed  bool // it ended because the alert of its prefix tells of it
	Seq       uint64
	At        int64
	Onset     int64
	Started   int64
	Class     string
	Vector    string // amplifier's service, or what makes a class
	Now       Estimate
	Threshold float64 // packets per second
	Usual     float64 // packets per second; 0 unknown
	Ratio     float64 // of the load to the threshold
	Peak      float64 // packets per second, of the estimates so far
	Pulses    int
	Saturates bool
	Absorbs   int // hosts

	Sources      distinct.Estimate
	Spread       string
	Details      uint32 // samples that the following rests on
	TopSources   []Share[netip.Addr]
	TopVictims   []Share[netip.Addr]
	TopPorts     []Share[uint16] // destination
	TopSrcPorts  []Share[uint16]
	Ports        []UsedPort
	Agents       int
	DstPort      uint16 // where nearly all goes to one; HasDstPort
	HasDstPort   bool
	Destinations distinct.Estimate
}

// UsedPort is a port by which the flood enters, most first.
type UsedPort struct {
	Agent, Port uint32
	Edge        bool
	Share       float64
}

const (
	over       = 0.5 // of the threshold: below, a flood is over
	pulseOff   = 0.1 // of the peak: below, a pulse is over
	pulseOn    = 0.3 // of the peak: above, it is another
	pulseGap   = int64(5e8)
	updateGap  = int64(10e9)
	topShare   = 0.05
	allOf      = 0.8
	fullReport = 5
)

// start opens an alert if the key is flooded.
func (t *Tracker) start(v *victim, now int64, out []Report) []Report {
	var best verdict
	for k := range Kinds {
		if d := t.judge(v, k, now); d.found && (!best.found || d.estimate.Load > best.estimate.Load) {
			best = d
		}
	}
	if !best.found {
		return out
	}
	a := &alert{
		kind: best.kind, onset: best.estimate.start, started: now, told: now, above: now, busy: now + int64(time.Second), pulses: 1,
		first: best.estimate, peak: best.estimate.Load, rising: best.estimate.Load, need: best.threshold,
	}
	if v.key.host() {
		p := v.key.prefix()
		if w := t.victims[p]; w != nil && w.alert != nil {
			return out
		}
	} else {
		if !v.spread[best.kind].carpet() {
			return out
		}
		a.carpet = true
	}
	if best.sure {
		a.state = Confirmed
	}
	v.alert = a
	t.open = append(t.open, v)
	t.stats.Started++
	r := t.report(v, now, a.state)
	r.Start, r.Now = true, best.estimate.atStop()
	out = append(out, r)
	if a.carpet {
		out = t.absorb(v, now, out)
	}
	return out
}

// absorb ends the alerts of a prefix's hosts.
func (t *Tracker) absorb(p *victim, now int64, out []Report) []Report {
	for _, v := range t.open {
		if v.alert != nil && v.key.host() && v.key.prefix() == p.key {
			r := t.report(v, now, Ended)
			r.Absorbed = true
			out = append(out, r)
			v.alert = nil
			p.alert.absorbed++
		}
	}
	return out
}

// follow looks at an open alert.
func (t *Tracker) follow(v *victim, now int64, out []Report) []Report {
	a := v.alert
	if now <= a.started {
		return out
	}
	changed := false
	// The kind that is most of it may become another.
	for k := range Kinds {
		if d := t.judge(v, k, now); d.found {
			if k != a.kind && d.estimate.Load > 2*t.shown(v, a.kind, now).Load {
				a.kind, changed = k, true
			}
			if d.sure && a.state == Suspected && k == a.kind {
				a.state, changed = Confirmed, true
			}
		}
	}
	e := t.shown(v, a.kind, now)
	if full := v.saturates(now); full && !a.full {
		a.full, changed = true, true
	}
	if e.Load >= over*a.need {
		a.above = now
	}
	switch quick := t.quick(v, a.kind, now); {
	case quick < pulseOff*a.peak:
		a.off = a.off || now-a.busy >= pulseGap
	case quick > pulseOn*a.peak && a.off:
		a.off, changed = false, true
		a.pulses++
		a.busy = now
	default:
		a.busy = now
	}
	if e.Load > 2*a.rising {
		a.rising, changed = e.Load, true
	}
	a.peak = max(a.peak, e.Load)
	if now-a.above >= int64(t.cfg.Hold) {
		out = append(out, t.report(v, now, Ended))
		v.alert = nil
		return out
	}
	if changed || now-a.told >= updateGap && e.Samples > 0 {
		a.told = now
		out = append(out, t.report(v, now, a.state))
	}
	return out
}

// quick returns the load of the last second, or of as long as a tenth of the
// peak needs to give ten samples.
func (t *Tracker) quick(v *victim, k Kind, now int64) (load float64) {
	for _, tr := range v.tracks[k] {
		all := tr.since(0)
		if all.n == 0 {
			continue
		}
		span := time.Duration(min(10*all.load/all.n/(pulseOff*v.alert.peak), 10) * 1e9)
		e := tr.inWindow(now, max(span, time.Second))
		load = max(load, e.Load)
	}
	return load
}

// report describes an alert as of now.
func (t *Tracker) report(v *victim, now int64, state State) Report {
	a := v.alert
	a.seq++
	r := Report{
		Key: v.key, State: state, Seq: a.seq, At: now, Onset: a.onset, Started: a.started,
		Now: t.shown(v, a.kind, now), Pulses: a.pulses, Saturates: a.full, Absorbs: a.absorbed,
	}
	if r.Now.Samples == 0 { // a pause, or the end
		r.Now = Estimate{SamplingRate: a.first.SamplingRate, FrameOctets: a.first.FrameOctets, Span: spans[2], Agent: a.first.Agent}
		r.Now.interval()
	}
	if a.first.Load > 0 {
		per := a.first.PacketsPerSecond / a.first.Load
		r.Peak = a.peak * per
		r.Threshold, r.Ratio = a.need*per, r.Now.Load/a.need
		if usual, ok := v.base[a.kind].load(); ok {
			r.Usual = usual * per
		}
	}
	r.Class, r.Vector = kindNames[a.kind], ""
	if sp := v.spread[a.kind]; sp != nil {
		r.describe(sp, a)
	}
	agents := map[uint32]bool{}
	var all float64
	for i := range v.ports {
		all += v.ports[i].load
	}
	for i := range v.ports {
		u := &v.ports[i]
		agents[u.agent] = true
		edge := t.cut.ports[u.portID] != nil && t.cut.ports[u.portID].edge
		r.Ports = append(r.Ports, UsedPort{u.agent, u.port, edge, u.load / max(all, 1e-9)})
	}
	sortPorts(r.Ports)
	r.Ports = r.Ports[:min(len(r.Ports), fullReport)]
	r.Agents = len(agents)
	return r
}

func (r *Report) describe(sp *spread, a *alert) {
	n := sp.n
	r.Details = n
	switch a.kind {
	case UDP:
		plain, amp, frag := sp.class[Plain], sp.class[Amplification], sp.class[Fragment]
		switch {
		case sp.amplified() && 4*amp >= frag:
			r.Class = "amplification"
			r.Vector = vectorOf(sp)
		case frag > plain:
			r.Class = "fragment_flood"
		}
	case SYNACK:
		r.Vector = "syn_ack"
	case RST:
		r.Vector = "rst"
	case Odd:
		r.Vector = flagsName(sp)
	}
	if a.carpet {
		if r.Vector == "" {
			r.Vector = r.Class
		}
		r.Class = "carpet_bombing"
	}
	rate := sp.packets / float64(max(n, 1))
	r.Sources = distinct.FromSamples(float64(n), sp.set.Count(), rate, 0)
	r.Destinations = distinct.FromSamples(float64(n), sp.dstSet.Count(), rate, prefixSize(sp.v6))
	switch different := sp.set.Count() / float64(max(n, 1)); {
	case sp.sources.first(1, n) >= allOf:
		r.Spread = "single"
	case different >= 0.9:
		r.Spread = "spoofed_or_distributed"
	case sp.sources.first(4, n) >= allOf:
		r.Spread = "few"
	default:
		r.Spread = "distributed"
	}
	r.TopSources = addresses(sp.sources.shares(n, topShare, compare16), sp.v6)
	if a.carpet {
		r.TopVictims = addresses(sp.dsts.shares(n, topShare, compare16), sp.v6)
	}
	r.TopPorts = head(sp.dstPorts.shares(n, topShare, cmp.Compare[uint16]))
	r.TopSrcPorts = head(sp.srcPorts.shares(n, topShare, cmp.Compare[uint16]))
	if len(r.TopPorts) > 0 && r.TopPorts[0].Share >= allOf && a.kind != ICMP {
		r.DstPort, r.HasDstPort = r.TopPorts[0].Key, true
	}
}
