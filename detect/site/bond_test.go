package site

import (
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// bondOf tells of a node whose bridge br-ex has a bond of Open vSwitch as its way
// out.
func (a *actor) bondOf(bond string, first, second string) {
	a.said(witness.ClassBridge, "br-ex", str(witness.Kind, "ovs"), witness.Gauge32(witness.Ports, 2), witness.Gauge32(witness.InstancePorts, 0),
		witness.Gauge32(witness.Uplinks, 2), str(witness.Forwarding, "yes"))
	for i, oper := range []string{first, second} {
		name := "eth" + itoa(uint64(i+1))
		a.said(witness.ClassLink, name, witness.Gauge32(witness.IfIndex, uint32(3+i)), str(witness.Kind, "physical"), str(witness.Admin, "up"), str(witness.Oper, oper))
		a.said(witness.ClassOVSPort, name, witness.Gauge32(witness.IfIndex, uint32(3+i)), str(witness.Master, "br-ex"), str(witness.Bond, bond))
	}
}

// TestBondOfOpenVSwitch: it has no interface, and is a group all the same.
func TestBondOfOpenVSwitch(t *testing.T) {
	w := newWorld(t)
	a := w.node(2)
	a.bondOf("bond0", "up", "up")
	w.run(20 * time.Second)
	a.bondOf("bond0", "down", "up")
	w.run(5 * time.Second)
	if line := w.last(InterfaceDown).Line(); !strings.Contains(line, "a member of bond0, which is up") {
		t.Errorf("%s", line)
	}
	w.want("start interface_down info cn1 eth1")
	a.bondOf("bond0", "up", "up")
	w.run(10 * time.Second)
	w.want("end interface_down info cn1 eth1")
	a.bondOf("bond0", "down", "down")
	w.run(3 * time.Second)
	line := w.last(BridgeDown).Line()
	if !strings.Contains(line, "its only way out is down: bond0 (eth1, eth2)") || !strings.Contains(line, "3 interfaces down") {
		t.Errorf("%s", line)
	}
	w.want("start bridge_down critical cn1 br-ex")
	// Once it is a bond no more its members are on their own.
	a.bondOf("", "down", "up")
	if w.run(10 * time.Second); w.site.nodes[a.addr].ports[3].group != 0 {
		t.Error("it is a member still")
	}
}

// TestTwoEndsOfABond: where LACP tells which node is at a switch's group, its loss is
// an effect of what that node tells of its own end.
func TestTwoEndsOfABond(t *testing.T) {
	for _, c := range []struct {
		name    string
		partner bool
		actor   bool // the node tells what it calls itself, which is no address of its NICs
		first   int  // whose end is told first: 0 the node's
		want    []string
	}{
		{"the node first", true, false, 0, []string{"start bridge_down critical cn2 br-ex"}},
		{"it says itself who it is", true, true, 0, []string{"start bridge_down critical cn2 br-ex"}},
		{"the switch first", true, false, 1, []string{"start bridge_down critical cn2 br-ex"}},
		{"nobody tells who it is", false, false, 0, []string{"start bridge_down critical cn2 br-ex", "start interface_down warning cn1 LAG of swp1, swp2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			sw, a := w.node(0), w.node(2)
			sw.member("swp9", 9, 0, true)
			own := a.owns(1)
			say := func(up bool) {
				d := fact.Detail{Status: 3, Counted: true, Group: fact.OwnGroup | 21}
				if !up {
					d.Status = 1
				}
				if c.partner {
					d.Partner = own
				}
				if c.actor {
					d.Partner = 0x02000000aabb
				}
				for i, name := range []string{"swp1", "swp2"} {
					d.Name = name
					x := d
					w.tell(fact.Fact{Kind: fact.Port, Agent: sw.number, Index: uint32(21 + i), Detail: &x})
				}
			}
			a.bondOf("bond0", "up", "up")
			say(true)
			if c.actor {
				w.tell(fact.Fact{Kind: fact.Port, Agent: a.number, Index: 3, Detail: &fact.Detail{Name: "eth1", Status: 3, Counted: true, Group: fact.OwnGroup | 2, Actor: 0x02000000aabb}})
			}
			for range 30 { // what it says itself goes another way
				w.tell(fact.Fact{Kind: fact.Seen, Agent: sw.number, A: own, B: 9, C: 5})
				w.run(time.Second)
			}
			w.want()
			if c.first == 0 {
				a.bondOf("bond0", "down", "down")
				w.run(700 * time.Millisecond)
				say(false)
			} else {
				say(false)
				w.run(300 * time.Millisecond)
				a.bondOf("bond0", "down", "down")
			}
			w.run(8 * time.Second)
			w.want(c.want...)
		})
	}
}

// TestMembersThatAreToldOfNoMore: that is no loss of their group.
func TestMembersThatAreToldOfNoMore(t *testing.T) {
	w := newWorld(t)
	sw := w.node(0)
	for i, name := range []string{"swp1", "swp2"} {
		sw.member(name, 21+uint32(i), 1000, true)
	}
	w.run(20 * time.Second)
	for i := range uint32(2) {
		w.tell(fact.Fact{Kind: fact.PortGone, Agent: sw.number, Index: 21 + i, At: w.now.UnixNano(), A: uint64(time.Second)})
	}
	w.run(10 * time.Second)
	for _, l := range w.lines() {
		if strings.Contains(l, "interface_down") {
			t.Error(l)
		}
	}
}
