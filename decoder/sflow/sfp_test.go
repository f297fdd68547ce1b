package sflow

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func exampleSFP() *SFP {
	s := &SFP{ModuleID: 5, ModuleNumLanes: 4, ModuleSupplyVoltage: 3300, ModuleTemperature: -1500}
	s.Lanes = AppendSFPLane(nil, SFPLane{1, 2, 3, 4, 5, 1310, 7, 8, 9, 1311})
	s.Lanes = AppendSFPLane(s.Lanes, SFPLane{11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
	return s
}

func TestSFPReadsTheWire(t *testing.T) {
	const head = "00000005 00000004 00000ce4 fffffa24 " // id, lanes of the module, mV, -1.5 degrees
	lane := func(i string) string {
		return "0000000" + i + " 00001770 000001f4 000001f0 000001ff 0000051e 00000190 0000018f 00000191 0000051f "
	}
	want := func(i uint32) SFPLane { return SFPLane{i, 6000, 500, 496, 511, 1310, 400, 399, 401, 1311} }
	for _, c := range []struct {
		name, wire string
		lanes      []SFPLane
	}{
		{"no lanes", head + "00000000", nil},
		{"four lanes", head + "00000004" + lane("1") + lane("2") + lane("3") + lane("4"), []SFPLane{want(1), want(2), want(3), want(4)}},
		{"bytes after the lanes", head + "00000001" + lane("2") + lane("3"), []SFPLane{want(2)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s SFP
			if err := s.Decode(Record{Format: FormatSFP, Body: unhex(t, c.wire)}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.lanes, slices.Collect(s.Lanes.All())); diff != "" {
				t.Errorf("lanes (-want +got):\n%s", diff)
			}
			s.Lanes = nil
			if diff := cmp.Diff(SFP{5, 4, 3300, -1500, nil}, s); diff != "" {
				t.Errorf("module (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSFPRejectsCountsBeyondTheRecord(t *testing.T) {
	body := exampleSFP().Append(nil)[8:]
	for _, n := range []uint32{3, 0x06666667, 0xffffffff} { // the second wraps in 32 bits
		be.PutUint32(body[16:], n)
		var s SFP
		if err := s.Decode(Record{Format: FormatSFP, Body: body}); err != ErrTruncated || s.Lanes != nil {
			t.Errorf("%d lanes: error %v, want %v", n, err, ErrTruncated)
		}
	}
}

func TestLaneListMarshalJSON(t *testing.T) {
	json, _ := AppendSFPLane(nil, SFPLane{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}).MarshalJSON()
	want := `[{"index":1,"tx_bias_current":2,"tx_power":3,"tx_power_min":4,"tx_power_max":5,"tx_wavelength":6,` +
		`"rx_power":7,"rx_power_min":8,"rx_power_max":9,"rx_wavelength":10}]`
	if diff := cmp.Diff(want, string(json)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
