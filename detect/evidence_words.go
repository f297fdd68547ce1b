package detect

import (
	"fmt"
	"strconv"
	"time"
)

// Line implements Evidence: "1.2 Gbit/s (0.9–1.5) on leaf1 Ethernet12, 0.6 s
// after its first sample"; with an alias `on leaf1 Ethernet12 "to spine2"`. Of
// a flow that has ended it says what it was as a whole: "1.78 GB in 2m24s, 98.7
// Mbit/s (97.9–99.5) on average, on leaf1 Ethernet12".
func (e *LargeFlowEvidence) Line() string {
	switch {
	case e.Ended:
		return e.whole() + ", " + e.where()
	case e.quiet():
		return e.pause() + " " + e.where()
	}
	return e.rate() + " " + e.tail()
}

// line implements sentence.
func (e *LargeFlowEvidence) line(subject string) string {
	switch {
	case e.Ended:
		return "large flow of " + e.whole() + ", " + subject + " " + e.where()
	case e.quiet():
		return "large flow " + e.pause() + " " + subject + " " + e.where()
	}
	return "large flow " + e.rate() + " " + subject + " " + e.tail()
}

func (e *LargeFlowEvidence) tail() string {
	return e.where() + ", " + strconv.FormatFloat(e.SecondsToAlert, 'f', 1, 64) + " s after its first sample"
}

// quiet reports that the window has no sample, while the life has.
func (e *LargeFlowEvidence) quiet() bool { return e.Samples == 0 && e.LifeBitsPerSecond > 0 }

// whole is what the flow carried in its life. The interval of the octets is
// that of the rate: what they have in common is the number of samples.
func (e *LargeFlowEvidence) whole() string {
	life := time.Duration(e.LifeSeconds * float64(time.Second))
	switch {
	case life >= 10*time.Second:
		life = life.Round(time.Second)
	case life >= time.Second:
		life = life.Round(time.Second / 10)
	default:
		life = life.Round(time.Millisecond)
	}
	return fmt.Sprintf("%s in %s, %s on average", scaled(float64(e.LifeOctets), "B"), life, interval(e.LifeBitsPerSecond, e.LifeLow, e.LifeHigh))
}

// pause is what is known while nothing of the flow is sampled.
func (e *LargeFlowEvidence) pause() string {
	return "below " + scaled(float64(e.High), "bit/s") + " now, " + interval(e.LifeBitsPerSecond, e.LifeLow, e.LifeHigh) + " before,"
}

// rate writes the estimate and its interval.
func (e *LargeFlowEvidence) rate() string { return interval(e.BitsPerSecond, e.Low, e.High) }

// interval writes a rate in bit/s and, in the same unit, its limits.
func interval(rate, low, high Uint64) string {
	v := float64(rate)
	if v == 0 {
		v = float64(high)
	}
	unit, name := 1.0, " bit/s"
	for _, u := range []struct {
		factor float64
		name   string
	}{{1e3, " kbit/s"}, {1e6, " Mbit/s"}, {1e9, " Gbit/s"}, {1e12, " Tbit/s"}} {
		if v >= u.factor {
			unit, name = u.factor, u.name
		}
	}
	digits := 0
	if v < 100*unit {
		digits = 1
	}
	f := func(v Uint64) string { return strconv.FormatFloat(float64(v)/unit, 'f', digits, 64) }
	return f(rate) + name + " (" + f(low) + "–" + f(high) + ")"
}
