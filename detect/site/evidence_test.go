package site

import (
	"strings"
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// TestSamplingSwitchedOff: an agent that took packet samples and is configured to
// take none is tampering; one whose module fails is not, nor one that never did.
func TestSamplingSwitchedOff(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		want                []string
	}{
		{"switched off", "link=ok,sampling=ok", "link=ok", []string{"start telemetry_tampered critical cn1 sampling"}},
		{"fails", "link=ok,sampling=ok", "link=ok,sampling=error:no memory", nil},
		{"never on", "link=ok", "link=ok", nil},
		{"list too long", "link=ok,sampling=ok", "link=ok," + strings.Repeat("x", witness.MaxText-8), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.node(0)
			a.modules = c.before
			w.run(5 * time.Second)
			a.modules = c.after
			w.run(3 * time.Second)
			w.want(c.want...)
			a.modules = c.before
			w.run(5 * time.Second)
			if len(c.want) > 0 {
				w.want("end telemetry_tampered critical cn1 sampling")
			}
		})
	}
}

// TestInstanceThatNeverSpoke: two minutes without an octet, by the counters of
// its tap.
func TestInstanceThatNeverSpoke(t *testing.T) {
	for _, speaks := range []bool{false, true} {
		w := newWorld(t)
		a := w.node(1)
		w.run(time.Second)
		a.event(witness.InstanceStarted, a.instances[0])
		for i := range 14 {
			f := fact.Fact{Kind: fact.PortSpoke, Agent: a.number, Index: 10}
			if speaks && i > 5 {
				f.A = 1
			}
			w.tell(f)
			w.run(10 * time.Second)
		}
		if speaks {
			w.want()
			continue
		}
		w.want("start instance_no_address warning cn1 web-0")
		w.tell(fact.Fact{Kind: fact.PortSpoke, Agent: a.number, Index: 10, A: 1})
		w.run(5 * time.Second)
		w.want("end instance_no_address warning cn1 web-0")
	}
}

// TestThreeInstancesTogether: neither bridge nor node is down, yet three of
// twelve instances fail at once: one critical alert, with them inside.
func TestThreeInstancesTogether(t *testing.T) {
	w := newWorld(t)
	a := w.node(12)
	w.run(30 * time.Second)
	for i := range 3 {
		a.link(a.tap(i), uint32(10+i), "off")
	}
	w.run(15 * time.Second)
	w.want("start instance_unreachable critical cn1 instances")
	for i := range 3 {
		a.link(a.tap(i), uint32(10+i), "up")
	}
	w.run(30 * time.Second)
	w.want("end instance_unreachable critical cn1 instances")
}

// TestInstanceVanishesPassively: without a host agent, a virtual machine that is
// told of no more and whose port is gone is an event.
func TestInstanceVanishesPassively(t *testing.T) {
	w := newWorld(t)
	source := addr("10.0.0.9")
	w.tell(fact.Fact{Kind: fact.Sender, Agent: 9, Detail: &fact.Detail{Agent: source, Source: source}})
	w.tell(fact.Fact{Kind: fact.Port, Agent: 9, Index: 10, Detail: &fact.Detail{Name: "tap1", Status: 3, Counted: true, Instance: true}})
	w.tell(fact.Fact{Kind: fact.Host, Agent: 9, Index: 5, Detail: &fact.Detail{
		Name: "instance-1", UUID: [16]byte{1}, Virtual: true, Class: sflow.ClassLogical, MACs: []sflow.MAC{{0xfa, 0x16, 0x3e, 0, 0, 1}}, Ports: []uint32{10},
	}})
	beat := func(d time.Duration) {
		for range d / time.Second {
			w.tell(fact.Fact{Kind: fact.Alive, Agent: 9, A: 1, C: uint64(w.now.UnixNano())})
			w.run(time.Second)
		}
	}
	beat(20 * time.Second)
	w.tell(fact.Fact{Kind: fact.HostGone, Agent: 9, Index: 5, A: uint64(sflow.ClassLogical)})
	beat(30 * time.Second)
	w.want() // its port is there
	w.tell(fact.Fact{Kind: fact.PortGone, Agent: 9, Index: 10, A: uint64(time.Second)})
	beat(30 * time.Second)
	w.want("start instance_stopped info 10.0.0.9 instance-1", "end instance_stopped info 10.0.0.9 instance-1")
}

// TestPortsOfOpenVSwitch: a port's external ids say whose it is, and to which
// bridge it belongs.
func TestPortsOfOpenVSwitch(t *testing.T) {
	w := newWorld(t)
	a := w.node(0)
	const vm = "00000000-0000-4000-8000-00000000abcd"
	a.said(witness.ClassBridge, "br-int", str(witness.Kind, "ovs"), str(witness.Forwarding, "yes"), witness.Gauge32(witness.Ports, 1))
	a.said(witness.ClassOVSPort, "tapabc", str(witness.Master, "br-int"), witness.Gauge32(witness.IfIndex, 77), str(witness.VMID, vm), str(witness.MAC, "fa:16:3e:00:00:77"))
	a.said(witness.ClassOVSPort, "patch-tun", str(witness.Master, "br-int"))
	w.run(time.Second)
	n := w.site.order[0]
	p := n.byName["tapabc"]
	if p == nil || p.inst == nil || p.inst.uuid != vm || p.bridge == nil || p.bridge.name != "br-int" || len(p.macs) != 1 {
		t.Errorf("%+v", p)
	}
}

// TestARPUnanswered: what an instance used to answer and does not is told by the
// host agent's word, not where somebody else answers in its place.
func TestARPUnanswered(t *testing.T) {
	for _, answers := range []uint64{20, 0} {
		w := newWorld(t)
		a := w.node(1)
		w.run(20 * time.Second)
		a.said(witness.ClassNeighbour, a.tap(0), witness.Counter64(witness.Requests, 20), witness.Counter64(witness.Answers, answers))
		w.run(time.Second)
		a.event(witness.ARPUnanswered, a.mac(0), str(witness.Port, a.tap(0)), witness.Gauge32(witness.Count, 3))
		w.run(time.Second)
		a.said(witness.ClassNeighbour, a.tap(0), witness.Counter64(witness.Requests, 32), witness.Counter64(witness.Answers, answers))
		w.run(8 * time.Second)
		if answers == 0 {
			w.want()
			continue
		}
		w.want("start instance_unreachable warning cn1 web-0")
	}
}
