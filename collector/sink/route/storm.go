package route

import (
	"cmp"
	"maps"
	"time"

	"weir/detect"
)

// storm counts pages, and stands for them when they are too many.
type storm struct {
	pages  []time.Time // of the last hour, at most maxPages
	active bool
	alert  *detect.Alert
	held   int // since it began
	byKind map[detect.Kind]int
	causes map[string]time.Time // incidents of pages of the last hour, at most maxPages
	of     map[string]bool      // incidents of what was held, at most maxPages
	told   time.Time            // the last update
	grave  map[string]time.Time // incidents paged in spite of it in the last hour, at most stormPages
	shown  Storm
}

// maxPages bounds what is remembered of a storm; beyond it the storm lasts as
// if there were so many.
const maxPages = 4096

// page says whether the condition may be paged now. In a storm it is held back
// and counted instead.
func (r *Router) page(c *condition, now time.Time) bool {
	if c.unbounded {
		return true
	}
	s := &r.storm
	s.forget(now)
	if c.held {
		return false
	}
	// What else an incident pages for is no further page: it is one cause.
	cause := cmp.Or(c.alert.Incident, c.alert.ID)
	if s.causes == nil {
		s.causes = map[string]time.Time{}
	}
	if _, known := s.causes[cause]; !known && len(s.pages) < maxPages {
		s.pages = append(s.pages, now)
		s.causes[cause] = now
	}
	if !s.active && len(s.pages) <= stormPages {
		return true
	}
	if s.comesThrough(c, cause, now) {
		return true
	}
	c.held = true
	if !s.active {
		s.active, s.held, s.byKind, s.of = true, 0, map[detect.Kind]int{}, map[string]bool{}
	}
	s.held++
	s.byKind[c.alert.Kind]++
	if len(s.of) < maxPages {
		s.of[cause] = true
	}
	if s.alert == nil {
		r.tellStorm(detect.Start, now)
	}
	return false
}

// comesThrough reports whether a page is of what is never held back at first:
// somebody who hides something would make a storm for it. That has as many pages
// an hour of its own.
func (s *storm) comesThrough(c *condition, cause string, now time.Time) bool {
	switch c.alert.Kind {
	case "telemetry_tampered", "rules_flushed", "telemetry_silent":
	default:
		return false
	}
	maps.DeleteFunc(s.grave, func(_ string, at time.Time) bool { return now.Sub(at) >= stormWindow })
	if _, known := s.grave[cause]; known {
		return true
	}
	if len(s.grave) >= stormPages {
		return false
	}
	if s.grave == nil {
		s.grave = map[string]time.Time{}
	}
	s.grave[cause] = now
	return true
}

func (s *storm) forget(now time.Time) {
	n := 0
	for n < len(s.pages) && now.Sub(s.pages[n]) >= stormWindow {
		n++
	}
	s.pages = s.pages[n:]
	if n > 0 {
		maps.DeleteFunc(s.causes, func(_ string, at time.Time) bool { return now.Sub(at) >= stormWindow })
	}
}

// stormTick updates the storm page while counts change, and ends the storm when
// the pages of an hour are few again.
func (r *Router) stormTick(now time.Time) {
	s := &r.storm
	if !s.active {
		return
	}
	s.forget(now)
	if len(s.pages) <= stormPages {
		r.tellStorm(detect.End, now)
		s.active, s.alert = false, nil
		for _, c := range r.waiting { // told by the Tick that called
			c.held = false
		}
		return
	}
	if now.Sub(s.told) >= stormEvery {
		r.tellStorm(detect.Update, now)
	}
}

// tellStorm tells the storm page to everybody: the first page, an update to
// those it does not ring, and its end.
func (r *Router) tellStorm(change detect.Change, now time.Time) {
	s := &r.storm
	e := &Storm{Pages: len(s.pages), Held: s.held, Incidents: len(s.of), ByKind: maps.Clone(s.byKind), Minutes: int(stormWindow / time.Minute)}
	for _, c := range r.waiting {
		if c.held {
			e.Open++
		}
	}
	if change == detect.Start {
		e.Open++ // the one that begins it
	}
	if change == detect.Update && e.Pages == s.shown.Pages && e.Held == s.shown.Held && e.Open == s.shown.Open {
		return
	}
	s.shown, s.told = *e, now
	switch {
	case s.alert == nil:
		s.alert = NewOwn(PageStorm, &Collector{Site: r.cfg.Site}, e, now, now)
	default:
		a := *s.alert
		a.At, a.Seq, a.Change, a.Evidence = now.UTC(), a.Seq+1, change, e
		if change == detect.End {
			a.State = detect.Resolved
		}
		s.alert = &a
	}
	if change == detect.Update { // silent: put would tell only a change of state
		r.silent(s.alert)
		return
	}
	a := *s.alert
	r.put(&a, 0, true, now)
}

// silent updates what the ways that ring nobody were told.
func (r *Router) silent(a *detect.Alert) {
	c := r.open[a.Key]
	if c == nil {
		return
	}
	c.alert = *a
	for i := range r.cfg.Ways {
		if w := &r.cfg.Ways[i]; w.Updates && c.told&(1<<i) != 0 {
			r.out(w, *a, detect.Update)
		}
	}
}
