package source

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// read decodes every sample of s.
func read(t *testing.T, s *Snapshot) (samples []sflow.CounterSample, statements []sflow.RTMetric) {
	t.Helper()
	d := sflow.Datagram{}
	for v := range s.All() {
		if len(v.Bytes) > maxSample {
			t.Errorf("a sample has %d octets", len(v.Bytes))
		}
		d.NumSamples++
		d.SampleData = append(d.SampleData, v.Bytes...)
	}
	b := d.Append(nil)
	if err := d.Decode(b); err != nil {
		t.Fatal(err)
	}
	for smp, err := range d.Samples() {
		if err != nil {
			t.Fatal(err)
		}
		if smp.Format == sflow.FormatRTMetric {
			var m sflow.RTMetric
			if err := m.Decode(smp); err != nil {
				t.Fatal(err)
			}
			statements = append(statements, m)
			continue
		}
		var c sflow.CounterSample
		if err := c.Decode(smp); err != nil {
			t.Fatal(err)
		}
		n := uint32(0)
		for _, err := range c.Records() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != c.NumRecords {
			t.Errorf("%d records, says %d", n, c.NumRecords)
		}
		samples = append(samples, c)
	}
	return samples, statements
}

func TestSnapshotHoldsWhatWasTold(t *testing.T) {
	var s Snapshot
	var st witness.Statement
	s.Begin(Interface(3))
	s.Record(&sflow.PortName{Name: []byte("eth0")})
	s.Record(&sflow.IfCounters{Index: 3})
	st.Begin(witness.ClassLink, "eth0")
	s.State(&st)
	s.Begin(Instance(1 << 25)) // needs the expanded form
	s.Record(&sflow.VirtCPU{State: 1})
	s.Begin(Host()) // nothing was told of it
	samples, statements := read(t, &s)
	type line struct {
		Source  string
		Records uint32
	}
	var got []line
	for _, c := range samples {
		got = append(got, line{c.Source.String(), c.NumRecords})
	}
	if diff := cmp.Diff([]line{{"0:3", 2}, {"3:33554432", 1}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(statements) != 1 || statements[0].DataSource.String() != "weir/link/eth0" {
		t.Errorf("statements %v", statements)
	}
	s.Record(&sflow.PortName{}) // begun last is the host: it takes records on
	if samples, _ = read(t, &s); len(samples) != 3 {
		t.Errorf("%d samples, want 3", len(samples))
	}
}

func TestSnapshotContinuesInAnotherSample(t *testing.T) {
	var s Snapshot
	s.Begin(Host())
	for range 40 {
		s.Record(&sflow.PortName{Name: bytes.Repeat([]byte("x"), 200)})
	}
	samples, _ := read(t, &s)
	n := uint32(0)
	for _, c := range samples {
		n += c.NumRecords
		if c.Source != Host() {
			t.Errorf("source %v", c.Source)
		}
	}
	if n != 40 || len(samples) < 2 || s.Overflow() != 0 {
		t.Errorf("%d records in %d samples, %d too much", n, len(samples), s.Overflow())
	}
	s.Record(&sflow.PortName{Name: bytes.Repeat([]byte("x"), 2000)})
	if s.Overflow() != 1 {
		t.Error("a record too long for any sample is not counted")
	}
	if again, _ := read(t, &s); len(again) != len(samples) {
		t.Error("a record too long changed the samples")
	}
}

func TestSnapshotIsBounded(t *testing.T) {
	var s Snapshot
	long := &sflow.PortName{Name: bytes.Repeat([]byte("x"), 1200)}
	for range maxSnapshot/1200 + 100 {
		s.Begin(Host())
		s.Record(long)
	}
	if s.Overflow() == 0 || len(s.buf) > maxSnapshot+maxSample {
		t.Errorf("%d octets, %d too much", len(s.buf), s.Overflow())
	}
	var st witness.Statement
	st.Begin(witness.ClassLink, "x")
	before := s.Overflow()
	s.State(&st)
	var o Snapshot
	o.Append(&s)
	o.Append(&s)
	if s.Overflow() != before+1 || o.Overflow() == 0 {
		t.Error("statements and copies are not bounded")
	}
}

func TestSnapshotAllocatesNothing(t *testing.T) {
	var s, o Snapshot
	var st witness.Statement
	rec, port := &sflow.IfCounters{Index: 1}, &sflow.PortName{Name: []byte("eth0")}
	fill := func() {
		s.Reset()
		for i := range uint32(50) {
			s.Begin(Interface(i))
			s.Record(port)
			s.Record(rec)
			st.Begin(witness.ClassLink, "eth0")
			st.Add(witness.Gauge32(witness.IfIndex, i))
			s.State(&st)
		}
		o.Reset()
		o.Append(&s)
	}
	fill()
	if n := testing.AllocsPerRun(20, fill); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEventSaysWhatIsKnown(t *testing.T) {
	e := Event{Name: witness.LinkDown, Subject: "br0", At: time.Unix(1, 5), Before: "up", After: "down", Reason: strings.Repeat("r", 5),
		PID: 7, HasUID: true, More: []witness.Pair{witness.Gauge32(witness.IfIndex, 3)}}
	var st witness.Statement
	e.Append(&st, "id-1", 2)
	said, ok := witness.Parse(st.Metric())
	if !ok || string(said.Class) != witness.ClassEvent || string(said.Entity) != witness.LinkDown {
		t.Fatalf("%q", st.Metric().DataSource)
	}
	var got []string
	for m, err := range said.Pairs.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Name.String())
	}
	want := []string{"id", "at", "subject", "repeat", "before", "after", "reason", "pid", "uid", "ifindex"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if at, _ := said.Uint(witness.At); at != 1e9+5 {
		t.Errorf("at %d", at)
	}
}
