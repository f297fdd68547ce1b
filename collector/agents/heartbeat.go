package agents

import (
	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// Metrics counts an rtmetric or rtflow sample, and takes from a heartbeat of
// weir-agent what it lost itself: no sequence shows that.
func (r *Registry) Metrics(m *decoder.Metrics) {
	r.counts.MetricSamples++
	if r.cur == nil || m.Sample.Format != sflow.FormatRTMetric || r.metric.Decode(m.Sample) != nil {
		return
	}
	if s, ok := witness.Parse(&r.metric); ok && string(s.Class) == witness.ClassHeartbeat {
		r.cur.framesLost, _ = s.Uint(witness.FramesLost) // left out where there is none
	}
}
