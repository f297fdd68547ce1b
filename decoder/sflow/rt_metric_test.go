package sflow

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rtMetricWire has one value of each type, with garbage in the pads.
const rtMetricWire = `
	00000004 77656231                                # datasource web1
	00000007                                         # values
	00000001 73ffffff 00000000 00000002 6f6bffff     # s: string ok
	00000003 633332ff 00000001 00000309              # c32: counter32 777
	00000003 633634ff 00000002 0000000100000002      # c64: counter64
	00000003 67333200 00000003 fffffffe              # g32: gauge32
	00000003 67363400 00000004 fffffffffffffffe      # g64: gauge64
	00000001 66000000 00000005 3fa00000              # f: gaugeFloat 1.25
	00000001 64000000 00000006 c004000000000000      # d: gaugeDouble -2.5`

func rtMetricValues() []Metric {
	return []Metric{
		{Text("s"), MetricString, 0, Text("ok")},
		{Text("c32"), MetricCounter32, 777, nil},
		{Text("c64"), MetricCounter64, 1<<32 + 2, nil},
		{Text("g32"), MetricGauge32, 0xfffffffe, nil},
		{Text("g64"), MetricGauge64, 0xfffffffffffffffe, nil},
		{Text("f"), MetricGaugeFloat, uint64(math.Float32bits(1.25)), nil},
		{Text("d"), MetricGaugeDouble, math.Float64bits(-2.5), nil},
	}
}

func exampleRTMetric() *RTMetric {
	s := &RTMetric{DataSource: Text("web1")}
	for _, m := range rtMetricValues() {
		s.Metrics.Add(m)
	}
	return s
}

// metrics collects what the iterator delivers.
func metrics(s *RTMetric) (list []Metric, err error) {
	for m, e := range s.Metrics.All() {
		if e != nil {
			return list, e
		}
		list = append(list, m)
	}
	return list, nil
}

func TestRTMetricReadsEveryType(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"from the wire", unhex(t, rtMetricWire)},
		{"from Append", exampleRTMetric().Append(nil)[8:]},
		{"with bytes after the last", append(unhex(t, rtMetricWire), "more"...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s RTMetric
			if err := s.Decode(Sample{Format: FormatRTMetric, Body: c.body}); err != nil {
				t.Fatal(err)
			}
			if string(s.DataSource) != "web1" || s.Metrics.Num != 7 {
				t.Errorf("datasource %q with %d values, want web1 with 7", s.DataSource, s.Metrics.Num)
			}
			got, err := metrics(&s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(rtMetricValues(), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			floats := []float64{0, 777, 4294967298, 4294967294, 18446744073709551614, 1.25, -2.5}
			for i, m := range got {
				if m.Float() != floats[i] {
					t.Errorf("%s: Float() = %v, want %v", m.Name, m.Float(), floats[i])
				}
			}
		})
	}
}

func TestRTMetricAppendsTheWire(t *testing.T) {
	b := exampleRTMetric().Append([]byte("x"))[1:]
	if f, n := Format(be.Uint32(b)), int(be.Uint32(b[4:])); f != FormatRTMetric || n != len(b)-8 {
		t.Errorf("head is %v, %d bytes, want %v, %d", f, n, FormatRTMetric, len(b)-8)
	}
	if n := len(unhex(t, rtMetricWire)); n != len(b)-8 {
		t.Errorf("%d bytes, want %d", len(b)-8, n)
	}
	s := exampleRTMetric()
	s.Metrics.Add(Metric{Name: Text("bad"), Type: 7})
	if diff := cmp.Diff(b, s.Append(nil)); diff != "" {
		t.Errorf("a value of an unknown type was added (-want +got):\n%s", diff)
	}
}

func TestRTMetricEndsAtWhatItCannotRead(t *testing.T) {
	whole := exampleRTMetric().Append(nil)[8:]
	head := 12
	for n := range len(whole) {
		var s RTMetric
		err := s.Decode(Sample{Format: FormatRTMetric, Offset: 100, Body: whole[:n]})
		if n < head {
			if err != ErrTruncated {
				t.Errorf("%d bytes: Decode error %v, want %v", n, err, ErrTruncated)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		// The pad after the last but one text may be cut off only at the very end.
		got, err := metrics(&s)
		var e *Error
		if !errors.As(err, &e) || e.Err != ErrTruncated {
			t.Fatalf("%d bytes: error %v, want %v", n, err, ErrTruncated)
		}
		if e.What != "metric" || e.Index != len(got) || e.Offset < 100+head || e.Offset > 100+n {
			t.Errorf("%d bytes, %d values: %v is the wrong place", n, len(got), e)
		}
		if diff := cmp.Diff(rtMetricValues()[:len(got)], got); len(got) > 0 && diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", n, diff)
		}
	}
	var s RTMetric
	body := unhex(t, "00000000 00000002 00000001 61000000 00000003 00000005 00000001 62000000 00000007 00000006")
	if err := s.Decode(Sample{Format: FormatRTMetric, Offset: 36, Body: body}); err != nil {
		t.Fatal(err)
	}
	got, err := metrics(&s)
	want := &Error{What: "metric", Index: 1, Offset: 36 + 24, Err: ErrValue}
	if diff := cmp.Diff(want, err); diff != "" || len(got) != 1 {
		t.Errorf("unknown type: %d values, error (-want +got):\n%s", len(got), diff)
	}
	if err := s.Decode(Sample{Format: FormatRTFlow, Body: body}); err != ErrFormat || s.Metrics.Num != 0 {
		t.Errorf("another format: error %v, want %v", err, ErrFormat)
	}
}

func TestRTMetricMarshalJSON(t *testing.T) {
	s := exampleRTMetric()
	for _, m := range []Metric{
		{Text("none32"), MetricCounter32, 0xffffffff, nil},
		{Text("none64"), MetricCounter64, math.MaxUint64, nil},
		{Text("nan"), MetricGaugeDouble, math.Float64bits(math.NaN()), nil},
		{Text("a\"\\\n\xff"), MetricString, 0, Text("ü<")},
	} {
		s.Metrics.Add(m)
	}
	got, err := s.Metrics.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"name":"s","type":"string","value":"ok"},{"name":"c32","type":"counter32","value":777},` +
		`{"name":"c64","type":"counter64","value":4294967298},{"name":"g32","type":"gauge32","value":4294967294},` +
		`{"name":"g64","type":"gauge64","value":"18446744073709551614"},{"name":"f","type":"gaugeFloat","value":1.25},` +
		`{"name":"d","type":"gaugeDouble","value":-2.5},{"name":"none32","type":"counter32","value":null},` +
		`{"name":"none64","type":"counter64","value":null},{"name":"nan","type":"gaugeDouble","value":null},` +
		`{"name":"a\"\\\u000a` + "\uFFFD" + `","type":"string","value":"ü<"}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRTSamplesDoNotAllocate(t *testing.T) {
	var m RTMetric
	var f RTFlow
	buf := make([]byte, 0, 512)
	metric := Sample{Format: FormatRTMetric, Body: exampleRTMetric().Append(nil)[8:]}
	flow := Sample{Format: FormatRTFlow, Body: exampleRTFlow().Append(nil)[8:]}
	n := 0
	if a := testing.AllocsPerRun(100, func() {
		if m.Decode(metric) != nil || f.Decode(flow) != nil {
			t.Fatal("not decoded")
		}
		for range m.Metrics.All() {
			n++
		}
		for range f.Fields.All() {
			n++
		}
		buf = f.Append(m.Append(buf[:0]))
	}); a != 0 || n == 0 {
		t.Errorf("%v allocations for %d values, want 0", a, n)
	}
	metric.Body, flow.Body = metric.Body[:20], flow.Body[:30]
	if a := testing.AllocsPerRun(100, func() {
		_ = m.Decode(metric)
		for range m.Metrics.All() {
			n++
		}
	}); a > 1 {
		t.Errorf("%v allocations for a short rtmetric, want at most 1", a)
	}
	if a := testing.AllocsPerRun(100, func() {
		_ = f.Decode(flow)
		for range f.Fields.All() {
			n++
		}
	}); a > 1 {
		t.Errorf("%v allocations for a short rtflow, want at most 1", a)
	}
}

func TestRTSamplesBoundCounts(t *testing.T) {
	for _, whole := range [][]byte{exampleRTMetric().Append(nil), exampleRTFlow().Append(nil)} {
		f := Format(be.Uint32(whole))
		for at := 8; at+4 <= len(whole); at++ {
			b := append([]byte{}, whole[8:]...)
			copy(b[at-8:], "\xff\xff\xff\xff")
			smp := Sample{Format: f, Body: b}
			n := 0
			size := allocated(func() {
				var m RTMetric
				var f RTFlow
				_, _ = m.Decode(smp), f.Decode(smp)
				for range m.Metrics.All() {
					n++
				}
				for range f.Fields.All() {
					n++
				}
			})
			if size >= 1024 || n > len(b)/8 {
				t.Errorf("%v, word at %d: %d bytes allocated for %d values, want less than 1024", f, at, size, n)
			}
		}
	}
}

// TestRTSamplesDoNotRemember decodes a full sample, then an empty one.
func TestRTSamplesDoNotRemember(t *testing.T) {
	m, f := exampleRTMetric(), exampleRTFlow()
	if err := m.Decode(Sample{Format: FormatRTMetric, Body: make([]byte, 8)}); err != nil {
		t.Fatal(err)
	}
	if err := f.Decode(Sample{Format: FormatRTFlow, Body: make([]byte, 16)}); err != nil {
		t.Fatal(err)
	}
	if len(m.DataSource) != 0 || m.Metrics.Num != 0 || len(m.Metrics.Data) != 0 {
		t.Errorf("rtmetric kept %+v", m)
	}
	if len(f.DataSource) != 0 || f.SamplingRate != 0 || f.SamplePool != 0 || f.Fields.Num != 0 || len(f.Fields.Data) != 0 {
		t.Errorf("rtflow kept %+v", f)
	}
	_ = m.Decode(Sample{Format: FormatRTMetric})
	_ = f.Decode(Sample{Format: FormatRTFlow})
	if m.DataSource != nil || m.Metrics.Data != nil || f.DataSource != nil || f.Fields.Data != nil {
		t.Errorf("after an error: %+v, %+v", m, f)
	}
}

// TestRTSamplesKeepOnlyBytes overwrites the buffer after Decode: numbers stay,
// names, texts and addresses, which refer to it, follow.
func TestRTSamplesKeepOnlyBytes(t *testing.T) {
	flow, metric := exampleRTFlow().Append(nil)[8:], exampleRTMetric().Append(nil)[8:]
	var f RTFlow
	var m RTMetric
	if err := f.Decode(Sample{Format: FormatRTFlow, Body: flow}); err != nil {
		t.Fatal(err)
	}
	if err := m.Decode(Sample{Format: FormatRTMetric, Body: metric}); err != nil {
		t.Fatal(err)
	}
	values, err := metrics(&m)
	if err != nil {
		t.Fatal(err)
	}
	clear(flow)
	clear(metric)
	if f.SamplingRate != 5 || f.SamplePool != 6 || f.Fields.Num != 8 || m.Metrics.Num != 7 {
		t.Errorf("numbers changed with the buffer: %+v, %+v", f, m)
	}
	for i, want := range rtMetricValues() {
		if values[i].Bits != want.Bits || values[i].Name[0] != 0 {
			t.Errorf("%s: number %d, name %q, want %d and zeros", want.Name, values[i].Bits, values[i].Name, want.Bits)
		}
	}
	if string(f.DataSource) != "\x00\x00\x00" || string(m.DataSource) != "\x00\x00\x00\x00" {
		t.Errorf("data sources %q, %q do not refer to the buffer", f.DataSource, m.DataSource)
	}
	// A list that was decoded is copied, not overwritten, when it is added to.
	m.Metrics.Add(Metric{Name: Text("x"), Type: MetricGauge32, Bits: 1})
	if string(metric) != string(make([]byte, len(metric))) {
		t.Error("Add wrote into the datagram")
	}
}
