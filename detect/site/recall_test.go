package site

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// children are the names of what an alert tells of.
func children(a *detect.Alert) (all []string) {
	for _, c := range a.Evidence.(*Evidence).Children {
		all = append(all, c.Subject.Name)
	}
	slices.Sort(all)
	return all
}

// rack is a switch, three nodes whose traffic it sees, and one that it does not.
func rack(t *testing.T) (w *world, nodes []*actor) {
	w = newWorld(t)
	sw := w.node(0)
	for range 3 {
		n := w.node(3)
		n.seenAt = sw
		nodes = append(nodes, n)
	}
	w.run(90 * time.Second)
	w.want()
	return w, nodes
}

// TestNodeDiesAfterARestart: seconds after a restart it is known who was on a node
// and where that was seen.
func TestNodeDiesAfterARestart(t *testing.T) {
	for _, c := range []struct {
		name string
		die  func(a *actor)
		want []string
	}{
		{"the node", func(a *actor) { a.up = false }, []string{"start node_down critical cn2"}},
		{"its agent", func(a *actor) { a.killed = true }, []string{"start telemetry_silent critical cn2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, nodes := rack(t)
			w.restart(2 * time.Second)
			w.facts = slices.DeleteFunc(w.facts, func(f fact.Fact) bool { return f.Agent == nodes[0].number && f.Kind == fact.Said })
			w.run(3 * time.Second)
			w.want()
			c.die(nodes[0])
			w.run(15 * time.Second)
			for _, a := range w.alerts {
				if a.Kind == NodeDown && a.Change == detect.Start {
					if diff := cmp.Diff([]string{"web-0", "web-1", "web-2"}, children(a)); diff != "" {
						t.Errorf("instances (-want +got):\n%s", diff)
					}
				}
			}
			w.want(c.want...)
		})
	}
}

// TestNodeThatDiedDuringARestart is told when it would have been late, and of nobody
// who was there all the time anything is.
func TestNodeThatDiedDuringARestart(t *testing.T) {
	w, nodes := rack(t)
	nodes[1].up = false
	w.restart(20 * time.Second)
	w.facts = slices.DeleteFunc(w.facts, func(f fact.Fact) bool { return f.Agent == nodes[1].number })
	w.run(10 * time.Second)
	w.want()
	w.run(20 * time.Second)
	if got := children(w.last(NodeDown)); len(got) != 3 {
		t.Errorf("with it %v, want three instances", got)
	}
	w.want("start node_down critical cn3")
	nodes[1].up, nodes[1].started = true, w.now
	nodes[1].greet()
	w.run(60 * time.Second)
	if got := w.lines(); !slices.Equal(got, []string{"end node_down critical cn3"}) {
		t.Errorf("told %q", got)
	}
}

// TestModelOutlivesARestart: what is known after it is what was known before, and
// nothing of it is shown as well until it is seen.
func TestModelOutlivesARestart(t *testing.T) {
	w, nodes := rack(t)
	_ = nodes
	before, _ := json.Marshal(w.site.Kept(100))
	w.restart(time.Second)
	w.facts = nil
	w.run(200 * time.Millisecond)
	b, ok := w.site.Branch("cn2")
	if !ok || len(b.Parts) == 0 || len(b.Parts[0].Instances) != 3 {
		t.Fatalf("%+v", b)
	}
	for _, i := range b.Parts[0].Instances {
		if i.Health != HealthUnseen || len(i.MACs) != 1 || i.Project != "acme" || i.UUID == "" {
			t.Errorf("%+v", i)
		}
	}
	for _, a := range w.nodes {
		a.greet()
	}
	w.run(30 * time.Second)
	var was, now []KeptNode
	if err := json.Unmarshal(before, &was); err != nil {
		t.Fatal(err)
	}
	now = w.site.Kept(100)
	for i := range was {
		was[i].Learned, now[i].Learned = KeptLearned{}, KeptLearned{}
	}
	if diff := cmp.Diff(was, now, cmp.Comparer(func(a, b interface{ String() string }) bool { return a.String() == b.String() })); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	w.want()
}

// TestInstanceGoneDuringARestart: it is forgotten, and no alert.
func TestInstanceGoneDuringARestart(t *testing.T) {
	w, nodes := rack(t)
	a := nodes[0]
	gone := a.instances[2]
	a.instances = a.instances[:2]
	w.restart(30 * time.Second)
	a.bridge("yes", 2, 2)
	w.run(10 * time.Minute)
	if w.site.insts[gone] != nil {
		t.Error("it is known for ever")
	}
	if n := w.site.nodes[a.addr]; n.recalled || n.ports[12] != nil && !n.ports[12].gone {
		t.Errorf("its port is: %+v", n.ports[12])
	}
	w.want()
}

// TestInstanceMovedDuringARestart is followed, not mourned.
func TestInstanceMovedDuringARestart(t *testing.T) {
	w, nodes := rack(t)
	from, to := nodes[0], nodes[1]
	id, tap, mac := from.instances[2], from.tap(2), from.mac(2)
	from.instances = from.instances[:2]
	w.restart(30 * time.Second)
	to.link(tap, 40, "up")
	to.said(witness.ClassInstance, id, str(witness.State, "running"), str(witness.Taps, tap+"="+mac))
	w.run(10 * time.Minute)
	if i := w.site.insts[id]; i == nil || i.node.name != to.name || len(i.ports) != 1 || i.ports[0].node != i.node {
		t.Errorf("it is at %+v", i)
	}
	w.want()
}

// TestLinuxBridgeDeletedDuringARestart: its instances are there, it is not.
func TestLinuxBridgeDeletedDuringARestart(t *testing.T) {
	w, nodes := rack(t)
	a := nodes[0]
	w.restart(5 * time.Second)
	w.facts = slices.DeleteFunc(w.facts, func(f fact.Fact) bool { return f.Agent == a.number && f.Kind == fact.Said })
	for i := range a.instances {
		a.said(witness.ClassLink, a.tap(i), witness.Gauge32(witness.IfIndex, uint32(10+i)), str(witness.Kind, "tap"), str(witness.Admin, "up"), str(witness.Oper, "up"))
		a.instance(i, "running", a.tap(i)+"="+a.mac(i))
	}
	w.run(3 * time.Minute)
	w.want("start bridge_down critical cn2 br-int")
}

// TestRecallOfAnything: what a file says is believed as far as it can be.
func TestRecallOfAnything(t *testing.T) {
	w, _ := rack(t)
	for _, text := range []string{
		`{}`, `{"key":"10.0.0.2"}`, `{"key":"none","parts":{"ports":[{"index":1}]}}`,
		`{"key":"10.0.0.2","learned":{"heard":"2000-01-01T00:00:00Z"},"parts":{"ports":[{"index":1}]}}`,
		`{"key":"10.0.0.2","learned":{"heard":"2023-11-14T22:13:20Z","streams":[{"sender":7},{"sender":-1},{"sender":1,"pace":{"gaps":[[-1,5],[900,5],[3,99999999],[3,-1]],"counts":[-1,5,7,9]}}],
			"sights":[{"mac":"x"},{"mac":"fa:16:3e:00:02:00","node":"10.0.0.1","rate":-1}]},
			"parts":{"senders":[{"agent":"10.0.0.2","source":"10.0.0.2"}],"ports":[{"index":1,"sender":99,"bridge":"no","uuid":"no","macs":[{"mac":"zz"},{"mac":"ff:ff:ff:ff:ff:ff"}],"router":"1"},{"index":1}],
			"bridges":[{"name":"a","local":77}],"instances":[{"uuid":""},{"uuid":"u"},{"uuid":"u"}],"at":[{"node":"10.0.0.2","index":1},{"node":"no","index":1},{"node":"10.0.0.1","index":99}]}}`,
	} {
		var k KeptNode
		if err := json.Unmarshal([]byte(text), &k); err != nil {
			t.Fatal(err)
		}
		st := w.site.Save()
		x := newWorld(t)
		x.site.Restore(st, w.now)
		x.site.Recall([]KeptNode{k, k}, w.now)
		x.now = w.now
		x.run(5 * time.Second)
		x.want()
	}
}

// TestForgottenNodes: who was not heard for a week is missed by nobody.
func TestForgottenNodes(t *testing.T) {
	w, _ := rack(t)
	st, kept := w.site.Save(), w.site.Kept(100)
	later := w.now.Add(8 * 24 * time.Hour)
	w.site = New(Config{})
	w.site.Restore(st, later)
	w.site.Recall(kept, later)
	if n := w.site.Stats(); n.Nodes != 0 || n.Instances != 0 || n.Addresses != 0 {
		t.Errorf("%+v", n)
	}
}

// TestRecallOfManyInstances: what somebody has invented slows no start.
func TestRecallOfManyInstances(t *testing.T) {
	w := newWorld(t)
	const nodes, each = 25, 4000
	var all []KeptNode
	for i := range nodes {
		a := w.node(0)
		k := KeptNode{Key: a.addr}
		k.Learned.Heard = epoch
		for j := range each {
			uuid := fmt.Sprintf("%08d-0000-4000-8000-%012d", i, j)
			k.Parts.Instances = append(k.Parts.Instances, KeptInstance{UUID: uuid, Name: strings.Repeat("x", 200), Project: "p", State: "running"})
			k.Parts.Ports = append(k.Parts.Ports, KeptPort{Index: uint32(j + 1), Name: fmt.Sprintf("tap%d", j), UUID: uuid, Up: true, Is: isInstance, MACs: []KeptAddress{{MAC: fmt.Sprintf("fa:16:3e:%02x:%02x:%02x", i, j>>8, j&255)}}})
		}
		all = append(all, k)
	}
	w.run(time.Second)
	st := w.site.Save()
	w.site = New(Config{})
	w.site.Restore(st, w.now)
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	w.site.Recall(all, w.now)
	runtime.ReadMemStats(&m1)
	if n := w.site.Stats(); n.Instances != nodes*each || n.Addresses > maxMACs {
		t.Errorf("%+v", n)
	}
	if took := m1.TotalAlloc - m0.TotalAlloc; took > 400<<20 {
		t.Errorf("it took %d MiB", took>>20)
	}
	w.run(2 * time.Second)
	w.want()
}
