package largeflow

import "math"

// line is a boundary of the walk that adds gain for every sample and loses
// drain a second: the sample that lifts it to limit or above stops the walk.
type line struct{ gain, drain, limit float64 }

// stopping is the rule under which samples were looked at: they were counted
// from start samples at time 0 on, until the first that reached one of lines.
type stopping struct {
	lines []line
	start int
}

// maxStates bounds how many numbers of samples are possible at a time before a
// law is given up.
const maxStates = 256

// crossAt returns until when the n-th sample stops the walk.
func (s *stopping) crossAt(n int) float64 {
	at := math.Inf(-1)
	for _, l := range s.lines {
		at = max(at, (l.gain*float64(n)-l.limit)/l.drain)
	}
	return at
}

// law returns the probability that the walk of a flow that gives rate samples
// a second stops within t seconds: exact, by following the probability of
// every number of samples between the times at which one more is possible. ok
// is false where there are too many.
func (s *stopping) law(rate, t float64) (p float64, ok bool) {
	var a, b [maxStates]float64 // of start, start+1, …
	state, next := &a, &b
	n := 1 // numbers possible
	for s.crossAt(s.start+n) <= 0 {
		if n++; n > maxStates {
			return 0, false
		}
	}
	state[0] = 1
	now, left := 0.0, 1.0
	for now < t {
		until := min(s.crossAt(s.start+n), t)
		left = birth(state[:n], next[:n], rate*(until-now))
		state, next = next, state
		if now = until; now < t {
			if n++; n > maxStates {
				return 0, false
			}
			state[n-1] = 0
		}
	}
	return 1 - left, true
}

// birth moves the states on by a Poisson number of samples of that mean, and
// returns what is left within them.
func birth(from, to []float64, mean float64) (left float64) {
	var p [maxStates]float64
	p[0] = math.Exp(-mean)
	most := len(from) - 1
	for i := 1; i <= most; i++ {
		if p[i] = p[i-1] * mean / float64(i); p[i] < 1e-12 && float64(i) > mean {
			most = i
		}
	}
	for i := range to {
		v := 0.0
		for j := max(0, i-most); j <= i; j++ {
			v += from[j] * p[i-j]
		}
		to[i] = v
		left += v
	}
	return left
}

// quantile returns the rate under which the walk stops within t seconds with
// probability p: the upper end of a one-sided confidence interval, whatever
// made it stop. guess is a rate of the right order.
func (s *stopping) quantile(p, t, guess float64) (rate float64, ok bool) {
	lo, hi := math.Log(guess), math.Log(guess)
	value := func(x float64) float64 {
		v, fine := s.law(math.Exp(x), t)
		ok = ok && fine
		return v - p
	}
	ok = true
	for i := 0; i < 8 && value(lo) > 0; i++ {
		hi, lo = lo, lo-0.5
	}
	for i := 0; i < 8 && ok && value(hi) < 0; i++ {
		lo, hi = hi, hi+0.5
	}
	for range 12 {
		if x := (lo + hi) / 2; value(x) < 0 {
			lo = x
		} else {
			hi = x
		}
	}
	return math.Exp((lo + hi) / 2), ok
}

// The mean of the median estimate of n samples is above the truth, as that of
// any estimate that goes with one over a time: by simulation of flows of 1 to
// 10 times the threshold, by this much over n, and not by more than skewedMost.
const (
	skewed     = 1.7
	skewedMost = 0.2
)

// estimate returns a flow's rate in samples a second and its 95 % interval
// after the walk stopped at t seconds with n samples. The interval holds the
// rates that are not surprised by so early or so late an end (ordering of
// Armitage and Siegmund); the estimate is the median of that law, made
// smaller because its own law is skewed.
func (s *stopping) estimate(n, t float64) (rate, low, high float64, ok bool) {
	const tail = (1 - confidence) / 2
	guess := max(n-1, 0.5) / t
	low, ok1 := s.quantile(tail, t, guess/2)
	high, ok2 := s.quantile(1-tail, t, guess*2)
	rate, ok3 := s.quantile(0.5, t, guess)
	return rate * (1 - min(skewed/n, skewedMost)), low, high, ok1 && ok2 && ok3
}
