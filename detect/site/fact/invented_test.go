package fact

import (
	"fmt"
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// TestInventedStatements: what one agent invents beyond its bound is refused and
// counted; it is no fact that was lost, which would blind us to all others.
func TestInventedStatements(t *testing.T) {
	f := newFeed(t)
	const invented = 100_000
	dropped := uint64(0)
	for i := 0; i < invented; {
		f.send(func(b *sflow.Builder) {
			for range 4 {
				var st witness.Statement
				st.Begin(witness.ClassInstance, fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
				st.Add(witness.String(witness.State, "running"))
				b.Sample(st.Metric())
				i++
			}
		})
		f.now = f.now.Add(time.Millisecond)
		f.g.Tick(f.now)
		var d uint64
		f.facts, d = f.g.Take(f.facts[:0])
		dropped += d
	}
	if got := f.g.Refused(); got != invented-MaxSaid || dropped != 0 {
		t.Errorf("%d refused, %d dropped; want %d and none", got, dropped, invented-MaxSaid)
	}
}
