// Package distinct estimates how many different things there are from samples
// of them, and says how far the estimate can be trusted.
//
// Counting what is different among samples is biased: of a thousand sources,
// forty samples show forty at most. What tells is how often the samples repeat
// one another. n samples of t equally frequent things show t·(1-(1-1/t)^n)
// different ones; Estimate inverts that. With no repetition only a lower bound
// is known from the samples, and the upper is what was there to be counted at
// all: as many things as packets.
package distinct

import (
	"math"
	"math/bits"

	"weir/detect/window"
)

// Set counts different hashes by linear counting (Whang, Vander-Zanden,
// Taylor, 1990): exact but for collisions up to a few dozen, 3 % off at 1000.
type Set [16]uint64

const setBits = uint64(len(Set{}) * 64)

// Add adds a well mixed hash. It reports whether its bit was new.
func (s *Set) Add(hash uint64) bool {
	word, bit := hash/64%uint64(len(s)), uint64(1)<<(hash%64)
	if s[word]&bit != 0 {
		return false
	}
	s[word] |= bit
	return true
}

// Merge adds all of other.
func (s *Set) Merge(other *Set) {
	for i := range s {
		s[i] |= other[i]
	}
}

// Count returns the estimated number of different hashes.
func (s *Set) Count() float64 {
	ones := 0
	for _, w := range s {
		ones += bits.OnesCount64(w)
	}
	return linear(ones, int(setBits))
}

// linear inverts the expected number of ones. A full set is counted as one
// with a single zero.
func linear(ones, size int) float64 {
	zeros := max(size-ones, 1)
	return math.Log(float64(size)/float64(zeros)) * float64(size)
}

// Estimate is a number of different things with its 95 % interval.
type Estimate struct {
	Seen      float64 // different ones among the samples
	Value     float64
	Low, High float64
}

// FromSamples estimates from n samples, each standing for rate packets, that
// show d different things. There cannot be more than most; 0 means no bound.
//
// Low is the smallest number for which n samples would rarely show as many as
// d; High the largest for which they would rarely repeat as often as they did.
// Rarely is 2.5 %, by the Poisson distribution of the repetitions, widened by
// what a Set errs in d.
func FromSamples(n, d, rate, most float64) Estimate {
	d = min(d, n)
	e := Estimate{Seen: d}
	if n <= 0 {
		return e
	}
	repeats := math.Round(n - d)
	packets := n * max(rate, 1)
	if most > 0 {
		packets = min(packets, most)
	}
	packets = max(packets, d)
	low, high := window.Interval(repeats, 0.95)
	load := d / float64(setBits)
	noise := 2 * math.Sqrt(float64(setBits)*(math.Exp(min(load, 8))-load-1))
	if a := n / d; a > 4 { // nearly all were shown: repetitions are no longer rare (Johnson, Kotz: Urn models)
		spread := 2 * math.Sqrt(d*(math.Exp(-a)-(1+a)*math.Exp(-2*a)))
		low, high = repeats-spread, repeats+spread
	}
	low = max(repeats-math.Hypot(repeats-low, noise), 0)
	high = repeats + math.Hypot(high-repeats, noise)
	e.Value = invert(n, n-repeats, packets)
	e.Low = min(max(invert(n, n-min(high, n-1), packets), d-noise), e.Value)
	e.High = max(invert(n, n-low, packets), e.Value)
	return e
}

// invert returns the number of things of which n samples show d, at most most.
func invert(n, d, most float64) float64 {
	d = max(d, 1)
	if d >= n {
		return most
	}
	lo, hi := d, max(most, d)
	if shown(hi, n) <= d {
		return hi
	}
	for range 60 {
		mid := (lo + hi) / 2
		if shown(mid, n) < d {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// shown returns how many of t things n samples show.
func shown(t, n float64) float64 {
	if t <= 1 {
		return min(t, n)
	}
	return -t * math.Expm1(n*math.Log1p(-1/t))
}
