package sflow_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	cistern "github.com/Cistern/sflow"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

// The differential tests hold this codec against an independent one, on the
// part that one knows: compact samples, discarded packets, two flow records and
// ten counter records. Its defects are named where they are allowed for.

var ciscmp = cmp.Options{
	cmpopts.IgnoreUnexported(cistern.FlowSample{}, cistern.CounterSample{}, cistern.EventDiscardedPacket{}),
	cmpopts.EquateEmpty(),
}

// peerKnows reports whether the peer decodes a record; it skips all others.
func peerKnows(counter bool, f sflow.Format) bool {
	if !counter {
		return f == sflow.FormatSampledHeader || f == sflow.FormatExtendedSwitch
	}
	switch f {
	case sflow.FormatIfCounters, sflow.FormatEthernetCounters, sflow.FormatVLANCounters, sflow.FormatProcessor,
		sflow.FormatHostCPU, sflow.FormatHostMemory, sflow.FormatHostDiskIO, sflow.FormatHostNetIO:
		return true
	}
	return false
}

func TestPeerDecodesWhatWeDo(t *testing.T) {
	for _, d := range datagrams(t) {
		want, ok := toPeer(t, d.Bytes)
		if !ok {
			continue // holds a sample the peer fails the whole datagram for
		}
		t.Run(d.Name, func(t *testing.T) {
			got, err := cistern.NewDecoder(bytes.NewReader(d.Bytes)).Decode()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, want, ciscmp); diff != "" {
				t.Errorf("(-peer +ours):\n%s", diff)
			}
		})
	}
}

func TestPeerDecodesWhatWeAppend(t *testing.T) {
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: mustAddr("2001:db8::9"), SubAgent: 2, Sequence: 3, Uptime: 4})
	b.FlowSample(&sflow.FlowSample{
		Sequence: 5, Source: sflow.DataSource{Class: sflow.ClassVLAN, Index: 0xabcdef}, SamplingRate: 6, SamplePool: 7, Drops: 8,
		Input: sflow.Port{Value: 9}, Output: sflow.Port{Format: sflow.PortDiscarded, Value: 258},
	}, false)
	for _, r := range sflowtest.FlowRecords() {
		b.Record(r)
	}
	b.CounterSample(&sflow.CounterSample{Sequence: 10, Source: sflow.DataSource{Class: sflow.ClassLogical, Index: 11}}, false)
	for _, r := range sflowtest.CounterRecords() {
		b.Record(r)
	}
	b.DiscardSample(&sflow.DiscardSample{
		Sequence: 12, Source: sflow.DataSource{Class: 1, Index: 13}, Drops: 14, Input: 15, Output: 16, DropReason: 303,
	})
	b.Record(&sflow.SampledHeader{Protocol: 1, FrameLength: 60, Header: sflowtest.Header()[:21]})

	want, ok := toPeer(t, b.Bytes())
	if !ok {
		t.Fatal("built a datagram the peer does not know")
	}
	got, err := cistern.NewDecoder(bytes.NewReader(b.Bytes())).Decode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want, ciscmp); diff != "" {
		t.Errorf("(-peer +ours):\n%s", diff)
	}
	for i, n := range []int{2, 8, 1} {
		if got := len(got.Samples[i].GetRecords()); got != n {
			t.Errorf("sample %d: the peer knows %d records, want %d", i, got, n)
		}
	}
}

// What the peer encodes we decode to the same values, but for two defects of
// its encoder: it swaps the data source's class and index, and it gives records
// whose Go struct has padding a length that is too large.
func TestWeDecodeWhatPeerEncodes(t *testing.T) {
	known, _ := toPeer(t, sflowtest.Datagrams()[0].Bytes)
	counters, _ := toPeer(t, sflowtest.Datagrams()[2].Bytes)
	flow := known.Samples[0].(*cistern.FlowSample)
	flow.SourceIdType, flow.SourceIdIndexVal = 9, 0
	counter := counters.Samples[0].(*cistern.CounterSample)
	counter.SourceIdType, counter.SourceIdIndexVal = 1, 0
	var whole []cistern.Record
	for _, r := range counter.Records {
		switch r.(type) {
		case cistern.VlanCounters, cistern.ProcessorCounters, cistern.HostDiskCounters, cistern.HostNetCounters:
			wantTooLong(t, r)
		default:
			whole = append(whole, r)
		}
	}
	counter.Records = whole
	discard := &cistern.EventDiscardedPacket{
		SequenceNum: 1, DsClass: 2, DsIndex: 3, Drops: 4, Input: 5, Output: 6, Reason: 7, Records: flow.Records,
	}
	samples := []cistern.Sample{flow, counter, discard}

	var out bytes.Buffer
	e := cistern.NewEncoder(net.IPv4(192, 0, 2, 1), 7, 8)
	e.Uptime = 9
	if err := e.Encode(&out, samples); err != nil {
		t.Fatal(err)
	}
	got, ok := toPeer(t, out.Bytes())
	if !ok {
		t.Fatal("a sample is missing")
	}
	swap(&flow.SourceIdType, &flow.SourceIdIndexVal)
	swap(&counter.SourceIdType, &counter.SourceIdIndexVal)
	want := &cistern.Datagram{
		Version: 5, IpVersion: 1, IpAddress: net.IP{192, 0, 2, 1}, SubAgentId: 7, SequenceNumber: 8, Uptime: 9,
		NumSamples: 3, Samples: samples,
	}
	if diff := cmp.Diff(want, got, ciscmp); diff != "" {
		t.Errorf("(-peer +ours):\n%s", diff)
	}
}

func swap(class *byte, index *uint32) { *class, *index = byte(*index), uint32(*class) }

// wantTooLong checks that the peer still announces more bytes than it writes.
func wantTooLong(t *testing.T, r cistern.Record) {
	t.Helper()
	var out bytes.Buffer
	sample := &cistern.CounterSample{Records: []cistern.Record{r}}
	if err := cistern.NewEncoder(net.IPv4zero, 0, 0).Encode(&out, []cistern.Sample{sample}); err != nil {
		t.Fatal(err)
	}
	if w := sflowtest.NewWalker(); w.Walk(out.Bytes()) == nil || w.Reasons[sflow.ErrTruncated] != 1 {
		t.Errorf("%T: the peer's length is right now: compare its values too", r)
	}
}

// toPeer decodes b with this package into the peer's structs. False means that
// b holds a sample the peer does not know.
func toPeer(t *testing.T, b []byte) (*cistern.Datagram, bool) {
	t.Helper()
	var d sflow.Datagram
	if err := d.Decode(b); err != nil {
		t.Fatal(err)
	}
	if !d.Agent.IsValid() {
		return nil, false // the peer reads 4 bytes of address for type 0
	}
	out := &cistern.Datagram{
		Version: 5, IpVersion: 1, IpAddress: d.Agent.AsSlice(), SubAgentId: d.SubAgent,
		SequenceNumber: uint32(d.Sequence), Uptime: d.Uptime, NumSamples: d.NumSamples,
	}
	if d.Agent.Is6() {
		out.IpVersion = 2
	}
	for smp, err := range d.Samples() {
		if err != nil {
			t.Fatal(err)
		}
		s, ok := peerSample(t, smp)
		if !ok {
			return nil, false
		}
		out.Samples = append(out.Samples, s)
	}
	return out, true
}

func peerSample(t *testing.T, smp sflow.Sample) (cistern.Sample, bool) {
	t.Helper()
	switch smp.Format {
	case sflow.FormatFlowSample:
		var s sflow.FlowSample
		check(t, s.Decode(smp))
		return &cistern.FlowSample{
			SequenceNum: uint32(s.Sequence), SourceIdType: byte(s.Source.Class), SourceIdIndexVal: s.Source.Index,
			SamplingRate: s.SamplingRate, SamplePool: s.SamplePool, Drops: s.Drops,
			Input: s.Input.Format<<30 | s.Input.Value, Output: s.Output.Format<<30 | s.Output.Value,
			Records: peerRecords(t, s.Records(), false),
		}, true
	case sflow.FormatCounterSample:
		var s sflow.CounterSample
		check(t, s.Decode(smp))
		return &cistern.CounterSample{
			SequenceNum: uint32(s.Sequence), SourceIdType: byte(s.Source.Class), SourceIdIndexVal: s.Source.Index,
			Records: peerRecords(t, s.Records(), true),
		}, true
	case sflow.FormatDiscardedPacket:
		var s sflow.DiscardSample
		check(t, s.Decode(smp))
		return &cistern.EventDiscardedPacket{
			SequenceNum: uint32(s.Sequence), DsClass: s.Source.Class, DsIndex: s.Source.Index, Drops: s.Drops,
			Input: s.Input, Output: s.Output, Reason: s.DropReason, Records: peerRecords(t, s.Records(), false),
		}, true
	}
	return nil, false
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func peerRecords(t *testing.T, records func(func(sflow.Record, error) bool), counter bool) (out []cistern.Record) {
	t.Helper()
	for r, err := range records {
		check(t, err)
		if !peerKnows(counter, r.Format) {
			continue
		}
		s := sflow.NewFlowRecord(r.Format)
		if counter {
			s = sflow.NewCounterRecord(r.Format)
		}
		check(t, s.Decode(r))
		out = append(out, peerRecord(t, s))
	}
	return out
}

// peerRecord copies s into the peer's struct, field by field in the order of
// the specification, which both follow.
func peerRecord(t *testing.T, s sflow.Structure) cistern.Record {
	t.Helper()
	switch s := s.(type) {
	case *sflow.SampledHeader:
		return cistern.RawPacketFlow{
			Protocol: s.Protocol, FrameLength: s.FrameLength, Stripped: s.Stripped,
			HeaderSize: uint32(len(s.Header)), Header: s.Header,
		}
	case *sflow.ExtendedSwitch:
		return copied[cistern.ExtendedSwitchFlow](t, *s)
	case *sflow.IfCounters:
		return copied[cistern.GenericInterfaceCounters](t, *s)
	case *sflow.EthernetCounters:
		return copied[cistern.EthernetCounters](t, *s)
	case *sflow.VLANCounters:
		return copied[cistern.VlanCounters](t, *s)
	case *sflow.Processor:
		return copied[cistern.ProcessorCounters](t, *s)
	case *sflow.HostCPU:
		return copied[cistern.HostCPUCounters](t, *s)
	case *sflow.HostMemory:
		return copied[cistern.HostMemoryCounters](t, *s)
	case *sflow.HostDiskIO:
		return copied[cistern.HostDiskCounters](t, *s)
	case *sflow.HostNetIO:
		return copied[cistern.HostNetCounters](t, *s)
	}
	t.Fatalf("no peer for %T", s)
	return nil
}

// copied moves the fields of from into a T of the same layout.
func copied[T any](t *testing.T, from any) (to T) {
	t.Helper()
	var b bytes.Buffer
	check(t, binary.Write(&b, binary.LittleEndian, from))
	check(t, binary.Read(&b, binary.LittleEndian, &to))
	if b.Len() != 0 {
		t.Fatalf("%T and %T differ in size", from, to)
	}
	return to
}
