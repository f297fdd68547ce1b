package sflow_test

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"reflect"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

var cmpAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// damaged are the golden cases that are wrong on purpose.
var damaged = map[string]bool{"bad_parts": true, "netflow_v5": true}

// datagrams returns the golden datagrams that are whole, and those of our own
// encoder.
func datagrams(t testing.TB) []sflowtest.Datagram {
	t.Helper()
	all := sflowtest.Datagrams()
	for _, g := range goldens(t) {
		if !damaged[g.name] {
			all = append(all, sflowtest.Datagram{Name: "golden_" + g.name, Bytes: g.bytes})
		}
	}
	return all
}

func TestEveryPrefixIsTruncated(t *testing.T) {
	for _, d := range datagrams(t) {
		t.Run(d.Name, func(t *testing.T) {
			var whole []sflow.Sample
			w := sflowtest.NewWalker()
			w.OnSample = func(s sflow.Sample) { whole = append(whole, s) }
			if err := w.Walk(d.Bytes); err != nil {
				t.Fatalf("the whole datagram: %v", err)
			}
			n := 0
			w.OnSample = func(s sflow.Sample) {
				if n >= len(whole) || s.Format != whole[n].Format || !bytes.Equal(s.Body, whole[n].Body) {
					t.Errorf("sample %d is delivered in part", n)
				}
				n++
			}
			for i := range d.Bytes {
				n = 0
				if err := w.Walk(d.Bytes[:i:i]); !errors.Is(err, sflow.ErrTruncated) {
					t.Fatalf("prefix of %d bytes: error %v, want ErrTruncated", i, err)
				}
			}
		})
	}
}

func TestEveryPrefixOfEveryStructureFails(t *testing.T) {
	for _, s := range structures() {
		r := sflowtest.Record(s)
		last := len(r.Body) // where the body may end without loss
		for last > 0 && r.Body[last-1] == 0 && len(r.Body)-last < 3 {
			last-- // the pad of a text at the very end
		}
		if r.Format == sflow.FormatSampledEthernet || r.Format == sflow.FormatExtendedL2TunnelEgress || r.Format == sflow.FormatExtendedL2TunnelIngress {
			last = 20 // the packed form
		}
		if shorter, ok := olderForms[r.Format]; ok {
			last = shorter
		}
		fresh := newLike(s)
		for i := range last {
			err := fresh.Decode(sflow.Record{Format: r.Format, Body: r.Body[:i:i]})
			if !errors.Is(err, sflow.ErrTruncated) && !errors.Is(err, sflow.ErrLength) {
				t.Errorf("%T: prefix of %d of %d bytes: error %v, want ErrTruncated", s, i, len(r.Body), err)
			}
			if !reflect.ValueOf(fresh).Elem().IsZero() {
				t.Errorf("%T: prefix of %d bytes left values behind: %+v", s, i, fresh)
			}
		}
	}
}

// olderForms are the shorter lengths of structures that grew or are packed by
// some agents.
var olderForms = map[sflow.Format]int{
	sflow.FormatLAGPortStats: 52,
	sflow.FormatHostCPU:      68,
}

func structures() []sflow.Structure {
	return append(sflowtest.FlowRecords(), sflowtest.CounterRecords()...)
}

func newLike(s sflow.Structure) sflow.Structure {
	return reflect.New(reflect.TypeOf(s).Elem()).Interface().(sflow.Structure)
}

// A count or length of 2^32-1 anywhere costs no memory and no time.
func TestSaturatedWordsCostNothing(t *testing.T) {
	const limit = 1 << 10
	for _, d := range datagrams(t) {
		t.Run(d.Name, func(t *testing.T) {
			w := sflowtest.NewWalker()
			for off, b := range sflowtest.Saturate(d.Bytes) {
				got := allocated(func() { _ = w.Walk(b) })
				if got >= limit {
					t.Errorf("word at %d: %d bytes allocated, want less than %d", off, got, limit)
				}
				if n := w.Samples + w.Records + w.Elements; n > len(b)/4 {
					t.Errorf("word at %d: %d parts in %d bytes", off, n, len(b))
				}
				if w.Bare != nil {
					t.Errorf("word at %d: error without a Reason: %v", off, w.Bare)
				}
			}
		})
	}
}

func allocated(f func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 3 { // the runtime allocates at times, and is counted
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if least = min(least, after.TotalAlloc-before.TotalAlloc); least == 0 {
			break
		}
	}
	return least
}

func TestReusedStructureShowsNothingOfBefore(t *testing.T) {
	for _, s := range structures() {
		r := sflowtest.Record(s)
		short := sflow.Record{Format: r.Format, Body: make([]byte, len(r.Body))}
		fresh, reused := newLike(s), newLike(s)
		freshErr := fresh.Decode(short)
		if err := reused.Decode(r); err != nil {
			t.Errorf("%T: %v", s, err)
		}
		reusedErr := reused.Decode(short)
		if freshErr != reusedErr {
			t.Errorf("%T: errors %v and %v differ", s, freshErr, reusedErr)
		}
		if diff := cmp.Diff(fresh, reused, cmpAddr); diff != "" {
			t.Errorf("%T: fresh and reused differ (-fresh +reused):\n%s", s, diff)
		}
		if err := reused.Decode(r); err != nil {
			t.Errorf("%T: %v", s, err)
		}
		if err := reused.Decode(sflow.Record{Format: 4095}); !errors.Is(err, sflow.ErrFormat) {
			t.Errorf("%T: another format: error %v, want ErrFormat", s, err)
		}
		if !reflect.ValueOf(reused).Elem().IsZero() {
			t.Errorf("%T: another format left values behind: %+v", s, reused)
		}
	}
}

func TestRoundTripOfEveryStructure(t *testing.T) {
	for _, s := range structures() {
		r := sflowtest.Record(s)
		got := newLike(s)
		if err := got.Decode(r); err != nil {
			t.Errorf("%T: %v", s, err)
			continue
		}
		again := sflowtest.Record(got)
		if again.Format != r.Format || !bytes.Equal(again.Body, r.Body) {
			t.Errorf("%T: appended again (-want +got):\n%s", s, cmp.Diff(r.Body, again.Body))
		}
		longer := sflow.Record{Format: r.Format, Body: append(append([]byte{}, r.Body...), 1, 2, 3, 4)}
		if got.Decode(longer) != nil || !bytes.Equal(sflowtest.Record(got).Body, r.Body) {
			t.Errorf("%T: 4 bytes more than known change the result", s)
		}
	}
}

// What a structure keeps by reference is what its comment says and nothing
// else: overwriting the buffer changes no number and no address.
func TestPoisonedBufferChangesOnlyWhatRefersToIt(t *testing.T) {
	for _, s := range structures() {
		r := sflowtest.Record(s)
		got := newLike(s)
		if err := got.Decode(r); err != nil {
			t.Fatal(err)
		}
		for i := range r.Body {
			r.Body[i] = 0xee
		}
		want, poisoned := reflect.ValueOf(s).Elem(), reflect.ValueOf(got).Elem()
		for i := range want.NumField() {
			f := want.Type().Field(i)
			if f.Type.Kind() == reflect.Slice || f.Type.Kind() == reflect.Struct && f.Type.NumField() > 0 && f.Type.Field(0).Type.Kind() == reflect.Slice {
				continue
			}
			if diff := cmp.Diff(want.Field(i).Interface(), poisoned.Field(i).Interface(), cmpAddr); diff != "" {
				t.Errorf("%T.%s (-want +got):\n%s", s, f.Name, diff)
			}
		}
	}
}

func TestStructuresDoNotAllocate(t *testing.T) {
	var buf [2048]byte
	for _, s := range structures() {
		r := sflowtest.Record(s)
		if n := testing.AllocsPerRun(10, func() {
			if s.Decode(r) != nil {
				t.Error("Decode failed")
			}
			sflowtest.Elements(s)
			s.Append(buf[:0])
		}); n != 0 {
			t.Errorf("%T: %v allocations in Decode, lists and Append, want 0", s, n)
		}
	}
}

func TestWholeWalkDoesNotAllocate(t *testing.T) {
	for _, d := range datagrams(t) {
		w := sflowtest.NewWalker()
		if n := testing.AllocsPerRun(10, func() { _ = w.Walk(d.Bytes) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", d.Name, n)
		}
	}
}

// Good samples before and after a bad one are delivered.
func TestBadPartsLeaveTheOthers(t *testing.T) {
	w := sflowtest.NewWalker()
	var seqs []sflow.Seq
	var good int
	w.OnSample = func(smp sflow.Sample) {
		var s sflow.FlowSample
		if err := s.Decode(smp); err != nil {
			t.Errorf("sample %d: %v", smp.Index, err)
		}
		seqs = append(seqs, s.Sequence)
	}
	w.OnRecord = func(_ sflow.Record, s sflow.Structure) {
		if e, ok := s.(*sflow.ExtendedSwitch); ok && e.SrcVLAN == 100 {
			good++
		}
	}
	err := w.Walk(goldenBytes(t, "bad_parts"))
	if !errors.Is(err, sflow.ErrLength) {
		t.Errorf("error %v, want ErrLength first", err)
	}
	if diff := cmp.Diff([]sflow.Seq{1, 2, 10, 4}, seqs); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if good != 4 {
		t.Errorf("%d good records, want 4", good)
	}
	if w.Reasons[sflow.ErrLength] != 1 || w.Reasons[sflow.ErrTruncated] != 2 {
		t.Errorf("reasons %v, want one length and two truncated", w.Reasons)
	}
}
