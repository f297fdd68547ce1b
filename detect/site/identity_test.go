package site

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// TestThreeOfOneCauseAreCritical: two instances of a node that fail at once are two
// warnings, and so are three that fail one after the other; three at once are one
// critical alert.
func TestThreeOfOneCauseAreCritical(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  int
		apart time.Duration
		want  []string
	}{
		{"two at once", 2, 0, []string{"start instance_unreachable warning cn1 web-1", "start instance_unreachable warning cn1 web-0"}}, // in the order of their keys
		{"three, a minute apart", 3, time.Minute, []string{
			"start instance_unreachable warning cn1 web-0", "start instance_unreachable warning cn1 web-1", "start instance_unreachable warning cn1 web-2",
		}},
		{"three at once", 3, 0, []string{"start instance_unreachable critical cn1 instances"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.node(12)
			w.run(30 * time.Second)
			for i := range c.fail {
				a.link(a.tap(i), uint32(10+i), "off")
				if c.apart > 0 {
					w.run(c.apart)
				}
			}
			w.run(20 * time.Second)
			w.want(c.want...)
		})
	}
}

// TestWatchedProjects: one instance of a watched project is critical, by the project's
// name or its identity; an event, which has the identity alone, does not rename it.
func TestWatchedProjects(t *testing.T) {
	for _, c := range []struct{ watched, severity string }{{"acme", "critical"}, {"7d0c", "critical"}, {"other", "warning"}} {
		w := newWorld(t)
		w.site.Watch([]string{c.watched})
		a := w.node(3)
		a.said(witness.ClassInstance, a.instances[0], str(witness.NovaName, "web-0"), str(witness.Project, "7d0c"), str(witness.ProjectName, "acme"), str(witness.State, "running"), str(witness.Taps, a.tap(0)+"="+a.mac(0)))
		w.run(20 * time.Second)
		a.event(witness.InstancePaused, a.instances[0], str(witness.Project, "7d0c"), str(witness.Reason, "snapshot"))
		a.event(witness.InstanceResumed, a.instances[0], str(witness.Project, "7d0c"))
		w.run(5 * time.Second)
		a.link(a.tap(0), 10, "off")
		w.run(10 * time.Second)
		if s := w.last(InstanceUnreachable).Subject.(*Subject); s.Project != "acme" {
			t.Errorf("project %s", s.Project)
		}
		w.want("start instance_unreachable " + c.severity + " cn1 web-0")
	}
}

// TestOneHostUUIDOnTwoNodes: hosts of one image that have one UUID are two nodes, each
// by its own name; the end of one is told of that one.
func TestOneHostUUIDOnTwoNodes(t *testing.T) {
	w := newWorld(t)
	a, b, seer := w.node(2), w.node(2), w.node(1)
	for _, x := range []*actor{a, b} {
		w.tell(fact.Fact{Kind: fact.Host, Agent: x.number, Index: 1, Detail: &fact.Detail{
			Name: x.name, UUID: [16]byte{1, 2, 3}, Class: sflow.ClassEntity, MACs: []sflow.MAC{{2, 0, 0, 0, 0, byte(x.number)}}, Ports: []uint32{0},
		}})
		x.seenAt = seer
	}
	w.run(60 * time.Second)
	w.want()
	if n := w.site.Stats().Nodes; n != 3 {
		t.Fatalf("%d nodes, want 3", n)
	}
	b.up = false
	w.run(15 * time.Second)
	w.want("start node_down critical cn2")
	b.up = true
	w.run(15 * time.Second)
	w.want("end node_down critical cn2")
	for i, want := range []string{"cn1", "cn2"} {
		if n := w.site.order[i]; n.name != want || len(n.insts) != 2 {
			t.Errorf("%s has %d instances, want %s with 2", n.name, len(n.insts), want)
		}
	}
}

// TestTwoNodesThatCallThemselvesLocalhost: Open vSwitch on two nodes says 127.0.0.1.
// Ports of one name are two, and who falls silent is named by where it sent from.
func TestTwoNodesThatCallThemselvesLocalhost(t *testing.T) {
	w := newWorld(t)
	local, sources := addr("127.0.0.1"), []string{"10.9.0.1", "10.9.0.2", "10.9.0.3"}
	for i, source := range sources {
		number := uint32(i + 1)
		w.tell(fact.Fact{Kind: fact.Sender, Agent: number, Detail: &fact.Detail{Agent: local, Source: addr(source)}})
		w.tell(fact.Fact{Kind: fact.Port, Agent: number, Index: 7, Detail: &fact.Detail{Name: "tap1", Status: 3, Counted: true, Instance: true}})
	}
	beat := func(seconds int, of ...uint32) {
		for k := range seconds {
			for _, number := range of {
				w.tell(fact.Fact{Kind: fact.Alive, Agent: number, A: uint64(k)<<32 | 1, B: uint64(w.now.Sub(epoch).Milliseconds()) << 32, C: uint64(w.now.UnixNano())})
			}
			w.run(time.Second)
		}
	}
	beat(60, 1, 2, 3)
	w.want()
	w.tell(fact.Fact{Kind: fact.Port, Agent: 2, Index: 7, Detail: &fact.Detail{Name: "tap1", Status: 1, Was: 3, Counted: true, Instance: true}})
	beat(15, 1, 2, 3)
	a := w.last(InstanceUnreachable)
	if s := a.Subject.(*Subject); s.Source != addr("10.9.0.2") || s.Agent != local {
		t.Errorf("%+v", s)
	}
	w.want("start instance_unreachable warning 10.9.0.2 tap1")
	beat(30, 1, 2)
	if s := w.last(TelemetrySilent).Subject.(*Subject); s.Source != addr("10.9.0.3") {
		t.Errorf("%+v", s)
	}
	w.want("start telemetry_silent warning 10.9.0.3")
}

// TestInventedRoutersAndSegmentsAreBounded: 100,000 next hops, networks and VLANs that
// an agent invents are bounded and counted, and judged in time.
func TestInventedRoutersAndSegmentsAreBounded(t *testing.T) {
	w := newWorld(t)
	a := w.node(50)
	w.run(time.Second)
	began := time.Now()
	for i := range uint64(100_000) {
		k := int(i % 50)
		w.tell(fact.Fact{Kind: fact.PortWays, Agent: a.number, Index: uint32(10 + k), A: 0xfa1600000000 + i, B: 1<<32 | 1, C: fact.PortAfar{Afar: 1, Asks: 1}.Pack()})
		w.tell(fact.Fact{Kind: fact.Carried, Agent: a.number, A: a.macs[k], B: fact.Segment{Virtual: i%2 == 0, ID: uint32(i)}.Pack()})
		if i%50 == 0 {
			a.said(witness.ClassOVSPort, a.tap(k), witness.Gauge32(witness.IfIndex, uint32(10+k)), str(witness.Network, fmt.Sprint("net-", i)))
		}
		if len(w.facts) > 20000 {
			w.run(100 * time.Millisecond)
		}
	}
	w.run(5 * time.Second)
	clients := 0
	for _, r := range w.site.routers {
		clients += len(r.clients)
	}
	if n := len(w.site.routers); n > maxRouters || clients > 50 || len(w.site.travelers) > 50 || w.site.refused == 0 {
		t.Errorf("%d routers with %d clients, %d ports, %d refused", n, clients, len(w.site.travelers), w.site.refused)
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
	if got := w.pagesOf(); got != "" {
		t.Errorf("told %s", got)
	}
}

// pagesOf are the alerts so far that are critical.
func (w *world) pagesOf() string {
	var all []string
	for _, l := range w.lines() {
		if strings.Contains(l, " critical ") {
			all = append(all, l)
		}
	}
	return strings.Join(all, "\n")
}
