package site

import (
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestBareBridge: of a bridge of which only its own interface is told, as hosts do
// with standard structures alone, that is down where it was switched off.
func TestBareBridge(t *testing.T) {
	for _, c := range []struct {
		name     string
		statuses []uint8
		want     []string
	}{
		{"switched off", []uint8{0}, []string{"start bridge_down critical 10.0.0.9 brq1"}},
		{"and on again", []uint8{0, 3}, []string{"start bridge_down critical 10.0.0.9 brq1", "end bridge_down critical 10.0.0.9 brq1"}},
		{"its last port went", []uint8{1}, nil},
		{"its last port went, then it was switched off", []uint8{1, 0}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.node(0)
			source := addr("10.0.0.9")
			w.tell(fact.Fact{Kind: fact.Sender, Agent: exported, Detail: &fact.Detail{Agent: source, Source: source}})
			seq := uint64(0)
			run := func(seconds int) {
				for range seconds {
					seq++
					w.tell(fact.Fact{Kind: fact.Alive, Agent: exported, A: seq<<32 | 1, B: (seq*1000 + 1e6) << 32, C: uint64(w.now.UnixNano())})
					w.run(time.Second)
				}
			}
			for _, status := range append([]uint8{3}, c.statuses...) {
				w.tell(fact.Fact{Kind: fact.Port, Agent: exported, Index: 7, Detail: &fact.Detail{Name: "brq1", Counted: true, Status: status, Bridge: true}})
				run(20)
			}
			w.want(c.want...)
		})
	}
}
