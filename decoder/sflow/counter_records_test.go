package sflow

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// counterCase is one counter record with every field set to a value of its own.
type counterCase struct {
	name   string
	value  Structure
	format Format
	least  int // bytes that Decode needs, where it is not all of the body
}

func counterCases() []counterCase {
	cases := []counterCase{
		{name: "lag_port_stats", format: FormatLAGPortStats, value: exampleLAG(), least: 52},
		{name: "sfp", format: FormatSFP, value: exampleSFP()},
		{name: "port_name", format: FormatPortName, value: &PortName{Text("tap0123abcd")}, least: 15},
		{name: "host_descr", format: FormatHostDescr, value: &HostDescr{
			Hostname: Text("compute-7"), UUID: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
			MachineType: MachineARM, OSName: OSLinux, OSRelease: Text("6.18.2-1"),
		}},
		{name: "host_adapters", format: FormatHostAdapters, value: exampleAdapters()},
		{name: "app_operations", format: FormatAppOperations, value: &AppOperations{
			Text("mail.smtp"), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
		}},
	}
	for _, l := range counterLayouts {
		c := counterCase{name: l.name, format: l.format, value: NewCounterRecord(l.format)}
		v := reflect.ValueOf(c.value).Elem()
		for i := range v.NumField() {
			switch f := v.Field(i); {
			case f.CanInt():
				f.SetInt(int64(-2 - i))
			case f.CanUint():
				f.SetUint(uint64(1)<<(f.Type().Bits()-1) + uint64(i))
			default:
				f.SetFloat(float64(i) + 0.25)
			}
		}
		if l.format == FormatHostCPU {
			c.least = 68
		}
		cases = append(cases, c)
	}
	return cases
}

// body returns the bytes of an appended record after its head, whose format and
// length it checks.
func (c *counterCase) body(t *testing.T) []byte {
	t.Helper()
	b := c.value.Append(nil)
	if f, n := Format(be.Uint32(b)), be.Uint32(b[4:]); f != c.format || int(n) != len(b)-8 {
		t.Fatalf("Append wrote format %v, length %d, want %v, %d", f, n, c.format, len(b)-8)
	}
	return b[8:]
}

func TestCounterCasesAreComplete(t *testing.T) {
	seen := map[Format]bool{}
	for _, c := range counterCases() {
		seen[c.format] = true
		if CounterRecordName(c.format) != c.name {
			t.Errorf("%v is named %q, want %q", c.format, CounterRecordName(c.format), c.name)
		}
	}
	for _, enterprise := range []uint32{0, 4300, 4413, 5703} {
		for n := range uint32(4096) {
			f := MakeFormat(enterprise, n)
			if NewCounterRecord(f) != nil && !seen[f] {
				t.Errorf("%v is decoded but has no case", f)
			}
		}
	}
}

func TestCounterRecordsRoundTrip(t *testing.T) {
	for _, c := range counterCases() {
		t.Run(c.name, func(t *testing.T) {
			body := c.body(t)
			for _, extra := range []string{"", "\xff", "stray bytes "} {
				got := NewCounterRecord(c.format)
				if err := got.Decode(Record{Format: c.format, Body: append(bytes.Clone(body), extra...)}); err != nil {
					t.Fatalf("%d bytes more: %v", len(extra), err)
				}
				if diff := cmp.Diff(c.value, got); diff != "" {
					t.Errorf("%d bytes more (-want +got):\n%s", len(extra), diff)
				}
			}
			if b := c.value.Append([]byte("before")); string(b[:6]) != "before" || !bytes.Equal(b[14:], body) {
				t.Errorf("Append changed what was there, or appended otherwise: %x", b)
			}
		})
	}
}

func TestCounterRecordsRejectEveryPrefix(t *testing.T) {
	for _, c := range counterCases() {
		t.Run(c.name, func(t *testing.T) {
			body, zero := c.body(t), NewCounterRecord(c.format)
			least := c.least
			if least == 0 {
				least = len(body)
			}
			for n := range len(body) {
				got := NewCounterRecord(c.format)
				err := got.Decode(Record{Format: c.format, Body: bytes.Clone(body[:n])})
				if n >= least {
					if err != nil {
						t.Errorf("%d bytes: %v, want none", n, err)
					}
					continue
				}
				if err != ErrTruncated {
					t.Errorf("%d bytes: error %v, want %v", n, err, ErrTruncated)
				}
				if diff := cmp.Diff(zero, got); diff != "" {
					t.Errorf("%d bytes left a value (-want +got):\n%s", n, diff)
				}
			}
		})
	}
}

func TestCounterRecordsRejectAnotherFormat(t *testing.T) {
	for _, c := range counterCases() {
		got := NewCounterRecord(c.format)
		if err := got.Decode(Record{Format: c.format + 4096, Body: c.body(t)}); err != ErrFormat {
			t.Errorf("%s: error %v, want %v", c.name, err, ErrFormat)
		}
	}
}

// TestCounterRecordsDoNotRemember decodes a full record, then one whose fields
// are zero, into the same struct.
func TestCounterRecordsDoNotRemember(t *testing.T) {
	for _, c := range counterCases() {
		t.Run(c.name, func(t *testing.T) {
			empty := counterCase{name: c.name, format: c.format, value: NewCounterRecord(c.format)}
			used, fresh := NewCounterRecord(c.format), NewCounterRecord(c.format)
			for _, err := range []error{
				used.Decode(Record{Format: c.format, Body: c.body(t)}),
				used.Decode(Record{Format: c.format, Body: empty.body(t)}),
				fresh.Decode(Record{Format: c.format, Body: empty.body(t)}),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(fresh, used); diff != "" {
				t.Errorf("reused (-fresh +reused):\n%s", diff)
			}
			_ = used.Decode(Record{Format: c.format, Body: c.body(t)})
			_ = used.Decode(Record{Format: c.format})
			if diff := cmp.Diff(NewCounterRecord(c.format), used); diff != "" {
				t.Errorf("after an error (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCounterRecordsKeepOnlyBytes overwrites the buffer after Decode: numbers
// stay, texts and lists, which refer to it, follow.
func TestCounterRecordsKeepOnlyBytes(t *testing.T) {
	for _, c := range counterCases() {
		t.Run(c.name, func(t *testing.T) {
			body, got := c.body(t), NewCounterRecord(c.format)
			if err := got.Decode(Record{Format: c.format, Body: body}); err != nil {
				t.Fatal(err)
			}
			for i := range body {
				body[i] = 0xdb
			}
			want, have := reflect.ValueOf(c.value).Elem(), reflect.ValueOf(got).Elem()
			for i := range want.NumField() {
				name := want.Type().Field(i).Name
				if want.Field(i).Kind() == reflect.Slice {
					if b := have.Field(i).Bytes(); len(b) == 0 || len(bytes.Trim(b, "\xdb")) != 0 {
						t.Errorf("%s is %q, want it to refer to the buffer", name, b)
					}
				} else if diff := cmp.Diff(want.Field(i).Interface(), have.Field(i).Interface()); diff != "" {
					t.Errorf("%s changed with the buffer (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

// walk reads every list of a structure and returns how many elements there were.
func walk(s Structure) (n int) {
	switch s := s.(type) {
	case *HostAdapters:
		for a := range s.Adapters.All() {
			n++
			for range a.MACs.All() {
				n++
			}
		}
	case *SFP:
		for range s.Lanes.All() {
			n++
		}
	}
	return n
}

func TestCounterRecordsDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 512)
	for _, c := range counterCases() {
		r, s := Record{Format: c.format, Body: c.body(t)}, NewCounterRecord(c.format)
		if n := testing.AllocsPerRun(100, func() {
			if s.Decode(r) != nil {
				t.Fatal("not decoded")
			}
			walk(s)
			buf = s.Append(buf[:0])
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", c.name, n)
		}
		short := Record{Format: c.format, Body: r.Body[:1]}
		if n := testing.AllocsPerRun(100, func() { _ = s.Decode(short) }); n != 0 {
			t.Errorf("%s: %v allocations for a short record, want 0", c.name, n)
		}
	}
}

// TestCounterRecordsBoundCounts puts 2^32-1 into every word, among them every
// count and length.
func TestCounterRecordsBoundCounts(t *testing.T) {
	for _, c := range counterCases() {
		body := c.body(t)
		for at := 0; at+4 <= len(body); at++ {
			b := bytes.Clone(body)
			copy(b[at:], "\xff\xff\xff\xff")
			s := NewCounterRecord(c.format)
			var err error
			elements := 0
			if n := allocated(func() {
				err = s.Decode(Record{Format: c.format, Body: b})
				elements = walk(s)
			}); n >= 1024 {
				t.Errorf("%s, word at %d: %d bytes allocated, want less than 1024", c.name, at, n)
			}
			if err != nil && !errors.Is(err, ErrTruncated) {
				t.Errorf("%s, word at %d: error %v, want none or %v", c.name, at, err, ErrTruncated)
			}
			if elements > len(b)/8 {
				t.Errorf("%s, word at %d: %d elements in %d bytes", c.name, at, elements, len(b))
			}
		}
	}
}

// allocated returns the bytes that f allocates.
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
