package sflow

import (
	"bytes"
	"math"
	"net"
	"net/netip"
	"reflect"
	"testing"

	cistern "github.com/Cistern/sflow"
	"github.com/google/go-cmp/cmp"
)

// The counter records that Cistern/sflow knows are checked both ways. Its known
// defects, which the tests step around:
//   - it swaps the data source's class and index when encoding;
//   - four records get the length of the Go struct with its padding, 4 or 8
//     bytes more than are there;
//   - part_max_used of host_disk_io is taken for a float.

// cisternRecord is a record of Cistern/sflow by its format.
func cisternRecord(f Format) cistern.Record {
	switch f {
	case FormatIfCounters:
		return &cistern.GenericInterfaceCounters{}
	case FormatEthernetCounters:
		return &cistern.EthernetCounters{}
	case FormatVLANCounters:
		return &cistern.VlanCounters{}
	case FormatProcessor:
		return &cistern.ProcessorCounters{}
	case FormatHostCPU:
		return &cistern.HostCPUCounters{}
	case FormatHostMemory:
		return &cistern.HostMemoryCounters{}
	case FormatHostDiskIO:
		return &cistern.HostDiskCounters{}
	case FormatHostNetIO:
		return &cistern.HostNetCounters{}
	}
	return nil
}

// wireNumbers returns the fields of a record, ours or Cistern's, as numbers in
// the order of the wire.
func wireNumbers(s any) (out []uint64) {
	v := reflect.Indirect(reflect.ValueOf(s))
	for i := range v.NumField() {
		out = append(out, number(v.Field(i)))
	}
	return out
}

func TestCisternDecodesOurCounterRecords(t *testing.T) {
	n := 0
	for _, c := range counterCases() {
		if cisternRecord(c.format) == nil {
			continue
		}
		n++
		t.Run(c.name, func(t *testing.T) {
			var b Builder
			b.Reset(nil, &Datagram{Agent: netip.MustParseAddr("192.0.2.9"), Sequence: 3, Uptime: 4})
			b.CounterSample(&CounterSample{Sequence: 77, Source: DataSource{ClassEntity, 0x123456}}, false, c.value)
			d, err := cistern.NewDecoder(bytes.NewReader(b.Bytes())).Decode()
			if err != nil {
				t.Fatal(err)
			}
			s, ok := d.Samples[0].(*cistern.CounterSample)
			if !ok || s.SequenceNum != 77 || s.SourceIdType != ClassEntity || s.SourceIdIndexVal != 0x123456 || len(s.Records) != 1 {
				t.Fatalf("it reads the sample as %+v", d.Samples[0])
			}
			if diff := cmp.Diff(wireNumbers(c.value), wireNumbers(s.Records[0])); diff != "" {
				t.Errorf("(-ours +Cistern's):\n%s", diff)
			}
		})
	}
	if n != 8 {
		t.Errorf("%d records compared, want 8", n)
	}
}

func TestCounterRecordsDecodeWhatCisternEncodes(t *testing.T) {
	padding := map[Format]int{FormatVLANCounters: 4, FormatProcessor: 4, FormatHostDiskIO: 4, FormatHostNetIO: 8}
	for _, c := range counterCases() {
		rec := cisternRecord(c.format)
		if rec == nil {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			v := reflect.ValueOf(rec).Elem()
			for i := range v.NumField() {
				if f := v.Field(i); f.CanUint() {
					f.SetUint(uint64(1)<<(f.Type().Bits()-1) + uint64(100+i))
				} else {
					f.SetFloat(float64(i) - 0.5)
				}
			}
			var out bytes.Buffer
			e := cistern.NewEncoder(net.IPv4(192, 0, 2, 9), 1, 2)
			if err := e.Encode(&out, []cistern.Sample{&cistern.CounterSample{Records: []cistern.Record{rec}}}); err != nil {
				t.Fatal(err)
			}
			b := out.Bytes()[28+8+12:] // after the heads of datagram and sample
			body := b[8:]
			if got, want := int(be.Uint32(b[4:])), len(body)+padding[c.format]; got != want {
				t.Errorf("it wrote length %d for %d bytes, want %d", got, len(body), want)
			}
			got := NewCounterRecord(c.format)
			if err := got.Decode(Record{Format: Format(be.Uint32(b)), Body: body}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wireNumbers(rec), wireNumbers(got)); diff != "" {
				t.Errorf("(-Cistern's +ours):\n%s", diff)
			}
			if d, ok := got.(*HostDiskIO); ok && uint32(d.PartMaxUsed) != math.Float32bits(rec.(*cistern.HostDiskCounters).MaxUsedPercent) {
				t.Errorf("part_max_used = %d", d.PartMaxUsed)
			}
		})
	}
}
