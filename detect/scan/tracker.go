package scan

import (
	"net/netip"
	"slices"

	"weir/detect/distinct"
)

// alertKey is a source and what it does: one alert.
type alertKey struct {
	addr   [16]byte
	domain uint32
	is     Type
}

type alert struct {
	key     alertKey
	seq     uint64
	started int64
	told    int64
	last    int64
	probes  uint64 // when last told
	best    Finding
	fresh   bool
}

// Report is one change of one alert.
type Report struct {
	Finding
	Seq      uint64
	At       int64
	Started  int64
	Start    bool
	End      bool
	Internal bool
}

// Stats are running counts of a Tracker.
type Stats struct {
	Open, MaxOpen int
	Started       uint64
	Dropped       uint64 // findings for which there was no place
}

// Tracker joins the findings of all shards. It belongs to one goroutine.
type Tracker struct {
	cfg   Config
	open  []*alert // by start
	byKey map[alertKey]*alert
	stats Stats
}

// updateGap is how long an alert that goes on says nothing, in ns.
const updateGap = int64(30e9)

// NewTracker returns a tracker.
func NewTracker(cfg Config) *Tracker {
	return &Tracker{cfg: cfg, byKey: map[alertKey]*alert{}}
}

// SetConfig replaces thresholds; bounds stay.
func (t *Tracker) SetConfig(cfg Config) {
	cfg.Alerts = t.cfg.Alerts
	t.cfg = cfg
}

// Add takes one finding.
func (t *Tracker) Add(f *Finding) {
	if within(t.cfg.Never, f.Key.Source()) {
		return
	}
	k := alertKey{f.Key.Addr, f.Key.Domain, f.Type}
	a := t.byKey[k]
	if a == nil {
		if len(t.open) >= t.cfg.Alerts {
			t.stats.Dropped++
			return
		}
		a = &alert{key: k, best: *f, fresh: true}
		t.byKey[k] = a
		t.open = append(t.open, a)
		t.stats.Started++
	}
	a.last = max(a.last, f.Last)
	if f.First > a.best.First && f.Key.Proto == a.best.Key.Proto {
		f.First = a.best.First
	}
	// Several shards, protocols and minutes: the one that shows most speaks.
	if f.Targets.Seen >= a.best.Targets.Seen || f.Probes > a.best.Probes {
		before := a.best
		a.best = *f
		a.best.First = min(before.First, f.First)
		a.best.Targets = more(before.Targets, f.Targets)
		a.best.Hosts, a.best.Ports = more(before.Hosts, f.Hosts), more(before.Ports, f.Ports)
	}
}

func within(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

func more(a, b distinct.Estimate) distinct.Estimate {
	if a.Seen > b.Seen {
		return a
	}
	return b
}

// Decide reports what has changed as of now.
func (t *Tracker) Decide(now int64, out []Report) []Report {
	for _, a := range t.open {
		switch {
		case a.fresh:
			a.started, a.fresh = now, false
			r := t.report(a, now)
			r.Start = true
			out = append(out, r)
		case now-a.last >= int64(t.cfg.Hold):
			r := t.report(a, now)
			r.End = true
			out = append(out, r)
			delete(t.byKey, a.key)
		case now-a.told >= updateGap && a.best.Probes > a.probes:
			out = append(out, t.report(a, now))
		}
	}
	t.open = slices.DeleteFunc(t.open, func(a *alert) bool { return t.byKey[a.key] != a })
	return out
}

// End ends all alerts.
func (t *Tracker) End(now int64, out []Report) []Report {
	for _, a := range t.open {
		r := t.report(a, now)
		r.End = true
		out = append(out, r)
	}
	t.open = nil
	clear(t.byKey)
	return out
}

func (t *Tracker) report(a *alert, now int64) Report {
	a.seq++
	a.told, a.probes = now, a.best.Probes
	return Report{
		Finding: a.best, Seq: a.seq, At: now, Started: a.started,
		Internal: within(t.cfg.Internal, a.best.Key.Source()),
	}
}

// Stats returns the counts.
func (t *Tracker) Stats() Stats {
	s := t.stats
	s.Open, s.MaxOpen = len(t.open), t.cfg.Alerts
	return s
}
