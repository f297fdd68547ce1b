package flood

import (
	"net/netip"
	"time"
)

// Stats are running counts and the use of bounds of a Tracker.
type Stats struct {
	Victims, MaxVictims int    // keys followed
	Tracks, MaxTracks   int    // of their traffic, by kind and agent
	Open                int    // alerts
	Started             uint64 // alerts
	Evicted             uint64 // keys that lost their place, and with it what was learned of them
	Dropped             uint64 // records for which there was no place
	Ports, CutPorts     int    // known, and of these in the cut
}

// Tracker joins what the shards hand over and decides. It belongs to one
// goroutine.
type Tracker struct {
	cfg     Config
	scales  *scales
	cut     *cut
	victims map[Key]*victim
	oldest  *victim // by lastSeen
	newest  *victim
	dirty   []*victim
	open    []*victim
	free    []*track
	tracks  int
	swept   int64
	stats   Stats
	final   bool // there will be no more samples: decide by what there is
}

// NewTracker returns a tracker. agent returns the address of an agent by its
// number, for a configured cut; it may be nil.
func NewTracker(cfg Config, agent func(uint32) netip.Addr) *Tracker {
	if agent == nil {
		agent = func(uint32) netip.Addr { return netip.Addr{} }
	}
	return &Tracker{cfg: cfg, scales: newScales(&cfg), cut: newCut(&cfg, agent), victims: map[Key]*victim{}}
}

// SetConfig replaces thresholds; bounds and the cut stay.
func (t *Tracker) SetConfig(cfg Config) {
	cfg.Hosts, cfg.Victims, cfg.Cut = t.cfg.Hosts, t.cfg.Victims, t.cfg.Cut
	t.cfg, t.scales = cfg, newScales(&cfg)
}

// Publish tells in which ports are inside the cut, if that has changed.
func (t *Tracker) Publish(in *Inside) {
	if t.cut.changed {
		t.cut.publish(in)
	}
}

// Add takes one hand-over.
func (t *Tracker) Add(b *Batch) {
	for i := range b.Sightings {
		t.cut.sight(&b.Sightings[i])
	}
	for i := range b.Records {
		if r := &b.Records[i]; !r.Egress {
			t.cut.see(r)
		}
	}
	for i := range b.Records {
		t.add(&b.Records[i])
	}
	for i := range b.Details {
		t.detail(&b.Details[i])
	}
}

func (t *Tracker) add(r *Record) {
	counts, edge := t.cut.see(r)
	if !counts {
		return
	}
	v := t.victim(&r.Key, r.Last)
	if v == nil {
		t.stats.Dropped++
		return
	}
	s := sum{float64(r.N), r.W, r.W2, r.Load * v.scale, r.Octets}
	threshold := 1.0
	if r.Kind < Kinds {
		threshold = v.threshold(r.Kind, t.cfg.Baseline)
		v.use(r)
	}
	fresh := false
	if tr := t.track(v, r.Kind, r.Agent); tr != nil {
		fresh = tr.add(r, s, threshold)
	}
	if edge {
		if tr := t.track(v, r.Kind, 0); tr != nil {
			tr.add(r, s, threshold)
		}
	}
	if r.Kind < Kinds {
		sp := v.spread[r.Kind]
		switch {
		case sp == nil:
			sp = &spread{since: r.First}
			v.spread[r.Kind] = sp
		case fresh && v.alert == nil && r.First-sp.since > int64(time.Second):
			*sp = spread{since: r.First}
		}
		sp.packets += r.W
	}
	if !v.dirty {
		v.dirty = true
		t.dirty = append(t.dirty, v)
	}
}

func (t *Tracker) detail(d *Detail) {
	k := hostKey(&d.Dst, d.Domain, d.V6)
	for i, on := range [2]bool{d.Host, d.Prefix} {
		if i == 1 {
			k = k.prefix()
		}
		v := t.victims[k]
		if !on || v == nil {
			continue
		}
		sp := v.spread[d.Kind]
		if sp == nil {
			sp = &spread{since: v.lastSeen}
			v.spread[d.Kind] = sp
		}
		if sp.n >= manyDetails && v.alert == nil {
			*sp = spread{since: v.lastSeen}
		}
		sp.add(d)
	}
}

// victim returns the key's place and moves it to the young end.
func (t *Tracker) victim(k *Key, at int64) *victim {
	v := t.victims[*k]
	if v == nil {
		if len(t.victims) >= t.cfg.Victims && !t.evict() {
			return nil
		}
		v = &victim{key: *k, scale: 1}
		if !k.host() {
			v.scale = 1 / t.cfg.Prefix
		}
		t.victims[*k] = v
	} else {
		t.unlink(v)
	}
	v.lastSeen = max(v.lastSeen, at)
	v.prev = t.newest
	if t.newest != nil {
		t.newest.next = v
	} else {
		t.oldest = v
	}
	t.newest = v
	return v
}

func (t *Tracker) unlink(v *victim) {
	if v.prev != nil {
		v.prev.next = v.next
	} else {
		t.oldest = v.next
	}
	if v.next != nil {
		v.next.prev = v.prev
	} else {
		t.newest = v.prev
	}
	v.prev, v.next = nil, nil
}

// evict makes room: the key that was silent longest and has no alert goes.
func (t *Tracker) evict() bool {
	for v := t.oldest; v != nil; v = v.next {
		if v.alert == nil && !v.dirty {
			t.unlink(v)
			t.release(v)
			delete(t.victims, v.key)
			t.stats.Evicted++
			return true
		}
	}
	return false
}

// tracksPerVictim bounds the memory of tracks: a key has a few kinds at a few
// agents.
const tracksPerVictim = 4

func (t *Tracker) track(v *victim, k Kind, agent uint32) *track {
	if tr := v.track(k, agent); tr != nil {
		return tr
	}
	var tr *track
	switch n := len(t.free); {
	case n > 0:
		tr = t.free[n-1]
		t.free = t.free[:n-1]
		*tr = track{}
	case t.tracks < tracksPerVictim*t.cfg.Victims:
		tr = &track{}
		t.tracks++
	default:
		t.stats.Dropped++
		return nil
	}
	tr.agent = agent
	v.tracks[k] = append(v.tracks[k], tr)
	return tr
}

// release gives back what a silent key does not need.
func (t *Tracker) release(v *victim) {
	for k := range v.tracks {
		t.free = append(t.free, v.tracks[k]...)
		v.tracks[k] = nil
	}
	v.spread = [Kinds]*spread{}
	v.ports = nil
}

// sweep releases keys that are silent.
func (t *Tracker) sweep(now int64) {
	if now-t.swept < int64(time.Second) {
		return
	}
	t.swept = now
	for v := t.oldest; v != nil && now-v.lastSeen > slots*slotNs+blockSlots*slotNs; v = v.next {
		if v.alert == nil && v.ports != nil {
			v.learn(now)
			t.release(v)
		}
	}
}

// Decide judges every key with news, and those with an open alert, as of now.
func (t *Tracker) Decide(now int64, out []Report) []Report {
	for _, hosts := range [2]bool{false, true} { // a prefix absorbs its hosts
		for _, v := range t.dirty {
			if v.key.host() == hosts {
				v.learn(now)
				if v.alert == nil {
					out = t.start(v, now, out)
				}
			}
		}
	}
	for _, v := range t.dirty {
		v.dirty = false
	}
	t.dirty = t.dirty[:0]
	keep := t.open[:0]
	for _, v := range t.open {
		if v.alert != nil {
			out = t.follow(v, now, out)
		}
		if v.alert != nil {
			keep = append(keep, v)
		}
	}
	clear(t.open[len(keep):])
	t.open = keep
	t.sweep(now)
	return out
}

// End takes a last look, ends all alerts and forgets everything but the counts.
func (t *Tracker) End(now int64, out []Report) []Report {
	t.final = true
	for v := t.newest; v != nil && now-v.lastSeen < int64(time.Second); v = v.prev {
		if v.alert == nil && !v.dirty {
			v.dirty = true
			t.dirty = append(t.dirty, v)
		}
	}
	out = t.Decide(now, out)
	t.final = false
	for _, v := range t.open {
		if v.alert != nil {
			out = append(out, t.report(v, now, Ended))
		}
	}
	clear(t.victims)
	t.oldest, t.newest, t.dirty, t.open, t.free = nil, nil, nil, nil, nil
	t.tracks, t.swept = 0, 0
	t.cut.reset()
	return out
}

// Stats returns the counts.
func (t *Tracker) Stats() Stats {
	s := t.stats
	s.Victims, s.MaxVictims = len(t.victims), t.cfg.Victims
	s.Tracks, s.MaxTracks = t.tracks-len(t.free), tracksPerVictim*t.cfg.Victims
	s.Open, s.Ports = len(t.open), len(t.cut.ports)
	s.CutPorts = t.cut.edges
	return s
}
