package flood

import (
	"math"
	"slices"
	"time"

	"weir/detect/window"
)

// verdict is what one kind of packets to a victim amounts to.
type verdict struct {
	kind      Kind
	estimate  Estimate
	threshold float64 // load
	ratio     float64 // log-likelihood
	found     bool
	sure      bool // the lower bound is above the threshold
}

const (
	// background is the load that the hypothesis of no flood allows, as a part
	// of the threshold.
	background = 0.25
	// evidence is the log-likelihood ratio from which a flood is suspected: a
	// host that always gets the background is suspected once in thousands of
	// samples, one with half of that practically never.
	evidence = 10
	// atLeast is how much must have come: seconds at the threshold. Less is a
	// burst.
	atLeast = 0.1
	// surely is the part of the threshold that the rate must be above with
	// some certainty; more after steady ns at less than nearly the
	// threshold.
	surely = 0.8
	steady = int64(3e9)
	nearly = 3
	// confirmChance is the probability that a rate at the threshold shows as
	// much; stricter than the interval shown, because it is asked often.
	confirmChance = 1e-4

	// established is how many handshakes belong to one other packet of TCP at
	// most: a connection has at least two packets beside.
	established = 0.5
	// answered is how many packets a host gets for one that it sends. Who
	// watches a film by QUIC acknowledges less.
	answered = 10
	quicked  = 40
	// unsampled is how many samples there may be none of by chance: one time in
	// twenty.
	unsampled   = 3
	ackedOctets = 500
	// unheardACK and unheardUDP multiply the threshold of what could be
	// answered, where it is not known that the answers would be seen: perhaps
	// they go another way, and what comes are the acknowledgements of a server,
	// or a prefix full of viewers. A host's UDP is spared: few are meant to get
	// that much unasked.
	unheardACK = 50
	unheardUDP = 10
	// fewSource multiplies the threshold of handshakes from few sources, and
	// scanning where they go to many ports: that is a scan, up to the rate at
	// which scans are left to this detector.
	fewSource = 10
	scanning  = 30
	// smallFrame is the longest mean frame with which a few flows are taken
	// for a flood and not for a transfer, in octets.
	smallFrame = 200
)

var spans = [...]time.Duration{time.Second, 3 * time.Second, 10 * time.Second}

// judge weighs one kind on all bases. The cut counts if it has about as much
// as the best agent; an agent sees each packet once, but may not see all.
func (t *Tracker) judge(v *victim, k Kind, now int64) (best verdict) {
	if len(v.tracks[k]) == 0 || now-v.lastSeen > slots*slotNs {
		return verdict{kind: k}
	}
	threshold := v.threshold(k, t.cfg.Baseline)
	var whole verdict
	for _, tr := range v.tracks[k] {
		d := t.weigh(v, tr, k, now, threshold)
		switch {
		case tr.agent == 0:
			whole = d
		case d.found && !best.found || d.found == best.found && d.estimate.Load > best.estimate.Load:
			best = d
		}
	}
	if whole.estimate.Load > 0.85*best.estimate.Load && whole.found == best.found || whole.found && !best.found {
		best = whole
	}
	best.kind = k
	return best
}

// weigh tries the present runs, of which the most likely tells when it began,
// and windows for what rose slowly.
func (t *Tracker) weigh(v *victim, tr *track, k Kind, now int64, threshold float64) (d verdict) {
	d.kind = Kinds
	runs := len(tr.runs)
	if !slices.ContainsFunc(tr.runs[:], func(r run) bool {
		e := r.all.estimate(r.led, max(now, tr.last), tr.agent)
		return e.enough(minSamples, threshold)
	}) {
		runs = 0
	}
	var found, sure bool
	var need float64
	var young Estimate
	for i := range tr.runs[:runs] {
		r := &tr.runs[i]
		if r.over(now-tr.last, threshold*runDrains[i]) {
			continue
		}
		if !t.final && max(now, tr.last)-r.led < minSpan {
			young = tr.inRun(i, now)
			continue
		}
		one := verdict{kind: k, threshold: threshold}
		one.try(v, tr, tr.inRun(i, now))
		if one.found {
			found, need = true, one.threshold
			sure = sure || one.sure
		}
		if d.kind != k || one.ratio > d.ratio {
			d = one
		}
	}
	// The run that is most likely tells the rate, be it too young to be found
	// on its own.
	if found {
		d.found, d.sure, d.threshold = true, sure, need
		d.estimate.interval()
		// Something much faster has just begun: the older run would give the mean
		// of what was and what is.
		if young.Effective > 0 {
			if young.interval(); young.Low > d.estimate.High {
				return verdict{kind: k, threshold: threshold}
			}
		}
	}
	d.kind = k
	if d.threshold == 0 {
		d.threshold = threshold
	}
	onset := tr.runs[0].onset
	for _, span := range spans {
		if d.found || now-onset <= int64(span) || tr.whole().load < span.Seconds()*threshold {
			break
		}
		if e := tr.inWindow(now, span); e.enough(minSamples, threshold) {
			d.try(v, tr, e)
		}
	}
	return d
}

// enough reports whether an estimate may show a flood at all: it costs far less
// to ask than to weigh it.
func (e *Estimate) enough(samples, threshold float64) bool {
	return e.Effective >= samples && e.Load >= threshold && e.Load*e.Span.Seconds() >= atLeast*threshold
}

// try asks whether an estimate shows a flood.
func (d *verdict) try(v *victim, tr *track, e Estimate) {
	sp := v.spread[d.kind]
	if d.found || e.Effective < 2 || sp == nil {
		return
	}
	need := d.threshold
	least := float64(minSamples)
	switch d.kind {
	case SYN, SYNACK:
		switch {
		case !sp.fewSources():
		case sp.dstPorts.first(2, sp.n) < 0.5:
			need *= scanning
		default:
			need *= fewSource
		}
	case UDP, ACK:
		least = 10
		switch {
		case d.kind == ACK && !v.twoWay():
			need *= unheardACK
		case d.kind == UDP && len(v.tracks[udpOut]) == 0 && !sp.amplified() && (!v.key.host() || sp.quic(e.FrameOctets) >= 0.5):
			need *= unheardUDP
		}
		if sp.fewFlows() && (d.kind == ACK || e.FrameOctets > smallFrame) {
			return
		}
	}
	sec := e.Span.Seconds()
	unit := e.Load * sec / e.Effective // load that one sample stands for
	mean := (background*need*sec + v.credit(d.kind, tr, &e)) / unit
	r := ratio(e.Effective, mean)
	if e.Load > d.estimate.Load || d.estimate.Samples == 0 {
		d.estimate, d.ratio = e, r
	}
	if !e.enough(least, need) || r < evidence || sp.n < minSamples/2 {
		return
	}
	// What has been near the threshold for long crosses it by chance.
	z := 2.0
	if e.Load < nearly*need && (e.start-tr.runs[0].onset > steady || int64(e.Span) > steady) {
		z = 4
	}
	if e.Load*(1-z/math.Sqrt(e.Effective)) < surely*need {
		return
	}
	d.estimate, d.ratio, d.threshold, d.found = e, r, need, true
	excess := e.Effective - (mean - background*need*sec/unit)
	d.sure = window.TailAtLeast(max(excess, 1), max(excess, 1)*need/e.Load) <= confirmChance
	d.estimate.interval()
}

// credit returns the load that what else goes on explains: handshakes that
// belong to established connections, packets that are answered. What is
// usual of it is not counted, so that a busy host is not a blind one. The share
// of it changes slowly, so that the last 12 s count if they have more than the
// time of the estimate. Answers may take another way than what they answer, by
// ports that are not of the cut or not yet: the basis on which most of them
// were seen counts, which has every one of them once at most.
func (v *victim) credit(k Kind, tr *track, e *Estimate) float64 {
	var kinds [2]Kind
	var factor float64
	floor := 0.0 // packets that may have been answers though none was sampled
	switch k {
	case SYN, SYNACK, RST:
		kinds, factor = [2]Kind{tcpIn, ACK}, established
	case UDP:
		sp := v.spread[UDP]
		q := sp.quic(e.FrameOctets)
		kinds, factor = [2]Kind{udpOut, udpOut}, answered*(1-q)+quicked*q
		if q >= 0.5 || !v.key.host() && !sp.amplified() && len(v.tracks[udpOut]) > 0 {
			floor = unsampled * e.SamplingRate
		}
	case ACK:
		kinds, factor = [2]Kind{tcpOut, tcpOut}, answered
	default:
		return 0
	}
	sec := e.Span.Seconds()
	w, most := 0.0, uint32(0)
	for i, k := range kinds {
		for _, o := range v.tracks[k] {
			if i == 1 && (kinds[0] == k || v.track(kinds[0], o.agent) != nil) {
				continue // that basis was asked
			}
			n := max(v.others(kinds, o.agent, tr, window.SlotOf(e.start), sec), v.others(kinds, o.agent, tr, tr.newest-slots+1, sec))
			if n > w {
				w, most = n, o.agent
			}
		}
	}
	if w = max(w, floor); w == 0 {
		return 0
	}
	if k == ACK {
		// What the victim sends is acknowledged, once for every ackedOctets at
		// most; frames may have been joined by offload before they were sampled.
		out := v.track(tcpOut, most).since(0)
		w *= max(out.octets/out.w/ackedOctets, 1)
		factor = 1
	}
	// In loads of this kind: as many packets of its mean load.
	perPacket := e.Load / e.PacketsPerSecond
	if factor == established {
		if usual, ok := v.base[tcpIn].load(); ok {
			w = max(w-usual*sec, 0)
		}
	}
	return factor * w * perPacket
}

// others returns how many packets of two kinds came in sec seconds, on the
// basis of an agent or the cut, at the rate from a slot to the newest of tr, and
// what chance may have kept from the samples.
func (v *victim) others(kinds [2]Kind, agent uint32, tr *track, first int64, sec float64) float64 {
	s, from := v.both(kinds, agent, first, tr.newest)
	if s.n == 0 {
		return 0
	}
	kept := float64(tr.newest-from+1) * float64(slotNs) / 1e9
	scale := sec / max(kept, 0.1)
	if kept > sec && kept-sec < 0.2 { // the same time, from the beginning of a slot
		scale = 1
	}
	n := s.n * scale
	return (n + 2*math.Sqrt(n)) * s.w / s.n
}

// both adds up two kinds on one basis from a slot on, and returns the first
// slot counted: where the ring has that no more, the first whole block after.
func (v *victim) both(kinds [2]Kind, agent uint32, first, newest int64) (s sum, from int64) {
	a, b := v.track(kinds[0], agent), v.track(kinds[1], agent)
	if b == a {
		b = nil
	}
	oldest := newest - slots + 1
	if first < oldest && first/slots+1 <= oldest/slots {
		from = max(first, newest-(blocks-1)*slots)
		s, _ = a.long(from)
		other, begin := b.long(from)
		s.add(other)
		return s, begin
	}
	first = max(first, oldest)
	s = a.since(first)
	s.add(b.since(first))
	return s, first
}

// shown estimates what an open alert shows: over a window in which the
// threshold gives a good number of samples, on the basis that says most.
func (t *Tracker) shown(v *victim, k Kind, now int64) (best Estimate) {
	var whole Estimate
	for _, tr := range v.tracks[k] {
		s := tr.since(0)
		if s.n == 0 {
			continue
		}
		e := tr.inWindow(now, spans[2])
		perSecond := s.n / max(s.load, 1e-9) // samples a second at the threshold
		for _, span := range spans[:2] {
			if perSecond*span.Seconds() >= 100 {
				e = tr.inWindow(now, span)
				break
			}
		}
		if run := tr.inRun(0, now); run.Span < e.Span && run.Samples > 0 && now-tr.last < int64(time.Second) {
			e = run
		}
		if tr.agent == 0 {
			whole = e
		} else if e.Load > best.Load {
			best = e
		}
	}
	if whole.Load > 0.85*best.Load {
		best = whole
	}
	best.counted()
	return best
}

// twoWay reports whether it is known that what the victim sends by TCP is seen
// too, or usually is.
func (v *victim) twoWay() bool {
	for _, tr := range v.tracks[tcpOut] {
		if tr.since(0).n >= 2 {
			return true
		}
	}
	usual, ok := v.base[tcpOut].load()
	return ok && usual > 0
}
