package collector

import (
	"fmt"
	"time"

	"weir/collector/sink/route"
	"weir/detect"
	"weir/detect/site"
)

// What suppresses alerts of silence is an alert itself: that silence is not judged,
// since this collector does not hear.
const (
	blindSpan  = 15 * time.Second // of which what was not heard is looked at
	blindLeast = 2 * time.Second  // of these: a deadline passed as long after is still in time
	blindStart = 20 * time.Second // from the start on nothing is judged yet
)

// drops tells the site what the sockets have dropped, before it takes what came
// meanwhile: it is no loss on the way.
func (w *siteWatch) drops() {
	if w.sockets == nil {
		return
	}
	u, now := w.sockets.Stats(), w.sockets.Clock().Now()
	if u.SocketDropped > w.dropped && !w.looked.IsZero() {
		w.site.Dropped(w.looked.UnixNano(), now.UnixNano(), u.Datagrams-w.came, u.SocketDropped-w.dropped)
	}
	w.came, w.dropped, w.looked = u.Datagrams, u.SocketDropped, now
}

// blindsOf returns when silence could not be judged of late, and whether nobody is
// judged now as nothing is heard of anybody.
func (w *siteWatch) blindsOf(now time.Time) (all []site.Span, deaf time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all = append(all, w.blinds...)
	if !w.judged.IsZero() && now.Sub(w.judged) > late {
		all = append(all, site.Span{From: w.judged, To: now, Why: site.WhyHeldUp, Part: 1})
	}
	return all, w.stats.Deaf
}

// blindTime is from when to when silence was not judged, and why.
type blindTime struct {
	from, to time.Time
	why      site.Why
	longest  time.Duration // for this reason
}

// take joins the times in which silence was as good as not judged, and returns how
// much of the last blindSpan that was.
func (b *blindTime) take(now time.Time, all []site.Span) (sum time.Duration) {
	end := now.Add(-blindSpan)
	for _, x := range all {
		if x.Part < site.Opaque || x.Why == site.WhyDeaf || !x.To.After(end) {
			continue
		}
		if x.From.After(end) {
			end = x.From
		}
		sum += x.To.Sub(end)
		end = x.To
		b.join(x.From, x.To, x.Why)
	}
	return sum
}

func (b *blindTime) join(from, to time.Time, why site.Why) {
	if b.from.IsZero() || from.Before(b.from) {
		b.from = from
	}
	if to.After(b.to) {
		b.to = to
	}
	if d := to.Sub(from); d >= b.longest {
		b.why, b.longest = why, d
	}
}

// text says it in words.
func (b *blindTime) text() string {
	const layout = "15:04:05.000"
	return fmt.Sprintf("from %s to %s UTC (%s)", b.from.UTC().Format(layout), b.to.UTC().Format(layout), b.to.Sub(b.from).Round(100*time.Millisecond))
}

// says is the evidence of an alert about it.
func (b *blindTime) says(text string) *route.Says {
	return &route.Says{Text: text, From: detect.Time(b.from.UTC()), To: detect.Time(b.to.UTC())}
}

// blinded finds that silence is not judged, for drops of ours or since something
// here stands still. share is how much was dropped of late.
func (w *selfWatch) blinded(now time.Time, h health, sum load, share float64) *detect.Alert {
	var b blindTime
	blind := b.take(now, h.blinds)
	dropping := share >= overloadShare
	if dropping {
		first, last := w.dropped()
		b.join(now.Add(-first), now.Add(-last), site.WhyDropped)
	}
	switch {
	case dropping, blind >= blindLeast && now.Sub(w.start) >= blindStart:
		w.blind = now
		w.blinding.join(b.from, b.to, b.why)
		if w.overload != nil {
			return nil
		}
		w.blinding = b
		text := fmt.Sprintf("silence could not be judged %s: %s; what was detected meanwhile is too little", b.text(), b.why)
		if dropping {
			text = fmt.Sprintf("the kernel dropped %d datagrams of ours in %d s, %.1f %% of what came: what is detected is too little", sum.dropped, overloadSpan, 100*share)
		}
		return w.beginAs(&w.overload, route.CollectorOverloaded, b.from, now, b.says(text))
	case w.overload != nil && now.Sub(w.blind) >= overloadEnds:
		b, w.blinding = w.blinding, blindTime{}
		return w.end(&w.overload, now, b.says("all is heard again; it was not "+b.text()+": "+string(b.why)))
	}
	return nil
}
