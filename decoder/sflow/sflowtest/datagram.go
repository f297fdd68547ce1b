package sflowtest

import (
	"encoding/binary"
	"iter"
	"math"

	"weir/decoder/sflow"
)

// Datagram is a datagram with a name for a test case.
type Datagram struct {
	Name  string
	Bytes []byte
}

// Datagrams returns a rich datagram of every sample type, and one of them all.
func Datagrams() []Datagram {
	var all []Datagram
	for _, build := range []struct {
		name string
		add  func(*sflow.Builder)
	}{
		{"flow_sample", func(b *sflow.Builder) { addFlow(b, false) }},
		{"flow_sample_expanded", func(b *sflow.Builder) { addFlow(b, true) }},
		{"counter_sample", func(b *sflow.Builder) { addCounter(b, false) }},
		{"counter_sample_expanded", func(b *sflow.Builder) { addCounter(b, true) }},
		{"discarded_packet", addDiscard},
		{"rtmetric", addRTMetric},
		{"rtflow", addRTFlow},
		{"unknown_formats", addUnknown},
		{"every_sample", func(b *sflow.Builder) {
			addFlow(b, false)
			addCounter(b, true)
			addUnknown(b)
			addDiscard(b)
			addRTMetric(b)
			addRTFlow(b)
			addFlow(b, true)
		}},
	} {
		var b sflow.Builder
		b.Reset(nil, &sflow.Datagram{Agent: v4a, SubAgent: 1, Sequence: 1000, Uptime: 3_600_000})
		build.add(&b)
		all = append(all, Datagram{build.name, b.Bytes()})
	}
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: v6a, Sequence: 1})
	addFlow(&b, true)
	all = append(all, Datagram{"agent_ipv6", b.Bytes()})
	b.Reset(nil, &sflow.Datagram{Sequence: 2})
	return append(all, Datagram{"no_agent_no_samples", b.Bytes()})
}

func addFlow(b *sflow.Builder, expanded bool) {
	b.FlowSample(&sflow.FlowSample{
		Sequence: 10, Source: sflow.DataSource{Index: 9}, SamplingRate: 1000, SamplePool: 10_000, Drops: 3,
		Input: sflow.Port{Value: 9}, Output: sflow.Port{Format: sflow.PortMultiple, Value: 3},
	}, expanded)
	for _, r := range FlowRecords() {
		b.Record(r)
	}
}

func addCounter(b *sflow.Builder, expanded bool) {
	b.CounterSample(&sflow.CounterSample{
		Sequence: 11, Source: sflow.DataSource{Class: sflow.ClassEntity, Index: 1},
	}, expanded)
	for _, r := range CounterRecords() {
		b.Record(r)
	}
}

func addDiscard(b *sflow.Builder) {
	b.DiscardSample(&sflow.DiscardSample{
		Sequence: 12, Source: sflow.DataSource{Index: 9}, Drops: 1, Input: 9, Output: 10, DropReason: 269,
	}, &sflow.SampledHeader{Protocol: 1, FrameLength: 64, Header: Header()})
	for _, r := range extendedRecords() {
		b.Record(r)
	}
}

func addRTMetric(b *sflow.Builder) {
	m := &sflow.RTMetric{DataSource: sflow.Text("app.web")}
	m.Metrics.Add(sflow.Metric{Name: sflow.Text("version"), Type: sflow.MetricString, Text: sflow.Text("1.2.3")})
	m.Metrics.Add(sflow.Metric{Name: sflow.Text("requests"), Type: sflow.MetricCounter32, Bits: 12345})
	m.Metrics.Add(sflow.Metric{Name: sflow.Text("bytes"), Type: sflow.MetricCounter64, Bits: 1 << 40})
	m.Metrics.Add(sflow.Metric{Name: sflow.Text("workers"), Type: sflow.MetricGauge32, Bits: 8})
	m.Metrics.Add(sflow.Metric{Name: sflow.Text("free"), Type: sflow.MetricGauge64, Bits: 1 << 41})
	m.Metrics.Add(sflow.Metric{Name: sflow.Text("load"), Type: sflow.MetricGaugeFloat, Bits: uint64(math.Float32bits(0.5))})
	m.Metrics.Add(sflow.Metric{Name: sflow.Text("share"), Type: sflow.MetricGaugeDouble, Bits: math.Float64bits(0.25)})
	b.Sample(m)
}

func addRTFlow(b *sflow.Builder) {
	f := &sflow.RTFlow{DataSource: sflow.Text("app.web"), SamplingRate: 10, SamplePool: 100}
	f.Fields.Add(sflow.Field{Name: sflow.Text("uri"), Type: sflow.FieldString, Bytes: []byte("/index")})
	f.Fields.Add(sflow.Field{Name: sflow.Text("mac"), Type: sflow.FieldMAC, Bytes: []byte{2, 0, 0, 0, 0, 1}})
	f.Fields.Add(sflow.Field{Name: sflow.Text("ip"), Type: sflow.FieldIP, Bytes: v4a.AsSlice()})
	f.Fields.Add(sflow.Field{Name: sflow.Text("ip6"), Type: sflow.FieldIP6, Bytes: v6a.AsSlice()})
	f.Fields.Add(sflow.Field{Name: sflow.Text("status"), Type: sflow.FieldInt32, Bits: 200})
	f.Fields.Add(sflow.Field{Name: sflow.Text("bytes"), Type: sflow.FieldInt64, Bits: 1 << 42})
	f.Fields.Add(sflow.Field{Name: sflow.Text("seconds"), Type: sflow.FieldFloat, Bits: uint64(math.Float32bits(1.5))})
	f.Fields.Add(sflow.Field{Name: sflow.Text("score"), Type: sflow.FieldDouble, Bits: math.Float64bits(2.5)})
	b.Sample(f)
}

// addUnknown adds a sample nobody has registered, and a flow sample with
// records of no known format before and after a known one.
func addUnknown(b *sflow.Builder) {
	b.Sample(Raw{sflow.MakeFormat(99, 9), []byte{1, 2, 3, 4}})
	b.FlowSample(&sflow.FlowSample{Sequence: 1}, false,
		Raw{sflow.MakeFormat(99, 1), []byte{1, 2, 3, 4}},
		&sflow.ExtendedSwitch{SrcVLAN: 1},
		Raw{sflow.MakeFormat(0, 4000), nil})
}

// Raw is a sample or record of any format with any body.
type Raw struct {
	Format sflow.Format
	Body   []byte
}

// Append appends format, length and body.
func (r Raw) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(r.Format))
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Body)))
	return append(b, r.Body...)
}

// Saturate iterates over b with each aligned 32-bit word in turn set to
// 2^32-1, which is every count and length once. The slice is reused.
func Saturate(b []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		m := make([]byte, len(b))
		for off := 0; off+4 <= len(b); off += 4 {
			copy(m, b)
			binary.BigEndian.PutUint32(m[off:], math.MaxUint32)
			if !yield(off, m) {
				return
			}
		}
	}
}
