package site

import (
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestRefusalsOfSeveralInstances: what was dropped before and is refused now, of
// most instances of a node, is its packet filter.
func TestRefusalsOfSeveralInstances(t *testing.T) {
	for _, c := range []struct {
		name    string
		before  uint16 // refused of 40 knocks before
		opened  int    // instances, of four
		refused uint16
		want    bool
	}{
		{"all", 0, 4, 4, true},
		{"half", 0, 2, 4, true},
		{"one: its security group", 0, 1, 4, false},
		{"a stray one each", 0, 4, 1, false},
		{"they always did", 10, 4, 4, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			source := addr("10.0.0.9")
			w.tell(fact.Fact{Kind: fact.Sender, Agent: 9, Detail: &fact.Detail{Agent: source, Source: source}})
			port := func(i int, knocks, refused uint16) {
				w.tell(fact.Fact{Kind: fact.PortActive, Agent: 9, Index: uint32(10 + i), C: fact.PortRest{Reset: refused, Probes: knocks}.Pack()})
			}
			beat := func(d time.Duration) {
				for range d / time.Second {
					w.tell(fact.Fact{Kind: fact.Alive, Agent: 9, A: 1, C: uint64(w.now.UnixNano())})
					w.run(time.Second)
				}
			}
			for i := range 4 {
				w.tell(fact.Fact{Kind: fact.Port, Agent: 9, Index: uint32(10 + i), Detail: &fact.Detail{Name: "tap" + string(rune('a'+i)), Status: 3, Counted: true, Instance: true}})
			}
			beat(10 * time.Second)
			for i := range 4 {
				port(i, 40, c.before)
			}
			beat(5 * time.Second)
			for i := range 4 {
				if i < c.opened {
					port(i, 3, c.refused)
				} else {
					port(i, 3, c.before/10)
				}
			}
			beat(5 * time.Second)
			if c.want {
				w.want("start rules_flushed warning 10.0.0.9 packet filter")
			} else {
				w.want()
			}
		})
	}
}
