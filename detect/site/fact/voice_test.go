package fact

import (
	"net/netip"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
)

// TestVoices: that one is heard again in whose place another spoke is told; a
// restart, losses and datagrams that overtake each other are not.
func TestVoices(t *testing.T) {
	type said struct {
		uptime, seq uint32
	}
	for _, c := range []struct {
		name string
		said []said // one a second
		want int    // turns
	}{
		{"goes on", []said{{1e6, 1}, {1e6 + 1000, 2}, {1e6 + 2000, 3}, {1e6 + 3000, 4}}, 0},
		{"loses", []said{{1e6, 1}, {1e6 + 1000, 2}, {1e6 + 2000, 5003}, {1e6 + 3000, 5004}}, 0},
		{"overtakes", []said{{1e6, 1}, {1e6 + 2000, 3}, {1e6 + 1000, 2}, {1e6 + 3000, 4}}, 0},
		{"whole seconds", []said{{1e6, 1}, {1e6, 2}, {1e6 + 1000, 3}, {1e6 + 4000, 4}}, 0},
		{"restarts", []said{{1e6, 700}, {1e6 + 1000, 701}, {0, 1}, {1000, 2}, {2000, 3}}, 0},
		{"wraps", []said{{1<<32 - 1500, 1<<32 - 2}, {1<<32 - 500, 1<<32 - 1}, {500, 0}, {1500, 1}}, 0},
		{"absurd uptimes", []said{{1e6, 1}, {4e9, 2}, {1e6 + 2000, 3}, {4e9, 4}, {1e6 + 4000, 5}}, 3},
		{"jumps of the sequence", []said{{1e6, 1}, {1e6 + 1000, 900_000}, {1e6 + 2000, 2}, {1e6 + 3000, 900_001}, {1e6 + 4000, 3}}, 3},
		{"an earlier life", []said{{1e6, 700}, {0, 1}, {1e6 + 2000, 701}, {2000, 2}, {1e6 + 4000, 702}}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed(t)
			got := 0
			for _, x := range c.said {
				f.g.Arrival(&decoder.Arrival{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: sflow.Seq(x.seq), Uptime: x.uptime, At: f.now}, 1)
				for _, y := range f.tick(time.Second) {
					if y.Kind == Voices {
						got += int(y.C)
					}
				}
			}
			if got != c.want {
				t.Errorf("%d turns, want %d", got, c.want)
			}
		})
	}
}
