package site

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"weir/detect/site/fact"
)

var updateScenes = flag.Bool("update", false, "write the scenes of testdata anew")

// scene is a site in trouble as people are shown it, of which the page is tried.
type scene struct {
	Incident Incident          `json:"incident"`
	Overview Overview          `json:"overview"`
	Branches map[string]Branch `json:"branches"` // by key of the node
}

// darkSwitch has a switch die with the nodes that hang on it, just after weir itself
// heard nothing for a while.
func darkSwitch(t *testing.T) *world {
	w := newWorld(t)
	sw := w.node(0)
	for k, name := range []string{"swp1", "swp2", "swp3", "swp30"} {
		sw.member(name, 7+uint32(k), 0, true)
	}
	var hosts []*actor
	var own []uint64
	for i := range 3 {
		a := w.node(4)
		hosts, own = append(hosts, a), append(own, a.owns(byte(i)))
	}
	var beyond []uint64
	for i := range 4 {
		beyond = append(beyond, w.node(2).owns(byte(9+i)))
	}
	for i := range 90 {
		if i == 60 {
			w.want()
			sw.up = false
			for _, a := range hosts {
				a.up = false
			}
			w.site.Blind(w.now.Add(-1500*time.Millisecond).UnixNano(), w.now.Add(-200*time.Millisecond).UnixNano(), WhyHeldUp)
		}
		for k := range hosts {
			if sw.up {
				w.tell(fact.Fact{Kind: fact.Seen, Agent: sw.number, A: own[k], B: 7 + uint64(k), C: 5})
				w.tell(fact.Fact{Kind: fact.Seen, Agent: sw.number, A: beyond[k], B: 10, C: 5}) // by its uplink
			}
		}
		w.run(time.Second)
	}
	return w
}

// darkLAG has all members of a switch's group lose their links.
func darkLAG(t *testing.T) *world {
	w := newWorld(t)
	sw := w.node(0)
	for _, up := range []bool{true, false} {
		sw.member("swp1", 21, 1000, up)
		sw.member("swp2", 22, 1000, up)
		sw.member("po1", 1000, 0, up)
		w.run(20 * time.Second)
	}
	return w
}

// darkFabric has what befalls some guests of a fabric.
func darkFabric(t *testing.T, per int, layout func(n, i int) guest, of func(g *guest) bool, do func(g *guest)) *world {
	f := newFabric(t, 3, per, layout)
	f.pass(60)
	f.wantPages()
	f.each(of, do)
	f.pass(15)
	return f.world
}

// TestScenes: parents in trouble are the roots of what is shown, and the scenes that
// the page is tried with are such.
func TestScenes(t *testing.T) {
	cut := func(g *guest) { g.cut = true }
	routed := func(_, i int) guest {
		if i >= 4 {
			return guest{vni: 12, router: routerB, inside: true}
		}
		return guest{vni: uint32(10 + i%2), router: routerA, inside: true}
	}
	for _, c := range []struct {
		name     string
		of       func(t *testing.T) *world
		root     string // type of the subject
		affected int
	}{
		{"switch", darkSwitch, TypeNode, 3},
		{"lag", darkLAG, TypeLAG, 2},
		{"vlan", func(t *testing.T) *world {
			return darkFabric(t, 12, by12, func(g *guest) bool { return g.vlan == 100 }, cut)
		}, TypeVLAN, 12},
		{"network", func(t *testing.T) *world {
			return darkFabric(t, 12, by12, func(g *guest) bool { return g.vni == 4711 }, cut)
		}, TypeNetwork, 12},
		{"router", func(t *testing.T) *world {
			return darkFabric(t, 8, routed, func(g *guest) bool { return g.router == routerA }, func(g *guest) { g.orphaned = true })
		}, TypeRouter, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := c.of(t)
			all := w.site.Incidents()
			if len(all) == 0 {
				t.Fatal("no incident")
			}
			got := scene{Overview: w.site.Overview(), Branches: map[string]Branch{}}
			got.Incident, _ = w.site.Incident(all[len(all)-1].ID)
			for _, n := range got.Overview.Nodes {
				got.Branches[n.Key], _ = w.site.Branch(n.Key)
			}
			if kind, affected := rootOf(t, &got); kind != c.root || affected != c.affected {
				t.Errorf("%d affected, the root is a %s", affected, kind)
			}
			for _, n := range got.Overview.Nodes {
				for _, p := range n.Bridges { // what is not heard is not well
					if dark := n.Health == HealthCritical || n.Unseen > 0; c.name == "switch" && dark != (p.Health == HealthUnseen) {
						t.Errorf("%s of %s, which is %s, is %s", p.Name, n.Name, n.Health, p.Health)
					}
				}
			}
			b, err := json.MarshalIndent(got, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join("testdata", "scenes", c.name+".json")
			if *updateScenes {
				if err := os.WriteFile(name, append(b, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var kept scene
			if b, err = os.ReadFile(name); err == nil {
				err = json.Unmarshal(b, &kept)
			}
			if err != nil {
				t.Fatal(err)
			}
			if kind, affected := rootOf(t, &kept); kind != c.root || affected != c.affected {
				t.Errorf("kept: %d affected, the root is a %s; -update writes it anew", affected, kind)
			}
		})
	}
}

// rootOf returns what the root of an incident is, and how many it took along.
func rootOf(t *testing.T, s *scene) (kind string, affected int) {
	t.Helper()
	var root struct{ Subject struct{ Type string } }
	if err := json.Unmarshal(s.Incident.Root, &root); err != nil {
		t.Fatal(err)
	}
	return root.Subject.Type, s.Incident.Affected
}
