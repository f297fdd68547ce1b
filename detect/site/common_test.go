package site

import (
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// guest is an instance whose traffic is sampled at its node once a second.
type guest struct {
	a      *actor
	i      int
	vlan   uint32
	vni    uint32
	router uint64 // its next hop; 0 none
	inside bool   // others of its network on other nodes speak to it

	cut      bool // nothing comes from beyond its node
	orphaned bool // nothing comes through its router
	busy     bool // ten times as much comes
	idle     bool // nobody wants anything of it, nor it of anybody
	stopped  bool
}

// fabric is a world of nodes with such instances.
type fabric struct {
	*world
	guests []*guest
}

// newFabric has so many nodes with per instances each, laid out by what is said of
// the i-th of the n-th node.
func newFabric(t *testing.T, nodes, per int, of func(n, i int) guest) *fabric {
	f := &fabric{world: newWorld(t)}
	for n := range nodes {
		a := f.node(per)
		for i := range per {
			g := of(n, i)
			g.a, g.i = a, i
			f.guests = append(f.guests, &g)
		}
	}
	f.run(time.Second)
	return f
}

const (
	routerA = 0xfa163eff0001
	routerB = 0xfa163eff0002
)

// pass lets seconds pass.
func (f *fabric) pass(seconds int) {
	for range seconds {
		for k, g := range f.guests {
			if g.stopped || !g.a.up {
				continue
			}
			f.speak(k, g)
		}
		for _, a := range f.nodes {
			if a.up {
				f.tell(fact.Fact{Kind: fact.Forwards, Agent: a.number, Index: 1, A: 10, B: 10})
			}
		}
		f.run(time.Second)
	}
}

// speak is a second of a guest.
func (f *fabric) speak(k int, g *guest) {
	index, mac := uint32(10+g.i), g.a.macs[g.i]
	if f.now.Sub(epoch) < 3*time.Second {
		if g.vlan != 0 {
			f.tell(fact.Fact{Kind: fact.Carried, Agent: g.a.number, A: mac, B: fact.Segment{ID: g.vlan}.Pack()})
		}
		if g.vni != 0 {
			f.tell(fact.Fact{Kind: fact.Carried, Agent: g.a.number, A: mac, B: fact.Segment{Virtual: true, ID: g.vni}.Pack()})
		}
	}
	var in, afar, asks, out uint64
	if !g.idle {
		asks = 1
		if g.router != 0 {
			out = 1
		}
		if !g.cut {
			if g.router != 0 && !g.orphaned {
				in = 2
			}
			if g.inside || g.router == 0 {
				afar = 2
			}
			if g.busy {
				afar *= 10
			}
		}
	}
	f.tell(fact.Fact{Kind: fact.PortActive, Agent: g.a.number, Index: index, At: f.now.UnixNano(), A: fact.PortMoves{Sent: uint16(asks + out), Towards: uint16(in + afar)}.Pack()})
	f.tell(fact.Fact{Kind: fact.PortWays, Agent: g.a.number, Index: index, A: g.router, B: out<<32 | in, C: fact.PortAfar{Afar: uint32(afar), Asks: uint32(asks)}.Pack()})
	if in > 0 {
		f.tell(fact.Fact{Kind: fact.Seen, Agent: g.a.number, A: g.router, B: 3, C: in})
	}
	_ = k
}

// each does something to the guests of which it is true.
func (f *fabric) each(of func(g *guest) bool, do func(g *guest)) {
	for _, g := range f.guests {
		if of(g) {
			do(g)
		}
	}
}

// stop lets the owner stop an instance, which the host agent tells.
func (f *fabric) stop(g *guest) {
	g.stopped = true
	g.a.event(witness.InstanceStopped, g.a.instances[g.i], str(witness.Reason, "shutdown"))
	g.a.event(witness.LinkRemoved, g.a.tap(g.i), witness.Gauge32(witness.IfIndex, uint32(10+g.i)))
}

// pages are the starts among the alert changes that are no information.
func (f *fabric) pages() (all []string) {
	for _, l := range f.lines() {
		if !strings.Contains(l, " info ") {
			all = append(all, l)
		}
	}
	return all
}

func (f *fabric) wantPages(want ...string) {
	f.t.Helper()
	if got := strings.Join(f.pages(), "\n"); got != strings.Join(want, "\n") {
		f.t.Errorf("told\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// rootHas checks the last change of the alert of a root: how many effects it lists,
// and what its line says.
func (f *fabric) rootHas(effects int, parts ...string) {
	f.t.Helper()
	a := f.last(InstanceUnreachable)
	e := a.Evidence.(*Evidence)
	if e.Affected != effects {
		f.t.Errorf("%d effects, want %d: %s", e.Affected, effects, a.Line())
	}
	for _, p := range parts {
		if !strings.Contains(a.Line(), p) {
			f.t.Errorf("%q is not in %q", p, a.Line())
		}
	}
	if len(e.Facts) < 2 || !strings.Contains(e.Facts[0].What, "ask in vain") || !strings.Contains(e.Facts[1].What, "of others on the same nodes") && !strings.Contains(e.Facts[1].What, "port") {
		f.t.Errorf("it rests on %+v", e.Facts)
	}
}

// by12 has instances of two VLANs and a virtual network, in turns.
func by12(_, i int) guest {
	switch i % 3 {
	case 0:
		return guest{vlan: 100}
	case 1:
		return guest{vlan: 200}
	}
	return guest{vni: 4711}
}

// TestSegmentIsTheCause: what all instances of a VLAN or virtual network lose, while
// others on the same nodes live, is one incident with the segment on top.
func TestSegmentIsTheCause(t *testing.T) {
	for _, c := range []struct {
		name    string
		of      func(g *guest) bool
		want    string
		effects int
	}{
		{"VLAN", func(g *guest) bool { return g.vlan == 100 }, "instance_unreachable critical  VLAN 100", 12},
		{"virtual network", func(g *guest) bool { return g.vni == 4711 }, "instance_unreachable critical  VNI 4711", 12},
		{"VLAN on one node", func(g *guest) bool { return g.vlan == 100 && g.a.number == 2 }, "instance_unreachable critical cn2 VLAN 100", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFabric(t, 3, 12, by12)
			f.pass(60)
			f.wantPages()
			f.each(c.of, func(g *guest) { g.cut = true })
			f.pass(15)
			f.rootHas(c.effects, "instances unreachable")
			f.wantPages("start " + c.want)
			f.each(c.of, func(g *guest) { g.cut = false })
			f.pass(20)
			f.wantPages("end " + c.want)
			if n := f.site.Stats().Findings; n != 0 {
				t.Errorf("%d findings are left", n)
			}
		})
	}
}

// TestSegmentIsNotTheCause: what befalls others, or was asked for, or is no more than
// that nobody speaks, raises no segment.
func TestSegmentIsNotTheCause(t *testing.T) {
	vlan := func(g *guest) bool { return g.vlan == 100 }
	for _, c := range []struct {
		name string
		do   func(f *fabric)
		want []string
	}{
		{"half of its instances are stopped by their owner", func(f *fabric) {
			k := 0
			f.each(vlan, func(g *guest) {
				if k++; k%2 == 0 {
					f.stop(g)
				}
			})
		}, nil},
		{"all of its instances are stopped by their owner", func(f *fabric) { f.each(vlan, f.stop) }, nil},
		{"half of its instances fall silent, and nobody tells why", func(f *fabric) {
			k := 0
			f.each(vlan, func(g *guest) {
				if k++; k%2 == 0 {
					g.idle = true
				}
			})
		}, nil},
		{"its instances have finished, all at once", func(f *fabric) { f.each(vlan, func(g *guest) { g.idle = true }) }, nil},
		{"one of them is still reached: so is its node", func(f *fabric) {
			k := 0
			f.each(vlan, func(g *guest) {
				if k++; k > 1 {
					g.cut = true
				}
			})
		}, []string{"start instance_unreachable critical  VLAN 100"}},
		{"two unrelated networks at the same time", func(f *fabric) {
			f.each(func(g *guest) bool { return g.vlan != 200 }, func(g *guest) { g.cut = true })
		}, []string{"start instance_unreachable critical  VNI 4711", "start instance_unreachable critical  VLAN 100"}},
		{"all of a node's", func(f *fabric) {
			f.each(func(g *guest) bool { return g.a.number == 1 }, func(g *guest) { g.cut = true })
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFabric(t, 3, 12, by12)
			f.pass(60)
			f.wantPages()
			c.do(f)
			f.pass(30)
			f.wantPages(c.want...)
		})
	}
}

// TestSegmentsThatAreTold: the host agent's word on a port's network goes before what
// samples show; a Linux bridge of Neutron is named after its network.
func TestSegmentsThatAreTold(t *testing.T) {
	for _, c := range []struct {
		name   string
		pairs  []witness.Pair
		bridge string
		want   string
	}{
		{"VLAN", []witness.Pair{str(witness.NetworkType, "vlan"), witness.Gauge32(witness.Segment, 7)}, "br-int", "VLAN 7"},
		{"VXLAN", []witness.Pair{str(witness.NetworkType, "vxlan"), witness.Gauge32(witness.Segment, 70000), str(witness.Network, "n1")}, "br-int", "VNI 70000"},
		{"flat", []witness.Pair{str(witness.NetworkType, "flat"), str(witness.Network, "n1")}, "br-int", "network n1"},
		{"no number that can be", []witness.Pair{str(witness.NetworkType, "vxlan"), witness.Gauge32(witness.Segment, 1<<25)}, "br-int", "VLAN 100"},
		{"samples alone", nil, "br-int", "VLAN 100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.node(1)
			w.run(time.Second)
			w.tell(fact.Fact{Kind: fact.Carried, Agent: a.number, A: a.macs[0], B: fact.Segment{ID: 100}.Pack()})
			a.said(witness.ClassOVSPort, a.tap(0), append(c.pairs, str(witness.Master, c.bridge), witness.Gauge32(witness.IfIndex, 10))...)
			w.run(time.Second)
			if got := w.site.segment(w.site.order[0].byName[a.tap(0)]); got.label() != c.want {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

// TestSegmentsOfShiftyAddresses: an address that is seen in one segment after the
// other is in none.
func TestSegmentsOfShiftyAddresses(t *testing.T) {
	w := newWorld(t)
	a := w.node(1)
	w.run(time.Second)
	for i := range uint32(10) {
		w.tell(fact.Fact{Kind: fact.Carried, Agent: a.number, A: a.macs[0], B: fact.Segment{ID: 100 + i%2}.Pack()})
	}
	w.run(time.Second)
	if got := w.site.segment(w.site.order[0].byName[a.tap(0)]); got.known() {
		t.Errorf("%+v", got)
	}
}

// TestIncidentsNameWhatIsCommon: the list of incidents, the timeline and the nodes of
// one name the segment.
func TestIncidentsNameWhatIsCommon(t *testing.T) {
	f := newFabric(t, 3, 12, by12)
	f.pass(60)
	f.each(func(g *guest) bool { return g.vlan == 200 }, func(g *guest) { g.cut = true })
	f.pass(20)
	all := f.site.Incidents()
	if len(all) != 1 || !strings.Contains(all[0].Line, "VLAN 200") || all[0].Affected != 12 {
		t.Fatalf("%+v", all)
	}
	i, ok := f.site.Incident(all[0].ID)
	if !ok || len(i.Nodes) != 3 || len(i.Children) != 12 {
		t.Fatalf("%v: %d nodes, %d effects", ok, len(i.Nodes), len(i.Children))
	}
	named := map[string]bool{}
	for _, s := range i.Steps {
		if strings.Contains(s.What, "VLAN 200") && s.Entity == "vlan/200" {
			named[s.Node] = true
		}
	}
	if len(named) != 3 {
		t.Errorf("the timelines of %d nodes name it, want 3: %+v", len(named), i.Steps)
	}
}

// TestSegmentOutlivesARestart: what is lost before the collector is started anew is
// not told again, and ends once it is reached.
func TestSegmentOutlivesARestart(t *testing.T) {
	f := newFabric(t, 3, 12, by12)
	f.pass(60)
	cut := func(g *guest) bool { return g.vlan == 100 }
	f.each(cut, func(g *guest) { g.cut = true })
	f.pass(15)
	f.wantPages("start instance_unreachable critical  VLAN 100")
	kept := f.site.Save()
	f.site = New(Config{})
	f.site.Restore(kept, f.now)
	for _, a := range f.nodes {
		a.greet()
	}
	for _, g := range f.guests {
		if g.vlan != 0 {
			f.tell(fact.Fact{Kind: fact.Carried, Agent: g.a.number, A: g.a.macs[g.i], B: fact.Segment{ID: g.vlan}.Pack()})
		}
	}
	f.pass(90)
	f.wantPages()
	f.each(cut, func(g *guest) { g.cut = false })
	f.pass(30)
	f.wantPages("end instance_unreachable critical  VLAN 100")
}

// TestSegmentIsLostBitByBit: those who are reached as often as to be missed at once
// are among the lost too, where the last of them follow a second later.
func TestSegmentIsLostBitByBit(t *testing.T) {
	f := newFabric(t, 4, 12, func(n, i int) guest {
		g := by12(n, i)
		g.busy = true
		return g
	})
	f.pass(100)
	f.wantPages()
	first := f.nodes[0]
	f.each(func(g *guest) bool { return g.vlan == 100 && g.a == first }, func(g *guest) { g.cut = true })
	f.pass(1)
	f.each(func(g *guest) bool { return g.vlan == 100 }, func(g *guest) { g.cut = true })
	f.pass(30)
	f.rootHas(16, "VLAN 100", "16 instances on 4 nodes")
	f.wantPages("start instance_unreachable critical  VLAN 100")
}
