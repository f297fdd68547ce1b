// Package model holds detectors that weir is compared with: models of what
// other collectors publish of their logic, textbook detectors tuned to a budget
// of false alarms, and the theoretical bound. None of them is the product whose
// logic it follows.
package model

import "math"

// Detector watches one flow at one point. Times are seconds from any origin and
// never go backwards; bits is what a sample stands for.
//
// An alarm is the moment a quiet detector becomes loud; it is quiet again by
// the rule of its kind. A detector that works at ticks is told of them by the
// next sample, so that its alarm may be earlier than that.
type Detector interface {
	// Sample counts a sample and returns the time of the alarm it led to.
	Sample(at, bits float64) (alarm float64, ok bool)
	// End returns the alarm of the last tick before at, if any.
	End(at float64) (alarm float64, ok bool)
}

// EWMA is exponential smoothing over Tau seconds, judged at every sample. An
// EWMA of 2 s with the threshold itself is the configuration that sFlow-RT's
// published applications use (its own filter is closed).
type EWMA struct {
	Tau, Threshold float64 // s, bit/s

	rate, at float64
	loud     bool
}

// Sample implements Detector.
func (d *EWMA) Sample(at, bits float64) (float64, bool) {
	d.rate *= math.Exp(-(at - d.at) / d.Tau)
	d.at = at
	if d.rate < d.Threshold/2 {
		d.loud = false
	}
	d.rate += bits / d.Tau
	if d.loud || d.rate < d.Threshold {
		return 0, false
	}
	d.loud = true
	return at, true
}

// End implements Detector.
func (d *EWMA) End(float64) (float64, bool) { return 0, false }

// FastNetMon is the published logic of FastNetMon's community edition: every
// Tick seconds the rate of the last tick enters an average of Average seconds,
// and the average is compared with the threshold.
type FastNetMon struct {
	Tick, Average, Threshold float64 // s, s, bit/s
	Phase                    float64 // s, of the first tick

	begun       bool
	next        float64
	count, mean float64
	loud        bool
}

// Sample implements Detector.
func (d *FastNetMon) Sample(at, bits float64) (float64, bool) {
	alarm, ok := d.End(at)
	d.count += bits
	return alarm, ok
}

// End implements Detector.
func (d *FastNetMon) End(at float64) (alarm float64, ok bool) {
	if !d.begun {
		d.begun = true
		d.next = nextTick(at, d.Phase, d.Tick)
	}
	keep := math.Exp(-d.Tick / d.Average)
	for d.next <= at {
		now := d.count / d.Tick
		d.mean = now + keep*(d.mean-now)
		d.count = 0
		switch {
		case d.mean > d.Threshold && !d.loud:
			d.loud = true
			if !ok {
				alarm, ok = d.next, true
			}
		case d.mean < d.Threshold/2:
			d.loud = false
			if d.mean < d.Threshold*1e-9 { // nothing can happen until the next sample
				d.mean = 0
				d.next = max(d.next, nextTick(at, d.Phase, d.Tick)-d.Tick)
			}
		}
		d.next += d.Tick
	}
	return alarm, ok
}

// Bucket counts in tumbling buckets of Width seconds and compares each as it
// ends: the usual recipe of a collector with a time-series database.
type Bucket struct {
	Width, Threshold float64 // s, bit/s
	Phase            float64

	begun bool
	end   float64
	count float64
	loud  bool
}

// Sample implements Detector.
func (d *Bucket) Sample(at, bits float64) (float64, bool) {
	alarm, ok := d.End(at)
	d.count += bits
	return alarm, ok
}

// End implements Detector.
func (d *Bucket) End(at float64) (alarm float64, ok bool) {
	if !d.begun {
		d.begun = true
		d.end = nextTick(at, d.Phase, d.Width)
	}
	if d.end > at {
		return 0, false
	}
	above := d.count >= d.Threshold*d.Width*(1-1e-12)
	if above && !d.loud {
		alarm, ok = d.end, true
	}
	next := nextTick(at, d.Phase, d.Width)
	d.loud = above && next < d.end+1.5*d.Width
	d.count, d.end = 0, next
	return alarm, ok
}

// nextTick returns the first tick after at.
func nextTick(at, phase, width float64) float64 {
	return phase + (math.Floor((at-phase)/width)+1)*width
}

// Window is a sliding window of Length seconds, judged at every sample.
type Window struct {
	Length, Threshold float64 // s, bit/s

	at, bits []float64
	sum      float64
	loud     bool
}

// Sample implements Detector.
func (d *Window) Sample(at, bits float64) (float64, bool) {
	n := 0
	for n < len(d.at) && d.at[n] <= at-d.Length {
		d.sum -= d.bits[n]
		n++
	}
	if n > 0 {
		d.at, d.bits = append(d.at[:0], d.at[n:]...), append(d.bits[:0], d.bits[n:]...)
	}
	if d.sum < d.Threshold*d.Length/2 {
		d.loud = false
	}
	d.at, d.bits = append(d.at, at), append(d.bits, bits)
	d.sum += bits
	if d.loud || d.sum < d.Threshold*d.Length*(1-1e-9) {
		return 0, false
	}
	d.loud = true
	return at, true
}

// End implements Detector.
func (d *Window) End(float64) (float64, bool) { return 0, false }

// Bound is the delay in seconds that no detector can beat by much on average:
// ln(mean time between false alarms) over the information that a second of the
// flow gives against a background flow (Lorden 1971; the time is counted in
// seconds). Rates are samples/s; falsePerDay is the budget of all flows at once.
func Bound(background, flow float64, flows int, falsePerDay float64) float64 {
	information := flow*math.Log(flow/background) - (flow - background)
	if information <= 0 || flow <= background {
		return math.Inf(1)
	}
	return math.Log(86400*float64(flows)/falsePerDay) / information
}
