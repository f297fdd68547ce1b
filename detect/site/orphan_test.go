package site

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// TestOrphans: what belongs to nobody is counted by what it is; what is Neutron's
// own, or an instance's, is not.
func TestOrphans(t *testing.T) {
	uuid := func(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-0000000ab%03d", i) }
	for _, c := range []struct {
		name string
		do   func(a *actor) // once a minute
		want string
	}{
		{"nothing", func(a *actor) {}, ""},
		{"ports whose device is gone", func(a *actor) {
			for i := range 1591 {
				a.said(witness.ClassOVSPort, fmt.Sprintf("tapgone%d", i), str(witness.Master, "br-int"), str(witness.IfaceID, "p"), str(witness.VMID, uuid(i)),
					str(witness.Reason, "could not open network device (No such device)"))
			}
		}, "1591 × Open vSwitch port without a device"},
		{"a port whose domain is gone", func(a *actor) {
			a.said(witness.ClassOVSPort, "tapleft", str(witness.Master, "br-int"), witness.Gauge32(witness.IfIndex, 98), str(witness.IfaceID, "p"), str(witness.VMID, uuid(1)))
			a.link("tapleft", 98, "up")
		}, "1 × Open vSwitch port without a domain"},
		{"of DHCP, and of metadata", func(a *actor) {
			a.said(witness.ClassOVSPort, "tapdhcp", str(witness.Master, "br-int"), str(witness.Kind, "internal"), witness.Gauge32(witness.IfIndex, 99), str(witness.IfaceID, "p"))
			a.said(witness.ClassOVSPort, "tapmeta", str(witness.Master, "br-int"), witness.Gauge32(witness.IfIndex, 97), str(witness.IfaceID, "q"))
			for name, index := range map[string]uint32{"tapdhcp": 99, "tapmeta": 97} {
				a.link(name, index, "up")
				a.w.tell(fact.Fact{Kind: fact.Port, Agent: a.number, Index: index, Detail: &fact.Detail{Name: name, Counted: true, Status: 3, Instance: true, Datapath: 77, OFPort: index}})
			}
			a.said(witness.ClassOVSPort, "patch-tun", str(witness.Master, "br-int"), str(witness.Kind, "patch"))
		}, ""},
		{"taps without a port", func(a *actor) {
			for i := range uint32(2) {
				a.said(witness.ClassLink, fmt.Sprintf("tapx%d", i), witness.Gauge32(witness.IfIndex, 90+i), str(witness.Kind, "tap"), str(witness.Admin, "up"), str(witness.Oper, "up"))
			}
		}, "2 × tap without a port"},
		{"a domain without metadata", func(a *actor) {
			a.said(witness.ClassInstance, uuid(7), str(witness.Name, "byhand"), str(witness.State, "running"), str(witness.Orphan, "no-metadata"))
		}, "1 × domain without Nova's metadata"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.node(2)
			a.modules = "link=ok,libvirt=ok"
			w.run(2 * time.Second)
			a.said(witness.ClassBridge, "br-int", str(witness.Kind, "ovs"), str(witness.Forwarding, "yes"), witness.Gauge32(witness.Ports, 1))
			for range 5 {
				c.do(a)
				for i := range a.instances {
					a.instance(i, "running", a.tap(i)+"="+a.mac(i))
				}
				w.run(time.Minute)
			}
			if c.want == "" {
				w.want()
				for _, name := range []string{"tapdhcp", "tapmeta"} {
					if p := w.site.order[0].byName[name]; p != nil && p.instance {
						t.Errorf("%s is an instance's", name)
					}
				}
				return
			}
			if got := w.last(Orphan).Evidence.(*Evidence); got.Summary != c.want || len(got.Facts) > 16 {
				t.Errorf("%q with %d facts, want %q", got.Summary, len(got.Facts), c.want)
			}
			if n := w.site.Overview().Nodes[0].Orphans; !strings.HasPrefix(c.want, fmt.Sprint(n)+" ×") {
				t.Errorf("the overview counts %d, want %s", n, c.want)
			}
			if all := w.site.Stats().Orphans; len(all) != 1 || all[0].Name != "cn1" || !strings.HasPrefix(c.want, fmt.Sprint(all[0].Count)+" ×") {
				t.Errorf("counted by node: %+v, want %s", all, c.want)
			}
			w.want("start orphan info cn1 orphans")
		})
	}
}

// TestOrphansOfManyNodes: the nodes with most are named, the others counted together.
func TestOrphansOfManyNodes(t *testing.T) {
	s := &Site{}
	if all := s.orphanCounts(); all != nil {
		t.Errorf("without nodes %v", all)
	}
	for i := range maxOrphanNodes + 50 {
		s.order = append(s.order, &node{key: fmt.Sprintf("n%03d", i), orphans: i % 100})
	}
	all := s.orphanCounts()
	sum := 0
	for _, o := range all {
		sum += o.Count
	}
	if last := all[len(all)-1]; len(all) != maxOrphanNodes+1 || all[0].Count != 99 || all[0].Key != "n099" || last.Key != "" || last.Count == 0 || sum != 2*4950+1225 {
		t.Errorf("%d nodes from %v to %v, %d in all", len(all), all[0], last, sum)
	}
}

// TestAddressesOfSeveralIdentifyNobody: an IPv4 address that two instances have is
// watched for neither, until one of them is gone.
func TestAddressesOfSeveralIdentifyNobody(t *testing.T) {
	const one, other, shared, own = 0xfa163e000001, 0xfa163e000002, 0x0a000064, 0x0a000001
	w := newWorld(t)
	a := w.polled(21, "10.1.0.1")
	a.port(5, "tapx", 3)
	a.port(6, "tapy", 3)
	a.mac(5, one, own)
	a.mac(5, one, shared)
	a.mac(6, other, shared)
	w.play(5*time.Second, a)
	look := func() (x, y uint64) {
		ips := w.site.addressesOf([]uint64{one, other})
		return ips[shared], ips[own]
	}
	if x, y := look(); x != 0 || y != one {
		t.Errorf("the address of both is watched for %x, that of one for %x", x, y)
	}
	w.tell(fact.Fact{Kind: fact.PortGone, Agent: 21, Index: 5, A: uint64(time.Second)})
	w.play(5*time.Second, a)
	if x, y := look(); x != other || y != one {
		t.Errorf("the address of both is watched for %x, that of one for %x", x, y)
	}
}
