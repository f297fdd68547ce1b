package site

import (
	"net/netip"
	"testing"
	"time"

	"weir/decoder/witness"
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

// TestVainOutlastsState: an event tells how often the instance has answered until
// then, so that the next count of answers does not make it forgotten.
func TestVainOutlastsState(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers uint64 // by the state after the event
		want    uint64
	}{
		{"answered before, in vain since", 25, 5},
		{"answered since", 26, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.node(2)
			w.run(20 * time.Second)
			count := func(requests, answers uint64) {
				a.said(witness.ClassNeighbour, a.tap(0), witness.Counter64(witness.Requests, requests), witness.Counter64(witness.Answers, answers))
				w.run(time.Second)
			}
			count(20, 20)
			a.event(witness.ARPUnanswered, a.mac(0), str(witness.Port, a.tap(0)), witness.Gauge32(witness.Count, 3),
				witness.Counter64(witness.Requests, 28), witness.Counter64(witness.Answers, 25))
			w.run(time.Second)
			count(30, c.answers)
			p := w.site.nodes[a.addr].byName[a.tap(0)]
			if got := p.act.told.vain; got != c.want {
				t.Errorf("%d requests in vain, want %d", got, c.want)
			}
		})
	}
}

// TestDeafWaitsNot: who can not be reached and sends on is so since he was last
// sent to, and not since he sent.
func TestDeafWaitsNot(t *testing.T) {
	for _, c := range []struct {
		name string
		told resolved
		want bool
	}{
		{"it used to answer", resolved{requests: 20, answers: 15, vain: 5}, true},
		{"nobody has asked for it before", resolved{requests: 3, vain: 3}, true},
		{"it is asked for every second and never answers", resolved{requests: 103, vain: 3}, false},
		{"it was asked for once", resolved{requests: 1, vain: 1}, false},
	} {
		t.Run(c.name, func(t *testing.T) { deafWaitsNot(t, c.told, c.want) })
	}
}

func deafWaitsNot(t *testing.T, told resolved, want bool) {
	s := New(Config{})
	s.now = 100 * second
	n := newNode("cn1", addr("10.0.0.1"), netip.Addr{})
	b := &bridge{node: n, name: "br0", ports: map[uint32]*port{}}
	p, o := &port{node: n, index: 1, bridge: b, instance: true, name: "tap1"}, &port{node: n, index: 2, bridge: b, instance: true}
	b.ports[1], b.ports[2] = p, o
	st := s.stream(n, 0, 0)
	st.points = map[uint32]*point{1: {at: s.now}}
	p.act.toAt, p.act.txAt, o.act.toAt = 95*second, s.now-second/10, s.now-second/10
	p.act.to = rhythm{firstAt: second, rate: 20, rateAt: 95 * second, spread: 1, spreads: 100}
	told.at, told.vainAt = s.now, s.now
	p.act.told = told
	n.agentOf = newAgent()
	n.agentOf.stream = st
	n.agentOf.at = s.now
	s.judgeReach(p)
	c := s.active(InstanceUnreachable, p.instanceEntity())
	if !want || c == nil {
		if want != (c != nil) {
			t.Errorf("found: %v, want %v", c != nil, want)
		}
		return
	}
	if c.onset != 95*second || c.wait != 0 {
		t.Errorf("since %s, waits %s, want since it was last sent to, and at once", time.Duration(c.onset), time.Duration(c.wait))
	}
}
