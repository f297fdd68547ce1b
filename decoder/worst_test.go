package decoder_test

import (
	"encoding/binary"
	"testing"

	"weir/decoder"
	"weir/decoder/sflow"
)

// worst are datagrams of 64 KiB made to cost as much as they can per byte.
func worst() map[string][]byte {
	fill := func(unit []byte) []byte {
		b := make([]byte, 0, 65000)
		for n := uint32(0); len(b)+len(unit) <= 65000; n++ {
			// Formats all different, so that the counting of formats works hardest.
			binary.BigEndian.PutUint32(unit, n*7919+5000)
			b = append(b, unit...)
		}
		return b
	}
	of := func(samples []byte) []byte {
		g := sflow.Datagram{NumSamples: 0xffffffff, SampleData: samples}
		return g.Append(nil)
	}
	records := fill(make([]byte, 8))
	flow := sflow.FlowSample{NumRecords: 0xffffffff, RecordData: records[:64000]}
	counters := sflow.CounterSample{NumRecords: 0xffffffff, RecordData: records[:64000]}
	tiny := sflow.FlowSample{SamplingRate: 1, NumRecords: 1}
	header := sflow.SampledHeader{Protocol: 1, Header: []byte{1}}
	tiny.RecordData = header.Append(nil)
	var flows []byte
	for one := tiny.Append(nil, false); len(flows)+len(one) <= 65000; {
		flows = append(flows, one...)
	}
	return map[string][]byte{
		"empty samples":  of(fill(make([]byte, 8))),
		"empty records":  of(flow.Append(nil, false)),
		"empty counters": of(counters.Append(nil, true)),
		"tiny flows":     of(flows),
	}
}

// TestWorstContentStaysLinear holds that no content makes the decoder do more
// than a few steps per byte; BenchmarkWorst has the time.
func TestWorstContentStaysLinear(t *testing.T) {
	for name, b := range worst() {
		t.Run(name, func(t *testing.T) {
			var d decoder.Decoder
			r := &record{}
			d.Decode(b, from, at, r)
			if n := r.flows + r.counters; n > len(b)/40+1 {
				t.Errorf("%d events of %d bytes", n, len(b))
			}
			var h none
			if n := testing.AllocsPerRun(3, func() { d.Decode(b, from, at, h) }); n > 1 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func BenchmarkWorst(b *testing.B) {
	for name, p := range worst() {
		b.Run(name, func(b *testing.B) {
			var d decoder.Decoder
			var h none
			b.ReportAllocs()
			for b.Loop() {
				d.Decode(p, from, at, h)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(p)), "ns/byte")
		})
	}
}
