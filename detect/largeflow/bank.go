package largeflow

import (
	"math"
	"time"
)

const (
	banks = 4 // alternatives, as multiples of the threshold

	// The background is one of a geometric row of levels, in units of the
	// threshold, so that everything that depends on it is computed once.
	levels     = 21
	lowLevel   = 0.1
	levelStep  = 1.1
	highestRho = 0.7

	day  = 24 * time.Hour
	week = 7 * day
)

// multiples of the threshold that the bank's members are best at: 10, 20, 50
// and 100 % of a link at the usual threshold of 10 %.
var multiples = [banks]float64{1, 2, 5, 10}

// Budget is how many false alarms are allowed.
type Budget struct {
	Suspected float64 // a day and link
	Confirmed float64 // a week and site, divided by its links
}

// DefaultBudget allows one false suspicion a day and link, and one false
// confirmation a week and site.
var DefaultBudget = Budget{Suspected: 1, Confirmed: 1}

// member is one CUSUM of the bank at one background, for a flow that gives L
// samples a second at the threshold: each sample adds gain, and drain·L is
// taken off a second.
type member struct {
	gain, drain float32
	base        float32 // of the alarm threshold: base + ln of the budget in samples
}

// hypotheses holds the bank for every background level.
var hypotheses = newHypotheses()

func newHypotheses() (hs [levels][banks]member) {
	const n = 1e8 // where the threshold is solved; elsewhere it grows by the logarithm
	for i := range hs {
		for j, m := range multiples {
			r := m / rho(uint8(i))
			hs[i][j] = member{
				gain: float32(math.Log(r)), drain: float32(m - rho(uint8(i))),
				base: float32(thresholdFor(r, n) - math.Log(n)),
			}
		}
	}
	return hs
}

// rho returns the background of a level, in units of the threshold.
func rho(level uint8) float64 { return min(lowLevel*math.Pow(levelStep, float64(level)), highestRho) }

// levelOf returns the lowest level of at least rho.
func levelOf(rho float64) uint8 { return clampLevel(math.Ceil(steps(rho) - 1e-9)) }

// levelBelow returns the highest level of at most rho.
func levelBelow(rho float64) uint8 { return clampLevel(math.Floor(steps(rho))) }

func steps(rho float64) float64 {
	return math.Log(max(rho, 1e-9)/lowLevel) / math.Log(levelStep)
}

func clampLevel(v float64) uint8 { return uint8(min(max(v, 0), levels-1)) }

// budgetLog returns the logarithm of what the samples per second of a flow at
// the threshold are multiplied with to give the run length a bank's member
// must have, in background events. On a link full of flows of the background,
// ρ of a threshold that is this share of it, there are 1/(ρ·share) flows, each
// with ρL events a second: ρ cancels out.
func (b Budget) budgetLog(share float64) float64 {
	return math.Log(banks * day.Seconds() / b.Suspected / share)
}
