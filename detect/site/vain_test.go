package site

import (
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestAskedInVain: an instance that sends nothing any more while it is asked as
// ever cannot be reached, within five seconds and without counters; one that
// nobody asks, or that answers a few seconds late as a rule, is well.
func TestAskedInVain(t *testing.T) {
	const told = "start instance_unreachable warning 10.0.0.9 tap1"
	type moves struct {
		sent, asked uint16
		replies     uint16 // ARP, among sent
	}
	for _, c := range []struct {
		name          string
		before, after moves // samples a second
		pauses        bool  // it has left many questions without an answer before
		span          int   // seconds that it is asked for afterwards; 0 all
		want          bool
	}{
		{name: "asked as ever, sends nothing", before: moves{10, 5, 0}, after: moves{0, 5, 0}, want: true},
		{name: "asked as ever, answers ARP each second", before: moves{10, 5, 0}, after: moves{1, 5, 1}},
		{name: "nobody asks", before: moves{10, 5, 0}},
		{name: "nobody asks, it answers ARP", before: moves{10, 5, 0}, after: moves{1, 0, 1}},
		{name: "a last second of questions", before: moves{10, 5, 0}, after: moves{0, 5, 0}, span: 1},
		{name: "it never answered", before: moves{0, 5, 0}, after: moves{0, 5, 0}},
		{name: "it sends a tenth", before: moves{10, 5, 0}, after: moves{1, 1, 0}},
		{name: "it paused so before", before: moves{10, 5, 0}, after: moves{0, 5, 0}, pauses: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			const index = 10
			w := newWorld(t)
			source := addr("10.0.0.9")
			w.tell(fact.Fact{Kind: fact.Sender, Agent: 9, Detail: &fact.Detail{Agent: source, Source: source}})
			w.tell(fact.Fact{Kind: fact.Port, Agent: 9, Index: index, Detail: &fact.Detail{Name: "tap1", Status: 3, Counted: true, Instance: true}})
			second := 0
			pass := func(seconds int, m moves) {
				for range seconds {
					now := w.now.UnixNano()
					w.tell(fact.Fact{Kind: fact.Alive, Agent: 9, A: uint64(second)<<32 | 1, B: 10, C: uint64(now)})
					w.tell(fact.Fact{Kind: fact.Forwards, Agent: 9, Index: 1, A: 10, B: 10})
					if m.sent+m.asked > 0 {
						f := fact.Fact{Kind: fact.PortActive, Agent: 9, Index: index, C: fact.PortRest{Replies: m.replies}.Pack()}
						f.A = fact.PortMoves{Sent: m.sent, Towards: m.asked, Asked: m.asked}.Pack()
						if m.sent > 0 {
							f.At = now
						}
						w.tell(f)
					}
					w.run(time.Second)
					second++
				}
			}
			pass(60, c.before)
			if c.pauses {
				for range 3 { // too short to be told
					pass(1, moves{0, 80, 0})
					pass(20, c.before)
				}
			}
			w.want()
			after := 5
			if c.span > 0 {
				pass(c.span, c.after)
				pass(after, moves{})
			} else {
				pass(after, c.after)
			}
			if c.want {
				w.want(told)
			} else {
				w.want()
			}
		})
	}
}
