package sflow

import (
	"net/netip"
	"testing"
)

func TestBuilderCountsAndLengths(t *testing.T) {
	var b Builder
	b.Reset([]byte("before"), &Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: 7})
	hdr := &SampledHeader{Protocol: 1, FrameLength: 64, Header: make([]byte, 5)}
	ifc := &IfCounters{Index: 3}
	b.FlowSample(&FlowSample{Sequence: 1}, false, hdr, hdr)
	b.FlowSample(&FlowSample{Sequence: 2}, true, hdr)
	b.CounterSample(&CounterSample{Sequence: 3}, false, ifc)
	b.CounterSample(&CounterSample{Sequence: 4}, true)
	b.Record(ifc)
	b.Record(ifc)
	b.DiscardSample(&DiscardSample{Sequence: 5}, hdr)
	before := b.Len()
	b.Sample(&DiscardSample{Sequence: 6})
	b.Undo()
	b.Undo() // only one step
	if b.Len() != before {
		t.Errorf("Len after Undo = %d, want %d", b.Len(), before)
	}
	b.Sample(&DiscardSample{Sequence: 6})

	if got := string(b.Buffer()[:6]); got != "before" {
		t.Errorf("Reset changed the bytes before the datagram: %q", got)
	}
	var d Datagram
	if err := d.Decode(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if d.NumSamples != 6 || b.NumSamples() != 6 {
		t.Errorf("samples = %d, %d, want 6", d.NumSamples, b.NumSamples())
	}
	want := []uint32{2, 1, 1, 2, 1, 0}
	for smp, err := range d.Samples() {
		if err != nil {
			t.Fatal(err)
		}
		var (
			f FlowSample
			c CounterSample
			x DiscardSample
			n uint32
		)
		switch smp.Format {
		case FormatFlowSample, FormatFlowSampleExpanded:
			err, n = f.Decode(smp), 0
			for _, e := range f.Records() {
				if e != nil {
					t.Error(e)
				}
				n++
			}
		case FormatCounterSample, FormatCounterSampleExpanded:
			err = c.Decode(smp)
			for _, e := range c.Records() {
				if e != nil {
					t.Error(e)
				}
				n++
			}
		default:
			err = x.Decode(smp)
			for _, e := range x.Records() {
				if e != nil {
					t.Error(e)
				}
				n++
			}
		}
		if err != nil || n != want[smp.Index] {
			t.Errorf("sample %d: %d records, error %v, want %d", smp.Index, n, err, want[smp.Index])
		}
	}
}

func TestBuilderDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 2048)
	head := &Datagram{Agent: netip.MustParseAddr("2001:db8::1")}
	s, hdr := &FlowSample{}, &SampledHeader{Header: make([]byte, 128)}
	var b Builder
	if n := testing.AllocsPerRun(100, func() {
		b.Reset(buf, head)
		b.FlowSample(s, true, hdr, hdr)
		b.Record(hdr)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
