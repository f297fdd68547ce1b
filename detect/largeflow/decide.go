package largeflow

const (
	confidence = 0.95 // of the intervals shown

	// minSamples is the fewest effective samples that a decision rests on.
	minSamples = 8
	// A flow is suspected when its estimate reaches the threshold and a flow
	// of suspectShare of the threshold would show that with probability
	// suspectChance at most: about one false suspicion per flow that carries
	// half the threshold and day, far fewer for smaller ones.
	suspectShare  = 0.5
	suspectChance = 1e-5
	// A flow is confirmed when one just below the threshold would show as much
	// with probability confirmChance at most; stricter than the interval shown,
	// because it is asked ten times a second.
	confirmChance = 1e-4

	// A flow has come down when its estimate is below endShare of the
	// threshold and its interval below the threshold.
	endShare = 0.8

	showSamples = 16 // a flow at its threshold gives as many in the window shown
)

// spans are the windows tried, in ns.
var spans = [...]int64{200e6, 500e6, 1e9, 2e9, 5e9, 10e9}

// suspect tries the windows from the shortest to the first that reaches back
// to the flow's onset. If one convinces, the estimate is that of the longest
// which agrees: the convincing one was chosen for being high. If that is not
// the flow's whole life, it was a small flow before, and is a new one now.
func (t *Tracker) suspect(f *flow, now int64) (shown Estimate, found bool) {
	var samples uint32
	oldest := now
	for _, p := range f.points {
		samples += p.all.N
		oldest = min(oldest, p.onset.At)
	}
	if samples < minSamples {
		return shown, false
	}
	theta, since := t.threshold(f), int64(0)
	for _, span := range spans {
		e := t.estimate(f, now, span, true)
		if e.Effective >= minSamples && e.BitsPerSecond >= theta {
			shown, since = e, span
			found = found || e.above(suspectShare*theta, suspectChance)
		}
		if now-span <= oldest {
			break
		}
	}
	if found {
		shown.interval()
		for _, p := range f.points {
			p.rebase(now, since)
		}
	}
	return shown, found
}

// confirmed asks the window shown and the whole life.
func (t *Tracker) confirmed(f *flow, e *Estimate, theta float64) bool {
	if e.Effective >= minSamples && e.above(theta, confirmChance) {
		return true
	}
	l := t.life(f)
	return e.BitsPerSecond >= theta && l.Effective >= minSamples && l.above(theta, confirmChance)
}

// estimate takes the flow's rate over the last span ns. That a point sees less
// than others shows best in the longest window, that it stopped in the last.
func (t *Tracker) estimate(f *flow, now, span int64, strict bool) Estimate {
	t.views = t.views[:0]
	for _, p := range f.points {
		t.views = append(t.views, view{p: p})
	}
	if longest := spans[len(spans)-1]; span < longest && len(f.points) > 1 {
		t.look(now, longest, strict)
		measure(t.views)
	}
	t.look(now, span, strict)
	return join(t.views)
}

func (t *Tracker) look(now, span int64, strict bool) {
	for i := range t.views {
		s, ns := t.views[i].p.since(now, span, strict)
		t.views[i].sum, t.views[i].span = s, float64(ns)/1e9
	}
}

func (t *Tracker) life(f *flow) Estimate {
	t.views = t.views[:0]
	for _, p := range f.points {
		s, ns := p.whole()
		t.views = append(t.views, view{p: p, sum: s, span: float64(ns) / 1e9})
	}
	return join(t.views)
}

// threshold is the lowest of the thresholds at the flow's vantage points: a
// flow is large where it is largest.
func (t *Tracker) threshold(f *flow) float64 {
	theta := t.cfg.Threshold.At(f.points[0].Speed)
	for _, p := range f.points[1:] {
		theta = min(theta, t.cfg.Threshold.At(p.Speed))
	}
	return theta
}

// shownSpan is the window that updates are taken over: long enough for a flow
// at its threshold to give showSamples, and for five batches of an agent that
// sends its samples together. It does not depend on how many samples came in
// it, which would bend the estimate.
func (t *Tracker) shownSpan(f *flow, theta float64) int64 {
	var perSecond, gap float64
	for _, p := range f.points {
		perSecond += theta / 8 / p.weight()
		if p.pauses > 0 {
			gap = max(gap, float64(p.idle)/float64(p.pauses))
		}
	}
	for _, span := range spans[2:] {
		if s := float64(span); perSecond*s/1e9 >= showSamples && s >= 5*gap {
			return span
		}
	}
	return spans[len(spans)-1]
}
