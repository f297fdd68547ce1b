package sflow

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// An unknown address has no bytes, but the encoder that host agents share
// writes four zero bytes for it. The record's length tells.
func TestUnknownAddressHasNoneOrFourBytes(t *testing.T) {
	hop := netip.MustParseAddr("198.51.100.7")
	router := &ExtendedRouter{SrcMaskLen: 24, DstMaskLen: 16}
	mpls := &ExtendedMPLS{InStack: AppendWords(nil, 0x03e81040, 0x03e9513f), OutStack: AppendWords(nil, 0x03ea213e)}
	gateway := &ExtendedGateway{AS: 65001, LocalPref: 100}
	for _, c := range []struct {
		name, wire string
		want       Structure
	}{
		{"router, none", "00000000 00000018 00000010", router},
		{"router, four", "00000000 00000000 00000018 00000010", router},
		{"router, none and longer", "00000000 00000018 00000010 01020304", router},
		{"router, four and longer", "00000000 00000000 00000018 00000010 01020304", &ExtendedRouter{DstMaskLen: 24}},
		{"mpls, none", "00000000 00000002 03e81040 03e9513f 00000001 03ea213e", mpls},
		{"mpls, four", "00000000 00000000 00000002 03e81040 03e9513f 00000001 03ea213e", mpls},
		{"mpls, none, empty", "00000000 00000000 00000000", &ExtendedMPLS{}},
		{"mpls, four, empty", "00000000 00000000 00000000 00000000", &ExtendedMPLS{}},
		{"nat, none", "00000000 00000001 c6336407", &ExtendedNAT{DstAddress: hop}},
		{"nat, four", "00000000 00000000 00000001 c6336407", &ExtendedNAT{DstAddress: hop}},
		{"nat, four at the end", "00000001 c6336407 00000000 00000000", &ExtendedNAT{SrcAddress: hop}},
		{"gateway, none", "00000000 0000fde9 00000000 00000000 00000000 00000000 00000064", gateway},
		{"gateway, four", "00000000 00000000 0000fde9 00000000 00000000 00000000 00000000 00000064", gateway},
	} {
		t.Run(c.name, func(t *testing.T) {
			var format Format
			switch c.want.(type) {
			case *ExtendedRouter:
				format = FormatExtendedRouter
			case *ExtendedMPLS:
				format = FormatExtendedMPLS
			case *ExtendedNAT:
				format = FormatExtendedNAT
			case *ExtendedGateway:
				format = FormatExtendedGateway
			}
			got := NewFlowRecord(format)
			r := Record{Format: format, Body: unhex(t, c.wire)}
			if err := got.Decode(r); err != nil {
				t.Fatal(err)
			}
			opts := cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()}
			if diff := cmp.Diff(c.want, got, opts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := testing.AllocsPerRun(50, func() { _ = got.Decode(r) }); n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		})
	}
}
