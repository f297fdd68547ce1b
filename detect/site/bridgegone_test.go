package site

import (
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// removed is what the host agent tells as a link goes, its bridge's port first.
func (a *actor) removed(name string, index uint32) {
	a.event(witness.BridgePortRemoved, "br-int", str(witness.Port, name))
	a.event(witness.LinkRemoved, name, witness.Gauge32(witness.IfIndex, index))
}

// own says that a link is a bridge of its own.
func (a *actor) own(name string, index uint32) {
	a.said(witness.ClassLink, name, witness.Gauge32(witness.IfIndex, index), str(witness.Kind, "bridge"), str(witness.Admin, "up"), str(witness.Oper, "up"))
}

// deletable is a node with a Linux bridge br-int of index 90 and taps of index
// 101 and 102 on it.
func deletable(t *testing.T) (*world, *actor) {
	w := newWorld(t)
	a := w.node(0)
	w.node(0)
	w.run(10 * time.Second)
	a.own("br-int", 90)
	a.link("tap1", 101, "up")
	a.link("tap2", 102, "up")
	a.bridge("yes", 2, 2)
	w.run(10 * time.Second)
	w.want()
	return w, a
}

// TestLinuxBridgeDeleted: the kernel takes the ports out of a bridge before it is
// gone. With instances that are left that is the loss of their network; where
// they went first it is housekeeping.
func TestLinuxBridgeDeleted(t *testing.T) {
	t.Run("under its instances, of which its counters tell too", func(t *testing.T) {
		w, a := deletable(t)
		a.w.tell(fact.Fact{Kind: fact.Port, Agent: a.number, Index: 90, Detail: &fact.Detail{Name: "br-int", Counted: true, Status: 3, Bridge: true}})
		w.run(2 * time.Second)
		for _, tap := range []string{"tap1", "tap2"} {
			a.event(witness.BridgePortRemoved, "br-int", str(witness.Port, tap))
		}
		a.event(witness.LinkDown, "br-int", str(witness.Admin, "down"), str(witness.After, "down"))
		a.event(witness.LinkRemoved, "br-int", witness.Gauge32(witness.IfIndex, 90))
		w.run(10 * time.Second) // it is not over because its interface has left
		w.want("start bridge_down critical cn1 br-int")
	})
	t.Run("under its instances", func(t *testing.T) {
		w, a := deletable(t)
		for _, tap := range []string{"tap1", "tap2"} {
			a.event(witness.BridgePortRemoved, "br-int", str(witness.Port, tap))
		}
		a.event(witness.LinkDown, "br-int", str(witness.Admin, "down"), str(witness.After, "down"))
		a.event(witness.LinkRemoved, "br-int", witness.Gauge32(witness.IfIndex, 90))
		a.bridge("yes", 2, 2) // gathered before, told after
		w.run(300 * time.Millisecond)
		w.want("start bridge_down critical cn1 br-int")
	})
	t.Run("after its instances", func(t *testing.T) {
		w, a := deletable(t)
		a.event(witness.LinkDown, "tap1", str(witness.Admin, "up"), str(witness.After, "down"))
		a.removed("tap1", 101)
		a.event(witness.LinkDown, "tap2", str(witness.Admin, "up"), str(witness.After, "down"))
		a.removed("tap2", 102)
		// A poll that was gathered before is told after.
		a.link("tap2", 102, "down")
		a.bridge("no", 2, 0)
		a.event(witness.LinkDown, "br-int", str(witness.Admin, "down"), str(witness.After, "down"))
		a.event(witness.LinkRemoved, "br-int", witness.Gauge32(witness.IfIndex, 90))
		w.run(5 * time.Second)
		w.want()
	})
	t.Run("and made again", func(t *testing.T) {
		w, a := deletable(t)
		a.removed("tap1", 101)
		a.removed("tap2", 102)
		a.event(witness.LinkRemoved, "br-int", witness.Gauge32(witness.IfIndex, 90))
		w.run(5 * time.Second)
		a.own("br-int", 91)
		a.link("tap3", 103, "up")
		a.event(witness.BridgePortAdded, "br-int", str(witness.Port, "tap3"), witness.Gauge32(witness.IfIndex, 103))
		a.bridge("yes", 1, 1)
		w.run(2 * time.Second)
		a.event(witness.LinkDown, "br-int", str(witness.Admin, "down"), str(witness.After, "down"))
		w.run(300 * time.Millisecond)
		w.want("start bridge_down critical cn1 br-int")
	})
}

// TestLastPortOfABridge: the events of its ports tell that a bridge has lost all
// of them before the next poll does.
func TestLastPortOfABridge(t *testing.T) {
	w, a := deletable(t)
	a.event(witness.LinkDown, "tap1", str(witness.Admin, "up"), str(witness.After, "down"))
	w.run(300 * time.Millisecond)
	w.want()
	a.event(witness.LinkDown, "tap2", str(witness.Admin, "up"), str(witness.After, "down"))
	w.run(300 * time.Millisecond)
	w.want("start bridge_down critical cn1 br-int")
}

// TestNICIsToldAtOnce: what the host agent says of a NIC waits only for what it
// may say of its cause, and is over when it says so.
func TestNICIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	a := w.node(0)
	w.run(10 * time.Second)
	nic := func(oper string) {
		a.said(witness.ClassLink, "eth1", witness.Gauge32(witness.IfIndex, 7), str(witness.Kind, "physical"), str(witness.Admin, "up"), str(witness.Oper, oper))
	}
	nic("up")
	w.run(20 * time.Second)
	a.event(witness.LinkDown, "eth1", str(witness.Admin, "up"), str(witness.After, "down"))
	w.run(300 * time.Millisecond)
	w.want("start interface_down info cn1 eth1")
	a.event(witness.LinkUp, "eth1", str(witness.Admin, "up"), str(witness.After, "up"))
	w.run(6 * time.Second)
	w.want("end interface_down info cn1 eth1")
}

// TestNodeComesBack: its traffic is seen again before it speaks.
func TestNodeComesBack(t *testing.T) {
	w := newWorld(t)
	a := w.node(2)
	b := w.node(2)
	w.node(1)
	a.seenAt = b
	w.run(60 * time.Second)
	a.up = false
	w.run(6 * time.Second)
	w.want("start node_down critical cn1")
	a.up, a.killed = true, true
	w.run(2 * time.Second)
	a.killed = false
	w.run(6 * time.Second)
	w.want("end node_down critical cn1")
}

// TestGroupExplainsItsOwn: an incident of three nodes hides nothing of others.
func TestGroupExplainsItsOwn(t *testing.T) {
	w := newWorld(t)
	for range 8 {
		w.node(1)
	}
	for i, a := range w.nodes {
		a.seenAt = w.nodes[(i+4)%8]
	}
	w.run(60 * time.Second)
	for _, a := range w.nodes[:3] {
		a.up = false
	}
	w.run(15 * time.Second)
	if got := w.lines(); len(got) != 1 {
		t.Errorf("three nodes down: %v", got)
	}
	w.nodes[7].event(witness.OVSFlowsEmptied, "br-int", str(witness.Before, "40"), str(witness.After, "0"))
	w.nodes[7].bridge("no", 3, 3)
	w.run(6 * time.Second)
	w.want("start bridge_down critical cn8 br-int")
}
