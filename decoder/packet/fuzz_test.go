package packet

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzHeader holds what is true of every header: no panic, the invariants of
// checkHeader, the same from a fresh struct, a used one and the general path,
// nothing kept of the bytes, and nothing invented when the last byte is gone.
func FuzzHeader(f *testing.F) {
	for _, c := range headerCases() {
		f.Add(uint32(c.proto), c.b)
	}
	for _, c := range worstCases(256) {
		f.Add(uint32(ProtocolEthernet), c.b)
	}
	dirty := headerCases()
	f.Fuzz(func(t *testing.T, proto uint32, b []byte) {
		p := Protocol(proto)
		b = slices.Clip(b)
		var fresh, again, general Header
		depth := fresh.Decode(p, b)
		if depth != fresh.Depth {
			t.Errorf("returned depth %d, field %d", depth, fresh.Depth)
		}
		if err := checkHeader(&fresh, len(b)); err != nil {
			t.Fatal(err)
		}
		general.walk(p, b)
		if fresh != general {
			t.Fatalf("paths differ (-general +fast)\n%s", cmp.Diff(general, fresh))
		}
		c := dirty[len(b)%len(dirty)]
		again.Decode(c.proto, c.b)
		again.Decode(p, b)
		if fresh != again {
			t.Fatalf("after %s (-fresh +reused)\n%s", c.name, cmp.Diff(fresh, again))
		}
		again.Decode(p, b)
		if fresh != again {
			t.Fatalf("a second time (-first +second)\n%s", cmp.Diff(fresh, again))
		}
		if len(b) > 0 {
			again.Decode(p, b[:len(b)-1:len(b)-1])
			if fresh.Tunnel == TunnelNone && again.Depth > fresh.Depth {
				t.Fatalf("depth %d, with one byte less %d", fresh.Depth, again.Depth)
			}
		}
	})
}
