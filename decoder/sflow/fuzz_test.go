package sflow_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

// FuzzDatagram reads everything in any bytes: no panic, every part within the
// datagram, every error a Reason, no more parts than the bytes can hold, and
// the datagram appended again is the same bytes.
func FuzzDatagram(f *testing.F) {
	for _, d := range sflowtest.Datagrams() {
		f.Add(d.Bytes)
	}
	for _, g := range goldens(f) {
		f.Add(g.bytes)
	}
	for _, s := range sflowtest.FlowRecords() {
		f.Add(single(func(b *sflow.Builder) { b.FlowSample(&sflow.FlowSample{Sequence: 1}, false, s) }))
	}
	for _, s := range sflowtest.CounterRecords() {
		f.Add(single(func(b *sflow.Builder) { b.CounterSample(&sflow.CounterSample{Sequence: 1}, false, s) }))
	}
	w := sflowtest.NewWalker()
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b):len(b)]
		w.OnSample = func(s sflow.Sample) { inside(t, b, s.Offset, s.Body) }
		w.OnRecord = func(r sflow.Record, _ sflow.Structure) { inside(t, b, r.Offset, r.Body) }
		err := w.Walk(b)
		if w.Bare != nil {
			t.Errorf("error without a Reason: %v", w.Bare)
		}
		if n := w.Samples + w.Records + w.Elements; n > len(b)/4 {
			t.Errorf("%d parts in %d bytes", n, len(b))
		}
		var e *sflow.Error
		if errors.As(err, &e) && e.Need > 0 && e.Need <= e.Have {
			t.Errorf("%v: nothing is missing", e)
		}
		var d sflow.Datagram
		if d.Decode(b) == nil {
			if got := d.Append(nil); string(got) != string(b) {
				t.Errorf("appended again: %x, want %x", got, b)
			}
			for smp := range d.Samples() {
				sampleRoundTrip(t, smp)
			}
		}
	})
}

// single builds a small datagram: mutations of it hit more than those of a
// large one.
func single(add func(*sflow.Builder)) []byte {
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: mustAddr("192.0.2.1")})
	add(&b)
	return b.Bytes()
}

// inside checks that body is the part of b that begins at off.
func inside(t *testing.T, b []byte, off int, body []byte) {
	if off < 0 || off+len(body) > len(b) {
		t.Fatalf("part of %d bytes at %d of %d", len(body), off, len(b))
	}
	if len(body) > 0 && &b[off] != &body[0] {
		t.Fatalf("part at %d is not where it says", off)
	}
	if cap(body) != len(body) && off+cap(body) > len(b) {
		t.Fatalf("part at %d reaches beyond the datagram", off)
	}
}

// sampleRoundTrip appends a decoded sample and wants its bytes back.
func sampleRoundTrip(t *testing.T, smp sflow.Sample) {
	var got []byte
	expanded := smp.Format == sflow.FormatFlowSampleExpanded || smp.Format == sflow.FormatCounterSampleExpanded
	switch smp.Format {
	case sflow.FormatFlowSample, sflow.FormatFlowSampleExpanded:
		var s sflow.FlowSample
		if s.Decode(smp) != nil {
			return
		}
		got = s.Append(nil, expanded)
	case sflow.FormatCounterSample, sflow.FormatCounterSampleExpanded:
		var s sflow.CounterSample
		if s.Decode(smp) != nil {
			return
		}
		got = s.Append(nil, expanded)
	case sflow.FormatDiscardedPacket:
		var s sflow.DiscardSample
		if s.Decode(smp) != nil {
			return
		}
		got = s.Append(nil)
	default:
		return
	}
	if want := (sflowtest.Raw{Format: smp.Format, Body: smp.Body}).Append(nil); string(got) != string(want) {
		t.Errorf("sample %v appended again: %x, want %x", smp.Format, got, want)
	}
}

// FuzzRoundTrip decodes any body as any structure; what decodes is appended and
// decodes again to the same values, and can be written as JSON.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range sflowtest.FlowRecords() {
		r := sflowtest.Record(s)
		f.Add(false, uint32(r.Format), r.Body)
	}
	for _, s := range sflowtest.CounterRecords() {
		r := sflowtest.Record(s)
		f.Add(true, uint32(r.Format), r.Body)
	}
	f.Fuzz(func(t *testing.T, counter bool, format uint32, body []byte) {
		newRecord := sflow.NewFlowRecord
		if counter {
			newRecord = sflow.NewCounterRecord
		}
		r := sflow.Record{Format: sflow.Format(format), Body: body[:len(body):len(body)]}
		first, second := newRecord(r.Format), newRecord(r.Format)
		if first == nil {
			return
		}
		if err := first.Decode(r); err != nil {
			if _, ok := err.(sflow.Reason); !ok {
				t.Errorf("%T: error %T, want a bare Reason", first, err)
			}
			if !reflect.ValueOf(first).Elem().IsZero() {
				t.Errorf("%T: values after an error: %+v", first, first)
			}
			return
		}
		if n := sflowtest.Elements(first); n > len(body)/4 {
			t.Errorf("%T: %d elements in %d bytes", first, n, len(body))
		}
		if _, err := json.Marshal(first); err != nil {
			t.Errorf("%T: %v", first, err)
		}
		again := sflowtest.Record(first)
		if again.Format != r.Format {
			t.Fatalf("%T appended as %v, want %v", first, again.Format, r.Format)
		}
		if err := second.Decode(again); err != nil {
			t.Fatalf("%T decoded again: %v", first, err)
		}
		if !same(reflect.ValueOf(first).Elem(), reflect.ValueOf(second).Elem()) {
			t.Errorf("%T decoded again: %+v, want %+v", first, second, first)
		}
	})
}

// same is reflect.DeepEqual with floats compared by their bits.
func same(a, b reflect.Value) bool {
	for i := range a.NumField() {
		if a.Field(i).Kind() == reflect.Float32 {
			x, y := float32(a.Field(i).Float()), float32(b.Field(i).Float())
			if x == x && math.Float32bits(x) != math.Float32bits(y) || (x == x) != (y == y) {
				return false
			}
		} else if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			return false
		}
	}
	return true
}
