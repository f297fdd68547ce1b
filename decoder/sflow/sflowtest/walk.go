package sflowtest

import (
	"errors"

	"weir/decoder/sflow"
)

// Walker reads everything a datagram holds: each sample, each record, each
// element of each list. It keeps its decoders, so that a walk allocates only
// what the package under test does.
type Walker struct {
	// OnSample and OnRecord, where set, are called for all that is delivered.
	// The Structure is nil where the format is not decoded.
	OnSample func(sflow.Sample)
	OnRecord func(sflow.Record, sflow.Structure)

	Samples, Records, Elements int // of the last walk
	Err                        error
	Reasons                    [sflow.NumReasons]int
	Bare                       error // an error that is no Reason and wraps none

	flow, counter map[sflow.Format]sflow.Structure
	datagram      sflow.Datagram
	flowSample    sflow.FlowSample
	counterSample sflow.CounterSample
	discard       sflow.DiscardSample
	metric        sflow.RTMetric
	event         sflow.RTFlow
}

// NewWalker makes a Walker with a decoder for every known format.
func NewWalker() *Walker {
	w := &Walker{flow: map[sflow.Format]sflow.Structure{}, counter: map[sflow.Format]sflow.Structure{}}
	for _, f := range FlowFormats() {
		w.flow[f] = sflow.NewFlowRecord(f)
	}
	for _, f := range CounterFormats() {
		w.counter[f] = sflow.NewCounterRecord(f)
	}
	return w
}

// Walk reads b to its end and returns the first error. What follows a bad
// record or sample whose length holds is read all the same.
func (w *Walker) Walk(b []byte) error {
	w.Samples, w.Records, w.Elements = 0, 0, 0
	w.Err, w.Bare, w.Reasons = nil, nil, [sflow.NumReasons]int{}
	if w.fail(w.datagram.Decode(b)) {
		return w.Err
	}
	for smp, err := range w.datagram.Samples() {
		if w.fail(err) {
			break
		}
		w.Samples++
		if w.OnSample != nil {
			w.OnSample(smp)
		}
		w.sample(smp)
	}
	return w.Err
}

func (w *Walker) sample(smp sflow.Sample) {
	switch smp.Format {
	case sflow.FormatFlowSample, sflow.FormatFlowSampleExpanded:
		if !w.fail(w.flowSample.Decode(smp)) {
			for r, err := range w.flowSample.Records() {
				w.record(r, err, w.flow)
			}
		}
	case sflow.FormatCounterSample, sflow.FormatCounterSampleExpanded:
		if !w.fail(w.counterSample.Decode(smp)) {
			for r, err := range w.counterSample.Records() {
				w.record(r, err, w.counter)
			}
		}
	case sflow.FormatDiscardedPacket:
		if !w.fail(w.discard.Decode(smp)) {
			for r, err := range w.discard.Records() {
				w.record(r, err, w.flow)
			}
		}
	case sflow.FormatRTMetric:
		if !w.fail(w.metric.Decode(smp)) {
			for _, err := range w.metric.Metrics.All() {
				w.element(err)
			}
		}
	case sflow.FormatRTFlow:
		if !w.fail(w.event.Decode(smp)) {
			for _, err := range w.event.Fields.All() {
				w.element(err)
			}
		}
	}
}

func (w *Walker) record(r sflow.Record, err error, known map[sflow.Format]sflow.Structure) {
	if w.fail(err) {
		return
	}
	w.Records++
	s := known[r.Format]
	if s != nil && !w.fail(s.Decode(r)) {
		w.Elements += Elements(s)
	}
	if w.OnRecord != nil {
		w.OnRecord(r, s)
	}
}

func (w *Walker) element(err error) {
	if !w.fail(err) {
		w.Elements++
	}
}

// fail notes err and reports whether there is one.
func (w *Walker) fail(err error) bool {
	if err == nil {
		return false
	}
	if w.Err == nil {
		w.Err = err
	}
	if r, ok := errors.AsType[sflow.Reason](err); ok {
		w.Reasons[r]++
	} else {
		w.Bare = err
	}
	return true
}

// Elements reads every list of s to its end and returns how many elements
// there were.
func Elements(s sflow.Structure) int {
	n := 0
	switch s := s.(type) {
	case *sflow.ExtendedGateway:
		for seg := range s.DstASPath.Segments() {
			for range seg.ASNs.All() {
				n++
			}
			n++
		}
		for range s.Communities.All() {
			n++
		}
	case *sflow.ExtendedMPLS:
		for range s.InStack.All() {
			n++
		}
		for range s.OutStack.All() {
			n++
		}
	case *sflow.ExtendedVLANTunnel:
		for range s.Stack.All() {
			n++
		}
	case *sflow.HostAdapters:
		for a := range s.Adapters.All() {
			for range a.MACs.All() {
				n++
			}
			n++
		}
	case *sflow.SFP:
		for range s.Lanes.All() {
			n++
		}
	}
	return n
}
