package site

import (
	"slices"
	"strings"
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// member tells of a switch's port that is in a group.
func (a *actor) member(name string, index, group uint32, up bool) {
	status := uint8(1)
	if up {
		status = 3
	}
	a.w.tell(fact.Fact{Kind: fact.Port, Agent: a.number, Index: index, Detail: &fact.Detail{Name: name, Status: status, Counted: true, Group: group}})
}

// owns gives a node an address of its own, seen at a port of a switch.
func (a *actor) owns(i byte) uint64 {
	m := sflow.MAC{0xfa, 0x17, 0, i, 0, byte(a.number)}
	a.w.tell(fact.Fact{Kind: fact.Host, Agent: a.number, Detail: &fact.Detail{Name: a.name, UUID: [16]byte{9, byte(a.number)}, MACs: []sflow.MAC{m}, Ports: []uint32{0}}})
	return fact.MAC(m)
}

// TestLAG: one member down is information, all of them are one alert of the group,
// whether its own status is told or not.
func TestLAG(t *testing.T) {
	for _, c := range []struct {
		name  string
		own   bool // the group's own interface is polled
		name1 string
	}{{"polled", true, "po1"}, {"known by its members alone", false, "LAG 1000"}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			sw := w.node(0)
			say := func(first, second bool) {
				// A member without a link is attached to no group.
				group := func(up bool) uint32 {
					if up {
						return 1000
					}
					return 0
				}
				sw.member("swp1", 21, group(first), first)
				sw.member("swp2", 22, group(second), second)
				if c.own {
					sw.member("po1", 1000, 0, first || second)
				}
			}
			say(true, true)
			w.run(20 * time.Second)
			say(false, true)
			w.run(10 * time.Second)
			if line := w.last(InterfaceDown).Line(); !strings.Contains(line, "a member of "+c.name1+", which is up") {
				t.Errorf("%s", line)
			}
			w.want("start interface_down info cn1 swp1")
			say(true, true)
			w.run(10 * time.Second)
			w.want("end interface_down info cn1 swp1")
			say(false, false)
			w.run(10 * time.Second)
			a := w.last(InterfaceDown)
			if e := a.Evidence.(*Evidence); e.Affected != 2 || a.Subject.(*Subject).Type != TypeLAG || !strings.Contains(a.Line(), "none of its 2 members is up") {
				t.Errorf("%d effects: %s", e.Affected, a.Line())
			}
			w.want("start interface_down warning cn1 " + c.name1)
			say(true, false)
			w.run(40 * time.Second)
			w.want("end interface_down warning cn1 "+c.name1, "start interface_down info cn1 swp2")
		})
	}
}

// TestBondOfTheNode: the host agent names a bond's members by their master.
func TestBondOfTheNode(t *testing.T) {
	w := newWorld(t)
	a := w.node(0)
	nic := func(name string, index uint32, master, kind, oper string) {
		a.said(witness.ClassLink, name, witness.Gauge32(witness.IfIndex, index), str(witness.Kind, kind), str(witness.Master, master), str(witness.Admin, "up"), str(witness.Oper, oper))
	}
	nic("bond0", 9, "", "bond", "up")
	nic("eth0", 3, "bond0", "physical", "up")
	nic("eth1", 4, "bond0", "physical", "up")
	w.run(20 * time.Second)
	nic("eth0", 3, "bond0", "physical", "down")
	nic("eth1", 4, "bond0", "physical", "down")
	nic("bond0", 9, "", "bond", "down")
	w.run(5 * time.Second)
	w.want("start interface_down warning cn1 bond0")
}

// TestAttachedAtTheSlowerPort: where a node is the only one beyond several ports, its
// switch is that of the slowest.
func TestAttachedAtTheSlowerPort(t *testing.T) {
	const gbit = 1_000_000_000
	for _, c := range []struct {
		name         string
		spine, leaf  uint64
		first, want  int // index of the switch heard first, and of that it is attached to
		alsoAtUplink bool
	}{
		{"the access port first", 100 * gbit, 25 * gbit, 1, 1, false},
		{"the uplink first", 100 * gbit, 25 * gbit, 0, 1, false},
		{"speeds unknown", 0, 0, 0, 0, false},
		{"the slower carries more", 10 * gbit, 25 * gbit, 0, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			switches := []*actor{w.node(0), w.node(0)}
			host, other := w.node(0), w.node(0)
			for i, speed := range []uint64{c.spine, c.leaf} {
				w.tell(fact.Fact{Kind: fact.Port, Agent: switches[i].number, Index: 7, Detail: &fact.Detail{Name: "swp7", Status: 3, Counted: true, Speed: speed}})
			}
			own := host.owns(1)
			if c.alsoAtUplink {
				w.tell(fact.Fact{Kind: fact.Seen, Agent: switches[0].number, A: other.owns(2), B: 7, C: 5})
			}
			for i := range 2 {
				w.tell(fact.Fact{Kind: fact.Seen, Agent: switches[(c.first+i)%2].number, A: own, B: 7, C: 5})
				w.run(time.Second)
			}
			if p := w.site.nodes[host.addr].switchPort; p == nil || p.node.label() != switches[c.want].name {
				t.Errorf("not attached to %s", switches[c.want].name)
			}
		})
	}
}

// TestAllAttachments: the end of a switch explains that of a host only where the host
// is attached to nothing else that lives.
func TestAllAttachments(t *testing.T) {
	for _, c := range []struct {
		name  string
		homes int  // switches that the host is attached to
		both  bool // the second switch dies too
		host  string
		want  []string
	}{
		{"one switch", 1, false, "cn3", []string{"start node_down critical cn1"}},
		{"one of two switches", 2, false, "cn3", []string{"start node_down critical cn1", "start node_down critical cn3"}},
		{"both of two switches", 2, true, "cn3", []string{"start node_down critical cn1", "start node_down critical cn2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			first, second, host, spine := w.node(0), w.node(0), w.node(1), w.node(0)
			for range 4 {
				w.node(1)
			}
			for _, sw := range []*actor{first, second} {
				sw.member("swp7", 7, 0, true)
			}
			own := host.owns(1)
			host.macs = append(host.macs, own)
			host.seenAt = spine
			for _, sw := range []*actor{first, second} { // they are seen beyond, too
				sw.macs, sw.seenAt = append(sw.macs, sw.owns(2)), w.nodes[4]
			}
			spine.member("swp3", 3, 0, true)
			for range 60 {
				for _, sw := range []*actor{first, second}[:c.homes] {
					w.tell(fact.Fact{Kind: fact.Seen, Agent: sw.number, A: own, B: 7, C: 5})
				}
				// An uplink of the fabric carries them all.
				for _, o := range []*actor{first, second} {
					w.tell(fact.Fact{Kind: fact.Seen, Agent: spine.number, A: o.macs[0], B: 3, C: 5})
				}
				w.run(time.Second)
			}
			w.want()
			first.up = false
			if c.both {
				second.up = false
			}
			host.up = false
			w.run(20 * time.Second)
			var got []string
			for _, l := range w.lines() {
				if !strings.HasPrefix(l, "end") {
					got = append(got, l)
				}
			}
			slices.Sort(got)
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
