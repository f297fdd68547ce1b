package site

import (
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestQuestionsAreCountedOnce: handshakes that get no SYN-ACK while the instance
// sends otherwise are no more questions the longer that lasts.
func TestQuestionsAreCountedOnce(t *testing.T) {
	w := newWorld(t)
	source := addr("10.0.0.9")
	w.tell(fact.Fact{Kind: fact.Sender, Agent: 9, Detail: &fact.Detail{Agent: source, Source: source}})
	w.tell(fact.Fact{Kind: fact.Port, Agent: 9, Index: 10, Detail: &fact.Detail{Name: "tap1", Status: 3, Counted: true, Instance: true}})
	for range 60 {
		w.tell(fact.Fact{Kind: fact.PortActive, Agent: 9, Index: 10, A: fact.PortMoves{Sent: 5, Towards: 1}.Pack(), B: 1 << 32})
		w.run(time.Second)
	}
	if got := w.site.nodes["10.0.0.9"].ports[10].act.asks.rate; got < 0.9 || got > 1.1 {
		t.Errorf("asked %.1f times a second, want once", got)
	}
}

// TestBridgeBound: what befalls an instance waits for its bridge, unless that has
// forwarded since, of which what is sent to another instance is a sign.
func TestBridgeBound(t *testing.T) {
	const now, onset = 100 * second, 97 * second
	for _, c := range []struct {
		name     string
		at       int64 // last unicast to the other one
		instance bool  // it is an instance's port
		want     int64
	}{
		{"another one is sent to", now - second/2, true, 0},
		{"it was, and is no more", now - 2*second, true, 2 * second},
		{"never", 0, true, 2 * second},
		{"an uplink is", now - second/2, false, 2 * second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New(Config{})
			s.now = now
			b := &bridge{name: "br0", ports: map[uint32]*port{}}
			p, o := &port{index: 1, bridge: b, instance: true}, &port{index: 2, bridge: b, instance: c.instance}
			b.ports[1], b.ports[2] = p, o
			p.act.toAt, o.act.toAt = now, c.at
			if got := s.bridgeBound(p, onset); got != c.want {
				t.Errorf("%s, want %s", time.Duration(got), time.Duration(c.want))
			}
		})
	}
}
