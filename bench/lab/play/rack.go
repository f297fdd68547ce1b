package main

import (
	"fmt"
	"syscall"
	"time"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
)

// Numbers of the VLANs of a group, of the local ones of its tunnels, and of the
// networks that these carry.
const (
	firstVLAN = 101
	firstVNI  = 5001
)

// rack is what joins the nodes of a group.
type rack struct {
	lab    *lab.Lab
	leaf   *lab.Leaf
	router *lab.Router
}

// newRack makes the switch that the nodes of a group will hang on; nil where
// they hang on the lab's bridges.
func newRack(l *lab.Lab, g *scenario.Group) *rack {
	r := &rack{lab: l}
	if g.Leaf {
		r.leaf = l.Leaf(g.Name + "leaf")
	}
	return r
}

// join attaches a node, whose instances are not made yet.
func (r *rack) join(p *place, apart bool) {
	if r.leaf == nil || apart {
		return
	}
	r.leaf.Attach(p.Node)
	if p.group.Bond {
		r.leaf.Bond(p.Node)
	}
}

// segment puts the k-th instance of a node's br0 into its VLAN or network.
func (p *place) segment(k int, v *lab.Instance) {
	switch g := &p.group; {
	case g.VLANs > 0:
		v.InVLAN(firstVLAN + k%g.VLANs)
	case g.Tunnels > 0:
		v.InVLAN(1 + k%g.Tunnels) // its local VLAN
		vni := firstVNI + k%g.Tunnels
		p.VSCtl("set", "port", v.Tap, fmt.Sprintf("other_config:net_uuid=%s", networkID(vni)), "other_config:network_type=vxlan",
			fmt.Sprintf("other_config:segmentation_id=%d", vni), "other_config:physical_network=None")
	}
}

// networkID is the UUID of a network.
func networkID(vni int) string { return fmt.Sprintf("7e70a1f2-0000-4000-8000-%012d", vni) }

// finish joins the group's nodes, once all of them are there.
func (r *rack) finish(g *scenario.Group, all []*place) {
	l := r.lab
	if g.Tunnels > 0 {
		var nodes []*lab.Node
		for _, p := range all {
			nodes = append(nodes, p.Node)
		}
		of := map[int]int{}
		for i := range g.Tunnels {
			of[1+i] = firstVNI + i
		}
		for _, n := range nodes {
			n.Tunnels(nodes, of)
		}
	}
	if g.Router {
		var vlans []int
		for i := range g.VLANs {
			vlans = append(vlans, firstVLAN+i)
		}
		n := l.Node(g.Name + "net")
		if r.leaf != nil {
			r.leaf.Attach(n)
		}
		if g.SFlow {
			n.SFlow("br0", g.Sampling, g.Polling)
		}
		r.router = n.Router(g.Name, vlans...)
	}
	if r.leaf != nil {
		for _, b := range []string{"br0", "mgmt"} {
			r.leaf.SFlow(b, g.Sampling, g.Polling)
		}
	}
}

// talk lets the instances of a group talk: those of a segment to each other, and
// where there is a router to the next segment and to what is outside.
func (r *rack) talk(g *scenario.Group, all []*place) {
	l := r.lab
	for i, p := range all {
		next := all[(i+1)%len(all)]
		for k, v := range p.bridges[0].on {
			l.Talk(v, next.bridges[0].on[k], g.Talk)
			if r.router != nil {
				l.Talk(v, next.bridges[0].on[(k+1)%g.VLANs], max(g.Talk/2, 1))
				l.Talk(v, r.router.Outside(), max(g.Talk/2, 1))
			}
		}
	}
}

// do kills or starts the leaf's switch.
func (r *rack) do(what string) {
	switch what {
	case "kill":
		r.leaf.Switchd.Signal(syscall.SIGKILL)
		r.leaf.Switchd.Wait(5 * time.Second)
	case "start":
		r.leaf.StartSwitchd()
	default:
		r.lab.Fatal("switch: " + what + " on leaf: choose from kill, start")
	}
}

// addrs are the addresses of what joins the nodes.
func (r *rack) addrs() (all []string) {
	if r.leaf != nil {
		all = append(all, r.leaf.Addr)
	}
	if r.router != nil {
		all = append(all, r.router.Addr)
	}
	return all
}
