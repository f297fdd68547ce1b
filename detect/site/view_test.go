package site

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/detect"
)

// sameTime compares times as what they are.
var sameTime = cmp.Comparer(func(a, b detect.Time) bool { return time.Time(a).Equal(time.Time(b)) })

func TestOverviewColoursWhatABridgeTakesWithIt(t *testing.T) {
	w := newWorld(t)
	a := w.node(3)
	w.node(2)
	w.run(5 * time.Second)
	want := Overview{At: at(w.now.UnixNano()), Bridges: 2, Instances: 5, Nodes: []NodeView{
		{Key: "10.0.0.2", Name: "cn1", Kind: "hypervisor", Health: HealthGood, Self: HealthGood, Ports: 4, Instances: 3, Bridges: []BridgeView{{"br-int", HealthGood, 4, "ggg"}}},
		{Key: "10.0.0.3", Name: "cn2", Kind: "hypervisor", Health: HealthGood, Self: HealthGood, Ports: 3, Instances: 2, Bridges: []BridgeView{{"br-int", HealthGood, 3, "gg"}}},
	}}
	look := func() Overview {
		o := w.site.Overview()
		for i := range o.Nodes {
			o.Nodes[i].LastHeard = detect.Time{}
		}
		return o
	}
	if diff := cmp.Diff(want, look(), sameTime); diff != "" {
		t.Errorf("all is well (-want +got):\n%s", diff)
	}

	a.bridge("no", 3, 3)
	w.run(2 * time.Second)
	want.At, want.Bad = at(w.now.UnixNano()), 3
	n := &want.Nodes[0]
	n.Health, n.Bad, n.Bridges = HealthCritical, 3, []BridgeView{{"br-int", HealthCritical, 4, "www"}}
	if diff := cmp.Diff(want, look(), sameTime); diff != "" {
		t.Errorf("a bridge is down (-want +got):\n%s", diff)
	}
}

func TestBranchSaysHowInstancesAreObserved(t *testing.T) {
	w := newWorld(t)
	a := w.node(2)
	w.run(3 * time.Second)
	a.instance(1, "shutoff", a.tap(1)+"="+a.mac(1))
	w.run(3 * time.Second)
	b, ok := w.site.Branch("10.0.0.2")
	if !ok || len(b.Parts) != 1 {
		t.Fatalf("got %+v, %v", b, ok)
	}
	want := BridgeBranch{Name: "br-int", Health: HealthGood, Ports: []PortView{}, Instances: []InstanceView{
		{UUID: a.instances[0], Name: "web-0", Project: "acme", State: "running", Health: HealthGood, Observed: []string{"agent"}, Port: a.tap(0), MACs: []string{a.mac(0)}},
		{UUID: a.instances[1], Name: "web-1", Project: "acme", State: "shutoff", Health: HealthOff, Observed: []string{"agent"}, Port: a.tap(1), MACs: []string{a.mac(1)}},
	}}
	if diff := cmp.Diff(want, b.Parts[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	a.blocked = true // nobody else sees them
	w.run(2 * time.Minute)
	b, _ = w.site.Branch("10.0.0.2")
	if b.Unseen != 1 || b.Parts[0].Instances[0].Health != HealthUnseen || len(b.Parts[0].Instances[0].Observed) != 0 {
		t.Errorf("without its agent: %+v", b)
	}
	if named, ok := w.site.Branch(a.name); !ok || named.Key != b.Key {
		t.Errorf("by its name %s: %q, %v", a.name, named.Key, ok)
	}
	for _, key := range []string{"10.9.9.9", ""} {
		if _, ok := w.site.Branch(key); ok {
			t.Errorf("a node that is none, %q, has a branch", key)
		}
	}
}

func TestFindLooksAtNamesAddressesAndIdentities(t *testing.T) {
	w := newWorld(t)
	a := w.node(3)
	w.node(3)
	w.run(2 * time.Second)
	for _, c := range []struct{ text, want string }{
		{"cn2", "hypervisor cn2"},
		{"WEB-1", "instance web-1 on cn1; instance web-1 on cn2"},
		{a.mac(2), "instance web-2 on cn1"},
		{a.instances[0], "instance web-0 on cn1"},
		{"br-int", "bridge br-int on cn1; bridge br-int on cn2"},
		{"nothing like it", ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			all, cut := w.site.Find(c.text)
			got := ""
			for i, f := range all {
				if i > 0 {
					got += "; "
				}
				got += f.Type + " " + f.Name
				if f.Type != "hypervisor" {
					got += " on " + f.Label
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || cut {
				t.Errorf("cut %v (-want +got):\n%s", cut, diff)
			}
		})
	}
}

func TestOverviewOfALargeSite(t *testing.T) {
	w := largeSite(t)
	if o := w.site.Overview(); len(o.Nodes) != 1000 || o.Instances != 20000 {
		t.Errorf("%d nodes, %d instances", len(o.Nodes), o.Instances)
	}
	if all, cut := w.site.Find("fa:16:3e:03:e8:13"); len(all) != 1 || cut {
		t.Errorf("found %v, %v", all, cut)
	}
}

// BenchmarkOverview: what the page asks for of a thousand nodes with twenty
// instances each; the site's goroutine does nothing else meanwhile.
func BenchmarkOverview(b *testing.B) {
	w := largeSite(b)
	for b.Loop() {
		w.site.Overview()
	}
}

func largeSite(t testing.TB) *world {
	w := newWorld(t)
	for range 1000 {
		w.node(20)
	}
	w.run(2 * time.Second)
	return w
}

func TestIncidentHasItsEffectsWhenTheyWereMost(t *testing.T) {
	w := newWorld(t)
	a := w.node(3)
	w.run(5 * time.Second)
	a.bridge("no", 3, 3)
	w.run(3 * time.Second)
	a.bridge("yes", 3, 3)
	w.run(30 * time.Second)
	all := w.site.Incidents()
	if len(all) != 1 {
		t.Fatalf("%d incidents", len(all))
	}
	i, ok := w.site.Incident(all[0].ID)
	if !ok || i.Kind != BridgeDown || i.Affected != 3 || len(i.Children) != 3 || len(i.Root) == 0 || fmt.Sprint(i.Nodes) != "[10.0.0.2]" {
		t.Errorf("got %+v", i)
	}
}
