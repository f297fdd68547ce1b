package series

import (
	"fmt"
	"hash/maphash"
	"time"

	points "weir/collector/series"
)

// Where there are more series than may be kept, those of an interface are kept
// all or not at all, and interfaces with traffic come first: when three quarters
// of the places are taken, one that is down or carries nothing gets none, and of
// what one carries only its second sample tells. An eighth is left to all else, as
// to hosts, virtual machines, agents and weir itself.
const (
	idleShare   = 4 // part of all series that idle interfaces leave to others
	othersShare = 8 // part that all interfaces leave

	// lackFor is how long what is refused is remembered, at least.
	lackFor = 10 * time.Minute
	// maxLack is how many things are remembered that lack series.
	maxLack = 1 << 17
	// shortFor is how long there must be too few places until that is told: by then
	// all have asked for theirs.
	shortFor = 3 * time.Minute
)

// scarce counts what places are for, and what has none. The store's entriesMu
// guards it.
type scarce struct {
	reserved int // series that interfaces will have, once their rates are known

	seed    maphash.Seed
	since   time.Time
	now     map[uint64]int // what was refused since then: series
	lacking [2]int         // series of it, and of the time before

	short time.Time // when they began to be too few; of care
	told  int       // how many were lacking when it was told
}

// refuse remembers that so many series of a thing were refused.
func (s *scarce) refuse(k *entryKey, series int, at time.Time) {
	s.turn(at)
	h := maphash.Comparable(s.seed, *k)
	had, ok := s.now[h]
	if series > had && (ok || len(s.now) < maxLack) {
		s.now[h] = series
		s.lacking[0] += series - had
	}
}

// admit forgets that series of a thing were refused.
func (s *scarce) admit(k *entryKey) {
	if len(s.now) == 0 {
		return
	}
	h := maphash.Comparable(s.seed, *k)
	s.lacking[0] -= s.now[h]
	delete(s.now, h)
}

// turn forgets what was refused long ago.
func (s *scarce) turn(at time.Time) {
	if s.now == nil {
		s.seed, s.now, s.since = maphash.MakeSeed(), map[uint64]int{}, at
	}
	if d := at.Sub(s.since); d > lackFor || d < 0 {
		clear(s.now)
		s.lacking[0], s.lacking[1], s.since = 0, s.lacking[0], at
	}
}

// lack returns how many series there are that are not kept, as far as is known.
func (s *scarce) lack(at time.Time) int {
	s.turn(at)
	if at.Sub(s.since) < shortFor {
		return max(s.lacking[0], s.lacking[1]) // those of the time before ask again
	}
	return s.lacking[0]
}

// carries reports that an interface is known to be up and to carry something.
func (pl *plan) carries(p *points.Point) bool {
	some := false
	for _, f := range pl.traffic {
		if f >= len(p.Values) {
			continue
		}
		switch v := &p.Values[f]; v.Kind() {
		case points.Int:
			some = some || v.Int() > 0
		case points.Float:
			some = some || v.Float() > 0
		}
	}
	return some
}

// admits reports whether an entry may have its missing series.
func (w *writing) admits(pl *plan, k *entryKey, e *entry, missing int, carries bool) bool {
	left := w.cfg.Series - int(w.db.Head().NumSeries()) - w.scarce.reserved
	switch {
	case pl.traffic == nil:
	case carries:
		left -= w.cfg.Series / othersShare
	default:
		left -= w.cfg.Series / idleShare
	}
	if pl.traffic != nil && e.series == 0 {
		missing = len(pl.fields) // the rates come with the next sample
	}
	if pl.ofAgent {
		left = min(left, w.cfg.Series/agentShare-w.agents[k.tags[0]])
	}
	return left >= missing
}

// settle reserves places for an interface whose rates come with the next sample.
func (w *writing) settle(pl *plan, e *entry, fresh bool) {
	e.reserved = 0
	if fresh && e.series > 0 {
		e.reserved = max(len(pl.fields)-e.series, 0)
	}
	w.scarce.reserved += e.reserved
}

// scarcity tells what is not kept, once it is known how much that is, and again
// when it is twice as much.
func (s *Store) scarcity(now time.Time) {
	s.entriesMu.Lock()
	lack := s.scarce.lack(now)
	tell := false
	switch {
	case lack == 0:
		s.scarce.short, s.scarce.told = time.Time{}, 0
	case s.scarce.short.IsZero():
		s.scarce.short = now
	case now.Sub(s.scarce.short) >= shortFor && lack >= 2*s.scarce.told:
		s.scarce.told, tell = lack, true
	}
	s.entriesMu.Unlock()
	s.count(func(st *Stats) { st.Lacking = lack })
	if tell {
		s.cfg.Log.Warn().Int("not_kept", lack).Msg(s.Stats().Shortage())
	}
}

// Shortage says that series are not kept for want of places, "" where none are.
func (st Stats) Shortage() string {
	if st.Lacking == 0 {
		return ""
	}
	const memory = 1.5e-3 // MB of each
	all := (st.Series + st.Lacking) * idleShare / (idleShare - 1)
	return fmt.Sprintf("%d time series are not kept, of interfaces that are down or idle first: history.series_most allows %d; %d keeps all, and takes %.0f MB of memory more",
		st.Lacking, st.MaxSeries, all, float64(all-st.MaxSeries)*memory)
}
