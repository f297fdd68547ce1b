package sflow_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

func TestAddressTypesOtherThanKnownAreRejected(t *testing.T) {
	body := make([]byte, 64)
	body[3] = 3
	for _, s := range []sflow.Structure{
		&sflow.ExtendedRouter{}, &sflow.ExtendedGateway{}, &sflow.ExtendedMPLS{}, &sflow.ExtendedNAT{},
	} {
		r := sflowtest.Record(s)
		r.Body = body
		if err := s.Decode(r); !errors.Is(err, sflow.ErrAddressType) {
			t.Errorf("%T: error %v, want ErrAddressType", s, err)
		}
	}
}

func TestNextHopOfEveryAddressType(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		want string
	}{
		{"unknown", []byte{0, 0, 0, 0, 0, 0, 0, 24, 0, 0, 0, 16}, "invalid IP"},
		{"IPv4", []byte{0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 24, 0, 0, 0, 16}, "192.0.2.1"},
		{"IPv6", []byte{0, 0, 0, 2, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 24, 0, 0, 0, 16}, "2001:db8::1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e sflow.ExtendedRouter
			if err := e.Decode(sflow.Record{Format: sflow.FormatExtendedRouter, Body: c.body}); err != nil {
				t.Fatal(err)
			}
			if e.NextHop.String() != c.want || e.SrcMaskLen != 24 || e.DstMaskLen != 16 {
				t.Errorf("%v /%d /%d, want %s /24 /16", e.NextHop, e.SrcMaskLen, e.DstMaskLen, c.want)
			}
		})
	}
}

func TestSampledEthernetTellsPackedFromPadded(t *testing.T) {
	want := sflow.SampledEthernet{Length: 64, SrcMAC: sflow.MAC{1, 2, 3, 4, 5, 6}, DstMAC: sflow.MAC{7, 8, 9, 10, 11, 12}, Type: 0x86dd}
	for name, body := range map[string][]byte{
		"packed": {0, 0, 0, 64, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0x86, 0xdd},
		"padded": {0, 0, 0, 64, 1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0, 0x86, 0xdd},
	} {
		var got sflow.SampledEthernet
		if err := got.Decode(sflow.Record{Format: sflow.FormatSampledEthernet, Body: body}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func TestGatewayDestination(t *testing.T) {
	seq := sflow.AppendASPathSegment(nil, sflow.ASSequence, 1, 2, 3)
	for _, c := range []struct {
		name      string
		path      sflow.ASPath
		dst, peer uint32
		json      string
	}{
		{"none", nil, 0, 0, `[]`},
		{"one", sflow.AppendASPathSegment(nil, sflow.ASSequence, 7), 7, 7, `[{"as_sequence":[7]}]`},
		{"sequence", seq, 3, 1, `[{"as_sequence":[1,2,3]}]`},
		{"empty first", append(sflow.AppendASPathSegment(nil, sflow.ASSet), seq...), 3, 1, `[{"as_set":[]},{"as_sequence":[1,2,3]}]`},
		{"confederation", sflow.AppendASPathSegment(nil, 4, 65000), 65000, 65000, `[{"type":4,"asns":[65000]}]`},
		{"cut", append(seq[:len(seq):len(seq)], 0, 0, 0, 1, 0, 0, 0, 2, 0), 3, 1, `[{"as_sequence":[1,2,3]}]`},
	} {
		e := sflow.ExtendedGateway{DstASPath: c.path}
		if dst, peer := e.DstAS(); dst != c.dst || peer != c.peer {
			t.Errorf("%s: destination %d by %d, want %d by %d", c.name, dst, peer, c.dst, c.peer)
		}
		if got, err := json.Marshal(c.path); err != nil || string(got) != c.json {
			t.Errorf("%s: %s, %v, want %s", c.name, got, err, c.json)
		}
		var again sflow.ExtendedGateway
		if err := again.Decode(sflowtest.Record(&e)); err != nil || again.DstASPath.Len() != c.path.Len() {
			t.Errorf("%s: %d segments after Append, %v, want %d", c.name, again.DstASPath.Len(), err, c.path.Len())
		}
	}
}

func TestLabelFields(t *testing.T) {
	label, class, bottom, ttl := sflow.Label(math.MaxUint32 - 0x100)
	if label != 1<<20-1 || class != 7 || bottom || ttl != 255 {
		t.Errorf("label %d, class %d, bottom %v, ttl %d", label, class, bottom, ttl)
	}
	if label, class, bottom, ttl = sflow.Label(16<<12 | 2<<9 | 1<<8 | 64); label != 16 || class != 2 || !bottom || ttl != 64 {
		t.Errorf("label %d, class %d, bottom %v, ttl %d", label, class, bottom, ttl)
	}
}

func TestAddressOfOtherFamilyIsStillAnAddress(t *testing.T) {
	s4 := sflow.SampledIPv4{SrcIP: mustAddr("::ffff:192.0.2.1"), DstIP: mustAddr("2001:db8::1")}
	var got4 sflow.SampledIPv4
	if err := got4.Decode(sflowtest.Record(&s4)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sflow.SampledIPv4{SrcIP: mustAddr("192.0.2.1"), DstIP: mustAddr("0.0.0.0")}, got4, cmpAddr); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s6 := sflow.SampledIPv6{SrcIP: mustAddr("192.0.2.1")}
	var got6 sflow.SampledIPv6
	if err := got6.Decode(sflowtest.Record(&s6)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sflow.SampledIPv6{SrcIP: mustAddr("::ffff:192.0.2.1"), DstIP: mustAddr("::")}, got6, cmpAddr); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWordsGiveTheirElements(t *testing.T) {
	w := sflow.AppendWords(nil, 1, 2, math.MaxUint32)
	var got []uint32
	for v := range w.All() {
		got = append(got, v)
	}
	if diff := cmp.Diff([]uint32{1, 2, math.MaxUint32}, got); diff != "" || w.Len() != 3 || w.At(1) != 2 {
		t.Errorf("Len %d, At(1) %d, elements (-want +got):\n%s", w.Len(), w.At(1), diff)
	}
	for range w.All() {
		break // an iteration may end early
	}
}

func TestIteratorsRangedDirectlyDoNotAllocate(t *testing.T) {
	r := sflowtest.Record(&sflow.ExtendedGateway{
		DstASPath:   sflow.AppendASPathSegment(sflow.AppendASPathSegment(nil, 2, 1, 2), 1, 3),
		Communities: sflow.AppendWords(nil, 4, 5),
	})
	var sum uint32
	if n := testing.AllocsPerRun(100, func() {
		var e sflow.ExtendedGateway
		if e.Decode(r) != nil {
			t.Error("Decode failed")
		}
		for s := range e.DstASPath.Segments() {
			for v := range s.ASNs.All() {
				sum += v
			}
		}
		for v := range e.Communities.All() {
			sum += v
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	if sum == 0 {
		t.Error("nothing was read")
	}
}
