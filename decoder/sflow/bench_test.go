package sflow_test

import (
	"encoding/binary"
	"testing"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

// BenchmarkWalk reads everything in valid datagrams and in the worst a sender
// can put into 64 KiB; ns/byte is the bound to look at.
func BenchmarkWalk(b *testing.B) {
	for _, d := range append(sflowtest.Datagrams(), hostile()...) {
		b.Run(d.Name, func(b *testing.B) {
			w := sflowtest.NewWalker()
			b.ReportAllocs()
			b.SetBytes(int64(len(d.Bytes)))
			for b.Loop() {
				_ = w.Walk(d.Bytes)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(d.Bytes)), "ns/byte")
		})
	}
}

// hostile returns datagrams of 64 KiB made of the smallest parts there are.
func hostile() []sflowtest.Datagram {
	fill := func(name string, add func(*sflow.Builder)) sflowtest.Datagram {
		var b sflow.Builder
		b.Reset(nil, &sflow.Datagram{Agent: mustAddr("192.0.2.1")})
		for b.Len() < sflow.MaxPayload-100 {
			add(&b)
		}
		return sflowtest.Datagram{Name: name, Bytes: b.Bytes()}
	}
	body := func(records ...uint32) (out []byte) {
		for _, v := range records {
			out = binary.BigEndian.AppendUint32(out, v)
		}
		return out
	}
	path := sflow.ASPath(nil)
	for len(path) < sflow.MaxPayload-200 {
		path = sflow.AppendASPathSegment(path, sflow.ASSet)
	}
	var started bool
	empty := sflowtest.Raw{Format: 4000}
	return []sflowtest.Datagram{
		fill("empty_samples", func(b *sflow.Builder) { b.Sample(empty) }),
		fill("empty_flow_samples", func(b *sflow.Builder) { b.FlowSample(&sflow.FlowSample{}, false) }),
		fill("empty_records", func(b *sflow.Builder) {
			if !started {
				b.FlowSample(&sflow.FlowSample{}, false)
			}
			started = true
			b.Record(empty)
		}),
		fill("empty_as_path_segments", func(b *sflow.Builder) {
			b.FlowSample(&sflow.FlowSample{}, false, &sflow.ExtendedGateway{DstASPath: path})
		}),
		fill("short_records", func(b *sflow.Builder) {
			b.FlowSample(&sflow.FlowSample{}, false, sflowtest.Raw{Format: sflow.FormatExtendedGateway, Body: body(1, 1, 1)})
		}),
	}
}

func BenchmarkAppend(b *testing.B) {
	records := sflowtest.FlowRecords()
	head := &sflow.Datagram{Agent: mustAddr("192.0.2.1")}
	sample := &sflow.FlowSample{}
	buf := make([]byte, 0, 4096)
	var builder sflow.Builder
	b.ReportAllocs()
	for b.Loop() {
		builder.Reset(buf, head)
		builder.FlowSample(sample, true)
		for _, r := range records {
			builder.Record(r)
		}
	}
}
