package site

import (
	"strings"
	"testing"

	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// TestRouterIsTheCause: instances of two networks lose what comes through one
// router, while what is inside their networks goes on.
func TestRouterIsTheCause(t *testing.T) {
	layout := func(_, i int) guest {
		g := guest{vni: uint32(10 + i%2), router: routerA, inside: true}
		if i >= 4 {
			g.router, g.vni = routerB, 12
		}
		return g
	}
	a := func(g *guest) bool { return g.router == routerA }
	const line = "instance_unreachable critical  router fa:16:3e:ff:00:01"
	t.Run("lost", func(t *testing.T) {
		f := newFabric(t, 3, 8, layout)
		f.pass(60)
		f.wantPages()
		f.each(a, func(g *guest) { g.orphaned = true })
		f.pass(15)
		f.rootHas(12, "nothing comes through it to any of its 12 instances on 3 nodes", "12 instances unreachable")
		f.wantPages("start " + line)
		f.each(a, func(g *guest) { g.orphaned = false })
		f.pass(20)
		f.wantPages("end " + line)
		if n := f.site.Stats().Findings; n != 0 {
			t.Errorf("%d findings are left", n)
		}
	})
	t.Run("one client dies", func(t *testing.T) {
		f := newFabric(t, 3, 8, layout)
		f.pass(60)
		f.guests[0].cut = true
		f.pass(30)
		f.wantPages()
	})
	t.Run("its only client dies", func(t *testing.T) {
		f := newFabric(t, 1, 3, func(_, i int) guest { return guest{vlan: 1, router: uint64(routerA + i)} })
		f.pass(60)
		f.guests[0].cut = true
		f.pass(30)
		f.wantPages()
	})
	t.Run("nobody asks", func(t *testing.T) {
		f := newFabric(t, 3, 8, layout)
		f.pass(60)
		f.each(a, func(g *guest) { g.idle = true })
		f.pass(30)
		f.wantPages()
	})
	t.Run("it still sends to somebody else", func(t *testing.T) {
		f := newFabric(t, 3, 8, layout)
		f.pass(60)
		f.each(a, func(g *guest) { g.orphaned = true })
		for range 30 {
			f.tell(fact.Fact{Kind: fact.Seen, Agent: 3, A: routerA, B: 3, C: 1})
			f.pass(1)
		}
		f.wantPages()
	})
}

// TestRoutersPortIsGone: with its own port gone two clients are enough, and the
// alert says so. Its second address is under the first.
func TestRoutersPortIsGone(t *testing.T) {
	f := newFabric(t, 3, 4, func(_, i int) guest {
		return guest{vni: uint32(10 + i%2), router: uint64(routerA + i%2), inside: true}
	})
	host := f.nodes[2]
	for i, name := range []string{"qr-0000000a-00", "qr-0000000b-00"} {
		host.link(name, uint32(50+i), "up")
	}
	f.pass(3)
	for range 60 {
		for i := range 2 {
			f.tell(fact.Fact{Kind: fact.Seen, Agent: host.number, A: uint64(routerA + i), B: uint64(50 + i), C: 1})
		}
		f.pass(1)
	}
	f.wantPages()
	for i, name := range []string{"qr-0000000a-00", "qr-0000000b-00"} {
		host.event(witness.LinkRemoved, name, witness.Gauge32(witness.IfIndex, uint32(50+i)))
	}
	f.each(func(*guest) bool { return true }, func(g *guest) { g.orphaned = true })
	f.pass(15)
	a := f.last(InstanceUnreachable)
	if !strings.Contains(a.Line(), "its port qr-0000000a-00 is gone or down") {
		t.Errorf("%s", a.Line())
	}
	if e := a.Evidence.(*Evidence); e.Affected != 13 { // 12 instances, and the router's other address
		t.Errorf("%d effects", e.Affected)
	}
	f.wantPages("start instance_unreachable critical cn3 router fa:16:3e:ff:00:01 (qr-0000000a-00)")
}
