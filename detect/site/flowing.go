package site

import (
	"math"

	"weir/detect/site/silence"
)

// flowing is how the samples of packets with a way out come from one that speaks
// for a bridge.
type flowing struct {
	pace    rhythm  // over a minute
	fast    float64 // samples a second, over some seconds
	batch   float64 // that come at once, smoothed
	at      int64   // last
	longest [2]int64
	turned  int64   // when the first of longest began
	offered float64 // samples without a way out since at
	told    bool    // that they have stopped
	refuted bool    // polls have shown that it meant nothing
}

// Bounds of flowing.
const (
	flowingLearnt = 30 * second  // before which nothing is concluded
	flowingFast   = 5            // s; what has faded over more is no cut
	flowingGaps   = 600 * second // for so long, and once more, a gap is usual
	flushed       = second       // exporters hold samples at most as long
)

// add takes n samples, out of them with a way out. blind is how long we could not
// hear since the last of those.
func (f *flowing) add(at int64, n, out uint64, blind int64) {
	if out == 0 {
		f.offered += float64(n)
		return
	}
	switch d := at - f.at - blind; {
	case f.at == 0 || d <= 0:
	case f.told && !f.refuted:
		f.pace.rateAt = at // an outage is not learned from
	default:
		f.longest[0] = max(f.longest[0], d)
		s := float64(d) / 1e9
		f.fast += (float64(out)/s - f.fast) * min(s/flowingFast, 1)
	}
	f.batch += (float64(out) - f.batch) / 16
	f.pace.add(at, float64(out))
	if at-f.turned > flowingGaps {
		f.longest, f.turned = [2]int64{0, f.longest[0]}, at
	}
	f.at, f.offered, f.told, f.refuted = at, 0, false, false
}

// until is the rate as of a time, if none came after the last.
func (r *rhythm) until(at int64) float64 {
	return r.rate * (1 - min(max(float64(at-r.rateAt)/60e9, 0), 1))
}

// rate is how many a second came last: what fades away was never cut.
func (f *flowing) rate() float64 { return min(f.pace.rate, f.fast) }

// usualGap is the longest time without any that is nothing new.
func (f *flowing) usualGap() int64 { return max(f.longest[0], f.longest[1]) }

// held is how long samples may wait at the exporter, in ns.
func (f *flowing) held() int64 {
	return min(int64(f.batch/max(f.rate(), 0.001)*1e9), flushed)
}

// nats is how unlikely it is that of a rate of these samples none came for quiet
// ns: where they come in bursts, as much less as their numbers vary more than
// those of a Poisson process.
func (f *flowing) nats(rate float64, quiet int64) float64 {
	return max(rate*float64(quiet-f.held())/1e9/f.pace.usualSpread(), 0)
}

// lacks is after how many ns without any they have stopped for sure, where all of
// senders may be wrong once in a year; ok is false while too little is known.
func (f *flowing) lacks(senders int) (quiet int64, ok bool) {
	r := f.rate()
	if f.at == 0 || f.at-f.pace.firstAt < flowingLearnt || r <= 0 {
		return 0, false
	}
	need := math.Log(max(r*silence.SecondsOfYear*float64(max(senders, 1000)), math.E))
	d := need*f.pace.usualSpread()/r*1e9 + float64(f.held())
	return max(int64(min(d, 3600e9)), 2*f.usualGap()), true
}
