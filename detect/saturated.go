package detect

import (
	"cmp"
	"slices"
	"time"

	"weir/detect/largeflow"
)

// LinkSaturated is one direction of an interface that carries what it can.
const LinkSaturated Kind = "link_saturated"

// ReasonNoCounters is why the alert of a link ends whose counters stopped.
const ReasonNoCounters = "no_counters"

const (
	// A direction is saturated from this share of its speed on, or from this
	// many discards a second on while it is at least half full, ...
	saturatedShare    = 0.9
	saturatedDiscards = 1.0
	discardsShare     = 0.5
	// ... for so long, and no longer below this share without discards for as
	// long.
	saturatedFor = time.Minute
	relievedAt   = 0.8

	linkUpdates = 10 * time.Second // between updates, at least
	linkSilence = 5 * time.Minute  // without counters
	linkFlows   = 5                // flows named as evidence
	maxLinks    = 65536            // directions followed that are full or were lately
	linkBatch   = 4096             // counters that wait for the engine at most
)

// LinkRates is what two counter samples of an interface say of the time
// between them. A negative rate is unknown.
type LinkRates struct {
	At            int64  // ns, arrival of the later
	Agent         uint32 // number in this process, as in decoder.Vantage
	Interface     uint32
	Speed         uint64     // bit/s, to be believed; 0 unknown
	BitsPerSecond [2]float64 // in, out
	Discards      [2]float64 // packets a second
}

// linkShard is the part of a Shard that gathers counters.
type linkShard struct {
	gathered, ready []LinkRates // the last guarded by the shard's lock
	lost            uint64
}

// Link takes the rates of one interface. It belongs to the shard's goroutine.
func (s *Shard) Link(r *LinkRates) {
	if len(s.links.gathered) >= linkBatch {
		s.links.lost++
		return
	}
	s.links.gathered = append(s.links.gathered, *r)
}

// tick hands over, under the shard's lock.
func (l *linkShard) tick() {
	if len(l.ready) == 0 {
		l.ready, l.gathered = l.gathered, l.ready[:0]
	}
}

func (s *Shard) takeLinks(into []LinkRates) []LinkRates {
	s.mu.Lock()
	defer s.mu.Unlock()
	into = append(into, s.links.ready...)
	s.links.ready = s.links.ready[:0]
	return into
}

type linkKey struct {
	agent, iface uint32
	out          bool
}

// saturation is one direction that is full, or was lately.
type saturation struct {
	key      linkKey
	since    int64 // ns, from when on it was full
	last     int64 // of the newest counters
	relieved int64 // from when on it was not; 0 it is
	shown    int64
	seq      uint64
	open     bool
	byDrops  bool
	rates    LinkRates
	peak     float64 // bit/s
}

// linkEngine decides which links are saturated.
type linkEngine struct {
	off     bool
	links   map[linkKey]*saturation
	batch   []LinkRates
	changed []*saturation
	ended   []*saturation
	swept   int64
	refused uint64
}

func (e *linkEngine) collect(shards []*Shard) {
	e.batch = e.batch[:0]
	for _, s := range shards {
		e.batch = s.takeLinks(e.batch)
	}
	for i := range e.batch {
		if !e.off {
			e.judge(&e.batch[i], 0)
			e.judge(&e.batch[i], 1)
		}
	}
}

// judge takes one direction of an interface.
func (e *linkEngine) judge(r *LinkRates, dir int) {
	k := linkKey{r.Agent, r.Interface, dir == 1}
	s := e.links[k]
	rate, speed := r.BitsPerSecond[dir], float64(r.Speed)
	full := speed > 0 && rate >= saturatedShare*speed
	drops := speed > 0 && rate >= discardsShare*speed && r.Discards[dir] >= saturatedDiscards
	if s == nil {
		if !full && !drops {
			return
		}
		if len(e.links) >= maxLinks {
			e.refused++
			return
		}
		s = &saturation{key: k, since: r.At}
		if e.links == nil {
			e.links = map[linkKey]*saturation{}
		}
		e.links[k] = s
	}
	s.last, s.rates, s.peak = r.At, *r, max(s.peak, rate)
	switch {
	case full || drops:
		s.relieved, s.byDrops = 0, !full
	case s.relieved == 0 && (!s.open || rate < relievedAt*speed):
		s.relieved = r.At
	}
	switch {
	case !s.open && s.relieved != 0:
		delete(e.links, k)
	case !s.open && r.At-s.since >= int64(saturatedFor):
		s.open = true
		e.changed = append(e.changed, s)
	case s.open && s.relieved != 0 && r.At-s.relieved >= int64(saturatedFor):
		e.end(s)
	case s.open && r.At-s.shown >= int64(linkUpdates):
		e.changed = append(e.changed, s)
	}
}

func (e *linkEngine) end(s *saturation) {
	delete(e.links, s.key)
	if s.open {
		e.ended = append(e.ended, s)
	}
}

// decide ends what has fallen silent.
func (e *linkEngine) decide(now int64) {
	if now-e.swept < int64(time.Second) {
		return
	}
	e.swept = now
	for _, s := range e.links {
		if now-s.last > int64(linkSilence) {
			e.end(s)
		}
	}
}

func (e *linkEngine) close() {
	for _, s := range e.links {
		e.end(s)
	}
	e.swept = 0
}

// linkAlerts turns what changed into alerts.
func (e *Engine) linkAlerts(now int64, reason string) {
	for _, s := range e.links.changed {
		e.alerts = append(e.alerts, e.saturated(s, now, Update, ""))
	}
	for _, s := range e.links.ended {
		why := reason
		if why == "" && now-s.last > int64(linkSilence) {
			why = ReasonNoCounters
		}
		e.alerts = append(e.alerts, e.saturated(s, now, End, why))
	}
	clear(e.links.changed)
	clear(e.links.ended)
	e.links.changed, e.links.ended = e.links.changed[:0], e.links.ended[:0]
}

func (e *Engine) saturated(s *saturation, now int64, c Change, reason string) *Alert {
	s.seq++
	s.shown = s.last
	a := &Alert{
		At: time.Unix(0, max(s.last, now)).UTC(), Seq: s.seq, Change: c, Kind: LinkSaturated, State: Confirmed, Severity: Warning,
		Reason: reason, Subject: e.linkSubject(s.key), Evidence: e.linkEvidence(s, now),
	}
	a.identify(s.since)
	switch {
	case c == End:
		a.State = Resolved
	case s.seq == 1:
		a.Change = Start
	}
	return a
}

// linkEvidence names the largest flows that pass the interface in the full
// direction and have an alert of their own.
func (e *Engine) linkEvidence(s *saturation, now int64) *LinkEvidence {
	dir := 0
	if s.key.out {
		dir = 1
	}
	r := &s.rates
	v := &LinkEvidence{
		BitsPerSecond: whole(r.BitsPerSecond[dir]), Speed: Uint64(r.Speed), Peak: whole(s.peak),
		Discards: decimals(max(r.Discards[dir], 0), 1), Seconds: decimals(float64(s.last-s.since)/1e9, 1), ByDiscards: s.byDrops,
	}
	if r.Speed > 0 {
		v.Utilisation = decimals(r.BitsPerSecond[dir]/float64(r.Speed), 4)
	}
	flows := e.tracker.Passing(s.key.agent, s.key.iface, s.key.out, now)
	slices.SortFunc(flows, func(a, b largeflow.Passing) int {
		return cmp.Or(cmp.Compare(b.BitsPerSecond, a.BitsPerSecond), largeflow.CompareKeys(&a.Key, &b.Key))
	})
	for i := range flows[:min(len(flows), linkFlows)] {
		f := &flows[i]
		v.Flows = append(v.Flows, LinkFlow{
			Flow: newFlowSubject(&f.Key, e.names), BitsPerSecond: whole(f.BitsPerSecond), Low: whole(f.Low), High: whole(f.High),
			Usual: e.habits.usual(groupOf(s.key, &f.Key), now),
		})
	}
	return v
}
