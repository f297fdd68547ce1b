package sflow_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

var update = flag.Bool("update", false, "write testdata/*/want.json from what is decoded")

// golden is one case of testdata: a datagram as commented hex, and what is
// decoded. None was made by our encoder: the datagrams of ovs_* were sent by an
// Open vSwitch, all others are written from the layouts of the specification.
type golden struct {
	name, dir string
	bytes     []byte
}

func goldens(t testing.TB) []golden {
	t.Helper()
	files, err := filepath.Glob("testdata/*/datagram.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden datagrams: %v", err)
	}
	var all []golden
	for _, f := range files {
		dir := filepath.Dir(f)
		all = append(all, golden{filepath.Base(dir), dir, readHex(t, f)})
	}
	return all
}

func goldenBytes(t testing.TB, name string) []byte {
	t.Helper()
	return readHex(t, filepath.Join("testdata", name, "datagram.hex"))
}

// readHex reads hex, ignoring white space and comments from # to the line's end.
func readHex(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return b[:len(b):len(b)]
}

func TestGoldenDatagrams(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(g.name, func(t *testing.T) {
			got, err := json.MarshalIndent(describe(g.bytes), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			file := filepath.Join(g.dir, "want.json")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

// The golden flow_records holds the values of sflowtest.FlowRecords: each
// structure's layout is checked against bytes that were not made by Append.
func TestFlowRecordsMatchTheirWireForm(t *testing.T) {
	want := sflowtest.FlowRecords()
	w := sflowtest.NewWalker()
	n := 0
	w.OnRecord = func(r sflow.Record, s sflow.Structure) {
		if n >= len(want) {
			t.Fatalf("record %d: more records than structures", n)
		}
		name := sflow.FlowRecordName(r.Format)
		if diff := cmp.Diff(want[n], s, cmpAddr); diff != "" {
			t.Errorf("%s: Decode (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(r.Body, sflowtest.Record(want[n]).Body); diff != "" {
			t.Errorf("%s: Append (-want +got):\n%s", name, diff)
		}
		n++
	}
	if err := w.Walk(goldenBytes(t, "flow_records")); err != nil {
		t.Fatal(err)
	}
	if n != len(want) || n != len(sflowtest.FlowFormats()) {
		t.Errorf("%d records, %d structures, %d formats: want them equal", n, len(want), len(sflowtest.FlowFormats()))
	}
}

// object is a JSON object in the order its parts were added.
type object struct{ b bytes.Buffer }

func (o *object) add(key string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	if o.b.Len() > 0 {
		o.b.WriteByte(',')
	}
	k, _ := json.Marshal(key)
	o.b.Write(k)
	o.b.WriteByte(':')
	o.b.Write(text)
}

// inline adds the members of v, which marshals to an object.
func (o *object) inline(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	if len(text) > 2 {
		o.b.WriteByte(',')
		o.b.Write(text[1 : len(text)-1])
	}
}

func (o *object) MarshalJSON() ([]byte, error) {
	return append(append([]byte{'{'}, o.b.Bytes()...), '}'), nil
}

// describe decodes everything in b.
func describe(b []byte) *object {
	var (
		d   sflow.Datagram
		out = new(object)
	)
	err := d.Decode(b)
	out.add("agent", d.Agent)
	out.add("sub_agent", d.SubAgent)
	out.add("sequence", d.Sequence)
	out.add("uptime_ms", d.Uptime)
	samples := []*object{}
	if err == nil {
		for smp, e := range d.Samples() {
			if e != nil {
				err = e
				break
			}
			o, e := describeSample(smp)
			err = errors.Join(err, e)
			samples = append(samples, o)
		}
	}
	out.add("samples", samples)
	if err != nil {
		out.add("error", err.Error())
	}
	return out
}

func describeSample(smp sflow.Sample) (o *object, err error) {
	o = new(object)
	o.add("format", smp.Format.String())
	o.add("name", sflow.SampleName(smp.Format))
	switch smp.Format {
	case sflow.FormatFlowSample, sflow.FormatFlowSampleExpanded:
		var s sflow.FlowSample
		if err = s.Decode(smp); err == nil {
			o.add("sequence", s.Sequence)
			o.add("source", s.Source)
			o.add("sampling_rate", s.SamplingRate)
			o.add("sample_pool", s.SamplePool)
			o.add("drops", s.Drops)
			o.add("input", s.Input)
			o.add("output", s.Output)
			err = describeRecords(o, s.Records(), sflow.FlowRecordName, sflow.NewFlowRecord)
		}
	case sflow.FormatCounterSample, sflow.FormatCounterSampleExpanded:
		var s sflow.CounterSample
		if err = s.Decode(smp); err == nil {
			o.add("sequence", s.Sequence)
			o.add("source", s.Source)
			err = describeRecords(o, s.Records(), sflow.CounterRecordName, sflow.NewCounterRecord)
		}
	case sflow.FormatDiscardedPacket:
		var s sflow.DiscardSample
		if err = s.Decode(smp); err == nil {
			o.add("sequence", s.Sequence)
			o.add("source", s.Source)
			o.add("drops", s.Drops)
			o.add("input", s.Input)
			o.add("output", s.Output)
			o.add("reason", sflow.DropReasonName(s.DropReason))
			err = describeRecords(o, s.Records(), sflow.FlowRecordName, sflow.NewFlowRecord)
		}
	case sflow.FormatRTMetric:
		var s sflow.RTMetric
		err = s.Decode(smp)
		o.inline(&s)
	case sflow.FormatRTFlow:
		var s sflow.RTFlow
		err = s.Decode(smp)
		o.inline(&s)
	default:
		o.add("length", len(smp.Body))
	}
	return o, err
}

func describeRecords(o *object, records func(func(sflow.Record, error) bool), name func(sflow.Format) string, make func(sflow.Format) sflow.Structure) (err error) {
	out := []*object{}
	for r, e := range records {
		if e != nil {
			err = errors.Join(err, e)
			break
		}
		ro := new(object)
		ro.add("format", r.Format.String())
		ro.add("name", name(r.Format))
		if s := make(r.Format); s == nil {
			ro.add("length", len(r.Body))
		} else if e := s.Decode(r); e != nil {
			ro.add("error", e.Error())
			err = errors.Join(err, e)
		} else {
			ro.inline(s)
		}
		out = append(out, ro)
	}
	o.add("records", out)
	return err
}
