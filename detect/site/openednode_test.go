package site

import (
	"testing"
	"time"

	"weir/detect/site/fact"
)

// guarded is a node with instances whose packet filter drops what knocks at them.
type guarded struct {
	w *world
}

func newGuarded(t *testing.T, instances int) *guarded {
	g := &guarded{newWorld(t)}
	source := addr("10.0.0.9")
	g.tell(fact.Fact{Kind: fact.Sender, Detail: &fact.Detail{Agent: source, Source: source}})
	for i := range instances {
		g.tell(fact.Fact{Kind: fact.Port, Index: uint32(i), Detail: &fact.Detail{Name: "tap" + string(rune('a'+i)), Status: 3, Counted: true, Instance: true}})
	}
	return g
}

func (g *guarded) tell(f fact.Fact) {
	f.Agent = 9
	g.w.tell(f)
}

// pass lets seconds pass, in each of which so many knock at each instance, and so
// many packets are discarded.
func (g *guarded) pass(seconds, knocks, discards, instances int) {
	for range seconds {
		g.tell(fact.Fact{Kind: fact.Alive, A: 1, C: uint64(g.w.now.UnixNano())})
		for i := range instances {
			g.tell(fact.Fact{Kind: fact.PortActive, Index: uint32(i), A: fact.PortMoves{Sent: 2}.Pack(), C: fact.PortRest{Probes: uint16(knocks)}.Pack()})
		}
		if discards > 0 {
			g.tell(fact.Fact{Kind: fact.Discards, A: uint64(discards), B: 263})
		}
		g.w.run(time.Second)
	}
}

// TestFilterOpened: what tells without a host agent that a packet filter was
// emptied, and what does not.
func TestFilterOpened(t *testing.T) {
	const instances = 4
	const whole, one = "start rules_flushed warning 10.0.0.9 packet filter", "start rules_flushed info 10.0.0.9 packet filter of tapa"
	answers := func(g *guarded, i int, before int, ports ...uint64) {
		for _, p := range ports {
			g.tell(fact.Fact{Kind: fact.PortOpened, Index: uint32(i), A: p, B: uint64(before), C: uint64(60 * second)})
		}
	}
	strange := func(g *guarded, i int, through, dropped uint64) {
		g.tell(fact.Fact{Kind: fact.PortStrange, Index: uint32(i), A: through, B: dropped})
	}
	for _, c := range []struct {
		name     string
		knocks   int // a second and instance, before
		discards int // a second, before
		before   func(g *guarded)
		does     func(g *guarded)
		after    int // knocks a second and instance, after
		want     []string
	}{
		{"three of four answer at one port each", 1, 0, nil, func(g *guarded) {
			for i := range 3 {
				answers(g, i, 10, 22)
			}
		}, 1, []string{whole}},
		{"two answer at two ports each", 1, 0, nil, func(g *guarded) { answers(g, 0, 10, 22, 80); answers(g, 1, 10, 22, 445) }, 1, []string{whole}},
		{"one answers at two ports: its security group", 1, 0, nil, func(g *guarded) { answers(g, 0, 10, 22, 80) }, 1, []string{one}},
		{"one answers at one port", 1, 0, nil, func(g *guarded) { answers(g, 0, 10, 22) }, 1, nil},
		{"all answer where few tried before", 1, 0, nil, func(g *guarded) {
			for i := range instances {
				answers(g, i, triesLeast-1, 22)
			}
		}, 1, nil},
		{"services begin where nobody is dropped", 0, 0, nil, func(g *guarded) {
			for i := range instances {
				answers(g, i, 10, 22)
			}
		}, 0, nil},
		{"strangers' addresses of two, who were kept from it", 1, 0, func(g *guarded) { strange(g, 0, 0, 5); strange(g, 1, 0, 5) },
			func(g *guarded) { strange(g, 0, 4, 0); strange(g, 1, 4, 0) }, 1, []string{"start rules_flushed critical 10.0.0.9 packet filter"}},
		{"of two whom nobody was seen to keep from it", 1, 0, nil, func(g *guarded) { strange(g, 0, 9, 0); strange(g, 1, 9, 0) }, 1, nil},
		{"of one who was kept from it", 1, 0, func(g *guarded) { strange(g, 0, 0, 5) }, func(g *guarded) { strange(g, 0, 4, 0) }, 1, []string{one}},
		{"of two who forward for others", 1, 0, func(g *guarded) { strange(g, 0, 200, 5); strange(g, 1, 200, 5) },
			func(g *guarded) { strange(g, 0, 4, 0); strange(g, 1, 4, 0) }, 1, nil},
		{"strangers' addresses of one, another answers", 1, 0, nil, func(g *guarded) { strange(g, 0, 9, 0); answers(g, 1, 10, 22) }, 1, []string{whole}},
		{"nothing is discarded, as much is tried, one answers", 1, 4, nil, func(g *guarded) { answers(g, 0, 10, 22) }, 1, []string{whole}},
		{"nothing is discarded, as much is tried", 1, 4, nil, nil, 1, []string{"start rules_flushed info 10.0.0.9 packet filter"}},
		{"nothing is discarded, and nothing is tried", 1, 4, nil, nil, 0, nil},
		{"nothing is discarded, little is tried", 5, 20, nil, nil, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGuarded(t, instances)
			g.pass(30, c.knocks, c.discards, instances)
			if c.before != nil {
				c.before(g)
			}
			g.pass(70, c.knocks, c.discards, instances)
			g.w.want()
			if c.does != nil {
				c.does(g)
			}
			g.pass(25, c.after, 0, instances)
			g.w.want(c.want...)
		})
	}
}

// TestFilterOpenedIsOneAlert: what was found of one instance before is part of what
// is found of its node.
func TestFilterOpenedIsOneAlert(t *testing.T) {
	const instances = 4
	g := newGuarded(t, instances)
	g.pass(100, 1, 0, instances)
	refuse := func(i int) {
		g.tell(fact.Fact{Kind: fact.PortActive, Index: uint32(i), C: fact.PortRest{Reset: 5, Probes: 5}.Pack()})
	}
	refuse(0)
	g.pass(10, 1, 0, instances) // it waits for others
	refuse(1)
	g.pass(30, 1, 0, instances)
	g.w.want("start rules_flushed warning 10.0.0.9 packet filter")
}
