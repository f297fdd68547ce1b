package fact

import (
	"net/netip"
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// TestKeysOfAgents: an agent with a key of its own is known to have one at once,
// and neither the shared key nor another's signs for it.
func TestKeysOfAgents(t *testing.T) {
	addr := netip.MustParseAddr
	own, shared := []byte("0123456789abcdef"), []byte("fedcba9876543210")
	keys := Keys{Shared: shared, Of: map[netip.Addr][]byte{addr("192.0.2.1"): own, addr("192.0.2.9"): own}}
	for _, c := range []struct {
		name          string
		agent, from   string
		sign          []byte
		keyed, trusts bool
	}{
		{"its own key", "192.0.2.1", "192.0.2.1", own, true, true},
		{"its own key, moved", "192.0.2.1", "192.0.2.77", own, true, true},
		{"the shared key in its place", "192.0.2.1", "192.0.2.1", shared, true, false},
		{"no key", "192.0.2.1", "192.0.2.1", nil, true, false},
		{"the shared key", "192.0.2.2", "192.0.2.2", shared, false, true},
		{"the key of who it comes from", "192.0.2.2", "192.0.2.1", own, false, false},
		{"an address that names nobody", "127.0.0.1", "192.0.2.9", own, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed(t)
			f.g = NewGatherer(keys)
			var b sflow.Builder
			b.Reset(nil, &sflow.Datagram{Agent: addr(c.agent), Sequence: 1})
			var st witness.Statement
			st.Begin(witness.ClassHeartbeat, "cn1")
			st.Add(witness.Counter64(witness.Sequence, 1))
			witness.NewSigner(c.sign).Sign(&st)
			b.Sample(st.Metric())
			if err := f.decoder.Decode(b.Bytes(), netip.AddrPortFrom(addr(c.from), 6343), f.now, f); err != nil {
				t.Fatal(err)
			}
			for _, x := range f.tick(100 * time.Millisecond) {
				switch {
				case x.Kind == Sender && x.Detail.Keyed != c.keyed:
					t.Errorf("keyed %v, want %v", x.Detail.Keyed, c.keyed)
				case x.Kind == Said && x.Detail.Trusted != c.trusts:
					t.Errorf("trusted %v, want %v", x.Detail.Trusted, c.trusts)
				}
			}
		})
	}
}
