package collector

import (
	"context"
	"fmt"
	"time"

	"weir/collector/sink/route"
	"weir/detect"
	"weir/detect/site"
)

// Times of what weir watches of itself.
const (
	deafAtLeast   = 6 * time.Second  // without any datagram
	deafFactor    = 3                // times the longest pause that was usual
	deafFromStart = time.Minute      // at least, for agents known from before and while pauses are learned
	learnFor      = 10 * time.Minute // from the first datagram on
	maxPause      = 5 * time.Minute  // that is learned as usual
	overloadSpan  = 10               // seconds that drops are summed over
	overloadShare = 0.01             // of the datagrams, from which on our drops blind us
	overloadEnds  = 30 * time.Second // without such drops
	pagersFor     = 5 * time.Minute  // all pagers fail
	everyBeat     = time.Minute
	detectionIdle = 5 * time.Second // detection has not come round: it hangs
)

// selfWatch decides what is wrong with weir itself. It reads no clock.
type selfWatch struct {
	host, site string

	datagrams uint64    // when last heard
	heard     time.Time // anything; the start before that
	ever      bool      // heard anything
	first     time.Time // heard anything
	pause     time.Duration
	deaf      *detect.Alert

	sums     [overloadSpan]load // of the last seconds, a ring
	n        int
	last     load      // totals
	start    time.Time // first second
	blind    time.Time // last
	overload *detect.Alert
	blinding blindTime // while that is open

	pagersDown time.Time // since then all fail; zero is not
	pagers     *detect.Alert
}

type load struct{ datagrams, dropped uint64 }

func newSelfWatch(host, site string) selfWatch { return selfWatch{host: host, site: site} }

// health is what a second has shown.
type health struct {
	datagrams, dropped uint64 // since the start
	agents             int    // known
	pagers             int    // configured
	working            int    // of them, as is known
	failing            int    // of them
	why                string // one of them fails
	blinds             []site.Span
	deaf               time.Time // since when nobody is heard who speaks by himself; zero: somebody is
}

// second takes the state of a second and returns what changed.
func (w *selfWatch) second(now time.Time, h health) []*detect.Alert {
	if w.heard.IsZero() {
		w.heard, w.start, w.last = now, now, load{h.datagrams, h.dropped}
	}
	var out []*detect.Alert
	for _, a := range []*detect.Alert{w.listen(now, h), w.drops(now, h), w.page(now, h)} {
		if a != nil {
			out = append(out, a)
		}
	}
	return out
}

// listen finds that nothing at all is heard.
func (w *selfWatch) listen(now time.Time, h health) *detect.Alert {
	silent := now.Sub(w.heard)
	if h.datagrams != w.datagrams {
		w.datagrams = h.datagrams
		switch {
		case !w.ever:
			w.first = now
		case w.deaf == nil || now.Sub(w.first) < learnFor: // an outage is not usual
			w.pause = max(min(silent, maxPause), w.pause-w.pause/1000) // forgets in a quarter of an hour or so
		}
		w.heard, w.ever = now, true
		if !h.deaf.IsZero() { // of those who would tell that they live
			return w.begin(&w.deaf, route.CollectorDeaf, h.deaf, now, fmt.Sprintf("nothing is heard of any agent that speaks by itself for %s, though something arrives", now.Sub(h.deaf).Round(time.Second)))
		}
		return w.end(&w.deaf, now, &route.Says{Text: fmt.Sprintf("datagrams arrive again after %s", silent.Round(time.Second))})
	}
	limit := max(deafAtLeast, deafFactor*w.pause)
	if !w.ever || w.heard.Sub(w.first) < learnFor {
		limit = max(limit, deafFromStart)
	}
	if w.deaf != nil || silent < limit || h.agents == 0 {
		return nil
	}
	text := fmt.Sprintf("no datagram of %d known agents for %s", h.agents, silent.Round(time.Second))
	if !w.ever {
		text += ", since the start"
	}
	return w.begin(&w.deaf, route.CollectorDeaf, w.heard, now, text)
}

// drops finds that the kernel drops at our sockets what we would have to see, or
// that something else keeps us from seeing it.
func (w *selfWatch) drops(now time.Time, h health) *detect.Alert {
	w.sums[w.n%overloadSpan] = load{h.datagrams - w.last.datagrams, h.dropped - w.last.dropped}
	w.n++
	w.last = load{h.datagrams, h.dropped}
	var sum load
	for _, s := range w.sums {
		sum.datagrams += s.datagrams
		sum.dropped += s.dropped
	}
	share := 0.0
	if sum.dropped > 0 {
		share = float64(sum.dropped) / float64(sum.dropped+sum.datagrams)
	}
	return w.blinded(now, h, sum, share)
}

// dropped is how long ago the drops that are summed over began and ended.
func (w *selfWatch) dropped() (first, last time.Duration) {
	last = overloadSpan * time.Second
	for k := range min(w.n, overloadSpan) {
		if w.sums[(w.n-1-k)%overloadSpan].dropped > 0 {
			first, last = time.Duration(k+1)*time.Second, min(last, time.Duration(k)*time.Second)
		}
	}
	return first, last
}

// page finds that nobody can be paged.
func (w *selfWatch) page(now time.Time, h health) *detect.Alert {
	if h.pagers == 0 || h.failing < h.pagers {
		w.pagersDown = time.Time{}
		return w.end(&w.pagers, now, &route.Says{Text: "a pager works again"})
	}
	if w.pagersDown.IsZero() {
		w.pagersDown = now
	}
	if now.Sub(w.pagersDown) < pagersFor {
		return nil
	}
	return w.begin(&w.pagers, route.PagersFailing, w.pagersDown, now, "no pager can be reached: "+h.why)
}

// begin raises an alert that is not open.
func (w *selfWatch) begin(at **detect.Alert, kind detect.Kind, onset, now time.Time, text string) *detect.Alert {
	return w.beginAs(at, kind, onset, now, &route.Says{Text: text})
}

// beginAs is begin with evidence.
func (w *selfWatch) beginAs(at **detect.Alert, kind detect.Kind, onset, now time.Time, e detect.Evidence) *detect.Alert {
	if *at != nil {
		return nil
	}
	*at = route.NewOwn(kind, &route.Collector{Host: w.host, Site: w.site}, e, onset, now)
	a := **at
	return &a
}

// end ends one that is open.
func (w *selfWatch) end(at **detect.Alert, now time.Time, e detect.Evidence) *detect.Alert {
	if *at == nil {
		return nil
	}
	a := **at
	a.At, a.Seq, a.Change, a.State, a.Evidence = now.UTC(), a.Seq+1, detect.End, detect.Resolved, e
	*at = nil
	return &a
}

// watch looks at weir every second, and says every minute that all is well.
func (al *alerting) watch() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	beat := time.Now()
	for {
		var now time.Time
		select {
		case <-al.stop:
			return
		case now = <-t.C:
		}
		h := al.health()
		for _, a := range al.own.second(now, h) {
			al.raise(a)
		}
		if now.Before(beat) {
			continue
		}
		beat = now.Add(everyBeat)
		if al.well(now, h) {
			al.router.Watch(*al.watchdog(now))
			if al.beat != nil {
				al.running.Go(al.sendBeat)
			}
		}
	}
}

func (al *alerting) health() health {
	u := al.app.group.Stats()
	h := health{datagrams: u.Datagrams, dropped: u.SocketDropped, agents: al.app.shared.Totals().Agents}
	if al.app.site != nil {
		h.blinds, h.deaf = al.app.site.blindsOf(time.Now())
	}
	for _, o := range al.outlets {
		if o.cfg.Role != route.Pager {
			continue
		}
		h.pagers++
		if o.Works() {
			h.working++
		}
		if _, err := o.Failing(); err != nil {
			h.failing++
			h.why = o.cfg.Name + ": " + err.Error()
		}
	}
	return h
}

// well reports that intake, detection and a pager work.
func (al *alerting) well(now time.Time, h health) bool {
	switch {
	case al.own.deaf != nil, al.own.overload != nil:
		return false
	case h.pagers > 0 && h.working == 0:
		return false
	}
	return now.Sub(nanoTime(al.alive.Load())) < detectionIdle
}

// watchdog is the alert that always fires.
func (al *alerting) watchdog(now time.Time) *detect.Alert {
	a := route.NewOwn(route.Watchdog, &route.Collector{Host: hostName(), Site: al.site},
		&route.Says{Text: "weir receives and detects; when this ends, look at weir"}, al.app.started, now)
	a.Severity = detect.Info
	return a
}

// sendBeat asks for the heartbeat's address, once.
func (al *alerting) sendBeat() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	go func() {
		select {
		case <-al.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := al.beat.Get(ctx); err != nil && ctx.Err() == nil {
		al.log.Warn().Err(err).Msg("heartbeat could not be sent")
	}
}

func nanoTime(ns int64) time.Time { return time.Unix(0, ns).UTC() }
