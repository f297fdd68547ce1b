package sflow

import (
	"errors"
	"math"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rtFlowWire has one field of each type, with garbage in the pads.
const rtFlowWire = `
	00000003 647074ff                                # datasource dpt
	00000005 00000006                                # sampling rate, pool
	00000008                                         # fields
	00000001 73ffffff 00000000 00000005 68656c6c6fffffff  # s: string hello
	00000001 6d000000 00000001 020304050607 ffff     # m: mac
	00000001 34000000 00000002 c0000201              # 4: ip 192.0.2.1
	00000001 36000000 00000003 20010db8000000000000000000000001   # 6: ip6 2001:db8::1
	00000001 69000000 00000004 00000309              # i: int32 777
	00000001 6c000000 00000005 0000000100000002      # l: int64
	00000001 66000000 00000006 3fa00000              # f: float 1.25
	00000001 64000000 00000007 c004000000000000      # d: double -2.5`

func rtFlowFields() []Field {
	v6 := netip.MustParseAddr("2001:db8::1").As16()
	return []Field{
		{Text("s"), FieldString, 0, []byte("hello")},
		{Text("m"), FieldMAC, 0, []byte{2, 3, 4, 5, 6, 7}},
		{Text("4"), FieldIP, 0, []byte{192, 0, 2, 1}},
		{Text("6"), FieldIP6, 0, v6[:]},
		{Text("i"), FieldInt32, 777, nil},
		{Text("l"), FieldInt64, 1<<32 + 2, nil},
		{Text("f"), FieldFloat, uint64(math.Float32bits(1.25)), nil},
		{Text("d"), FieldDouble, math.Float64bits(-2.5), nil},
	}
}

func exampleRTFlow() *RTFlow {
	s := &RTFlow{DataSource: Text("dpt"), SamplingRate: 5, SamplePool: 6}
	for _, f := range rtFlowFields() {
		s.Fields.Add(f)
	}
	return s
}

// fields collects what the iterator delivers.
func fields(s *RTFlow) (list []Field, err error) {
	for f, e := range s.Fields.All() {
		if e != nil {
			return list, e
		}
		list = append(list, f)
	}
	return list, nil
}

func TestRTFlowReadsEveryType(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"from the wire", unhex(t, rtFlowWire)},
		{"from Append", exampleRTFlow().Append(nil)[8:]},
		{"with bytes after the last", append(unhex(t, rtFlowWire), "more"...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s RTFlow
			if err := s.Decode(Sample{Format: FormatRTFlow, Body: c.body}); err != nil {
				t.Fatal(err)
			}
			if string(s.DataSource) != "dpt" || s.SamplingRate != 5 || s.SamplePool != 6 || s.Fields.Num != 8 {
				t.Errorf("head is %q, %d, %d, %d fields", s.DataSource, s.SamplingRate, s.SamplePool, s.Fields.Num)
			}
			got, err := fields(&s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(rtFlowFields(), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFieldConvertsByType(t *testing.T) {
	floats := []float64{0, 0, 0, 0, 777, 4294967298, 1.25, -2.5}
	for i, f := range rtFlowFields() {
		if f.Float() != floats[i] {
			t.Errorf("%s: Float() = %v, want %v", f.Name, f.Float(), floats[i])
		}
		if got, want := f.MAC() != (MAC{}), f.Type == FieldMAC; got != want {
			t.Errorf("%s: MAC() = %v", f.Name, f.MAC())
		}
		want := map[FieldType]string{FieldIP: "192.0.2.1", FieldIP6: "2001:db8::1"}[f.Type]
		if a := f.Addr(); a.IsValid() != (want != "") || a.IsValid() && a.String() != want {
			t.Errorf("%s: Addr() = %v, want %q", f.Name, a, want)
		}
	}
}

func TestRTFlowAddRejectsWhatTheWireCannotHold(t *testing.T) {
	for _, f := range []Field{
		{Type: 8}, {Type: FieldMAC, Bytes: make([]byte, 8)}, {Type: FieldIP, Bytes: make([]byte, 16)},
		{Type: FieldIP6, Bytes: make([]byte, 4)}, {Type: FieldIP},
	} {
		var s RTFlow
		if s.Fields.Add(f); s.Fields.Num != 0 || len(s.Fields.Data) != 0 {
			t.Errorf("%v of %d bytes was added", f.Type, len(f.Bytes))
		}
	}
}

func TestRTFlowEndsAtWhatItCannotRead(t *testing.T) {
	whole := exampleRTFlow().Append(nil)[8:]
	const head = 20
	for n := range len(whole) {
		var s RTFlow
		err := s.Decode(Sample{Format: FormatRTFlow, Offset: 100, Body: whole[:n]})
		if n < head {
			if err != ErrTruncated {
				t.Errorf("%d bytes: Decode error %v, want %v", n, err, ErrTruncated)
			}
			continue
		}
		got, err := fields(&s)
		var e *Error
		if !errors.As(err, &e) || e.Err != ErrTruncated || e.What != "field" || e.Index != len(got) {
			t.Fatalf("%d bytes, %d fields: error %v, want %v", n, len(got), err, ErrTruncated)
		}
		if e.Offset < 100+head || e.Offset > 100+n {
			t.Errorf("%d bytes: %v is the wrong place", n, e)
		}
		if diff := cmp.Diff(rtFlowFields()[:len(got)], got); len(got) > 0 && diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", n, diff)
		}
	}
	var s RTFlow
	body := unhex(t, "00000000 00000001 00000000 00000001 00000001 61000000 ffffffff 00000005")
	if err := s.Decode(Sample{Format: FormatRTFlow, Offset: 36, Body: body}); err != nil {
		t.Fatal(err)
	}
	_, err := fields(&s)
	want := &Error{What: "field", Offset: 36 + 16, Err: ErrValue}
	if diff := cmp.Diff(want, err); diff != "" {
		t.Errorf("unknown type: error (-want +got):\n%s", diff)
	}
	if err := s.Decode(Sample{Format: FormatRTMetric, Body: body}); err != ErrFormat || s.Fields.Num != 0 {
		t.Errorf("another format: error %v, want %v", err, ErrFormat)
	}
}

func TestRTFlowMarshalJSON(t *testing.T) {
	got, err := exampleRTFlow().Fields.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"name":"s","type":"string","value":"hello"},{"name":"m","type":"mac","value":"02:03:04:05:06:07"},` +
		`{"name":"4","type":"ip","value":"192.0.2.1"},{"name":"6","type":"ip6","value":"2001:db8::1"},` +
		`{"name":"i","type":"int32","value":777},{"name":"l","type":"int64","value":4294967298},` +
		`{"name":"f","type":"float","value":1.25},{"name":"d","type":"double","value":-2.5}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
