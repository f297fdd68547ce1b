package sflow

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func exampleLAG() *LAGPortStats {
	return &LAGPortStats{
		ActorSystemID:       MAC{0x02, 0x00, 0x5e, 0x10, 0x20, 0x30},
		PartnerOperSystemID: MAC{0x02, 0x00, 0x5e, 0x40, 0x50, 0x60},
		AttachedAggID:       1007, ActorAdminState: 0x07, ActorOperState: 0x3d, PartnerAdminState: 0x40, PartnerOperState: 0x3f,
		LACPDUsRx: 11, MarkerPDUsRx: 12, MarkerResponsePDUsRx: 13, UnknownRx: 14, IllegalRx: 15,
		LACPDUsTx: 16, MarkerPDUsTx: 17, MarkerResponsePDUsTx: 18,
	}
}

// unhex reads hexadecimal digits; blanks and what follows a # are ignored.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLAGPortStatsReadsPaddedAndPackedAddresses(t *testing.T) {
	const rest = `
		000003ef            # dot3adAggPortAttachedAggID
		07 3d 40 3f         # actor admin, actor oper, partner admin, partner oper
		0000000b 0000000c 0000000d 0000000e 0000000f
		00000010 00000011 00000012`
	for _, c := range []struct {
		name, wire string
	}{
		{"padded, 56 bytes", "02005e102030 0000  02005e405060 0000" + rest},
		{"padded with garbage", "02005e102030 dead  02005e405060 beef" + rest},
		{"padded and longer", "02005e102030 0000  02005e405060 0000" + rest + "\n01020304"},
		{"packed, 52 bytes", "02005e102030 02005e405060" + rest},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got LAGPortStats
			if err := got.Decode(Record{Format: FormatLAGPortStats, Body: unhex(t, c.wire)}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(exampleLAG(), &got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if s := exampleLAG().ActorOperState; s&LACPSynchronization == 0 || s&LACPTimeout != 0 || s&LACPExpired != 0 {
		t.Errorf("state %#x: wrong bits", s)
	}
}
