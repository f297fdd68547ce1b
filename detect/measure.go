package detect

import (
	"math"

	"weir/detect/largeflow"
	"weir/detect/rules"
)

// Measured is evidence with one number that says how much, greatest at the
// alert's peak.
type Measured interface {
	// Measure returns the number, and the text that people read.
	Measure() (value float64, text string)
}

func bitRate(v float64) string    { return largeflow.BitRate(rules.Round(v, 3)) }
func packetRate(v float64) string { return rules.Magnitude(rules.Round(v, 3)) + "pps" }

// Measure implements Measured.
func (e *LargeFlowEvidence) Measure() (value float64, text string) {
	return float64(e.BitsPerSecond), bitRate(float64(e.BitsPerSecond))
}

// Measure implements Measured.
func (v *FloodEvidence) Measure() (value float64, text string) {
	return float64(v.PacketsPerSecond), packetRate(float64(v.PacketsPerSecond))
}

// Measure implements Measured.
func (v *ScanEvidence) Measure() (value float64, text string) {
	return v.ProbesPerSecond, number(rules.Round(v.ProbesPerSecond, 3)) + " probes/s"
}

// Measure implements Measured.
func (v *RuleEvidence) Measure() (value float64, text string) { return v.Peak, v.text(v.Peak) }

// Measure implements Measured.
func (v *WatchEvidence) Measure() (value float64, text string) {
	return math.Abs(v.Value), number(rules.Round(v.Value, 4))
}
