package site

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// TestInventedInstancesAreBounded: an agent may invent what it likes; the model
// keeps to its bounds and counts what it refused.
func TestInventedInstancesAreBounded(t *testing.T) {
	w := newWorld(t)
	a := w.node(1)
	w.run(time.Second)
	for i := range maxInstances + 1000 {
		a.said(witness.ClassInstance, fmt.Sprintf("invented-%d", i), str(witness.State, "running"))
		if len(w.facts) > 20000 {
			w.run(100 * time.Millisecond)
		}
	}
	for i := range uint32(2 * maxPerNode) {
		a.link(fmt.Sprintf("tapx%d", i), 1000+i, "up")
	}
	w.run(time.Second)
	s := w.site.Stats()
	if s.Instances > maxInstances || len(w.site.order[0].ports) > maxPerNode || s.Refused < 1000 {
		t.Errorf("%+v, %d ports", s, len(w.site.order[0].ports))
	}
}

// TestInventedNodesAreBounded: so are nodes and addresses.
func TestInventedNodesAreBounded(t *testing.T) {
	s := New(Config{})
	var facts []fact.Fact
	for i := range uint32(maxNodes + 100) {
		source := addr(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
		facts = append(facts, fact.Fact{Kind: fact.Sender, Agent: i + 1, At: 1, Detail: &fact.Detail{Agent: source, Source: source}})
	}
	s.Add(facts, 0)
	if st := s.Stats(); st.Nodes != maxNodes || st.Refused != 100 {
		t.Errorf("%+v", st)
	}
}

// TestOneUUIDOnTwoNodes: cloned images have one UUID; it stays where it was, and
// nothing is told of it.
func TestOneUUIDOnTwoNodes(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(1), w.node(0)
	b.instances = a.instances
	for range 20 {
		a.instance(0, "running", a.tap(0)+"="+a.mac(0))
		b.instance(0, "running", "")
		w.run(time.Second)
	}
	w.want()
	if n := w.site.insts[a.instances[0]].node; n.name != "cn1" {
		t.Errorf("it is on %s", n.name)
	}
}

// TestOneAddressOnTwoNodes: nodes that call themselves 127.0.0.1 are told apart
// by their source address.
func TestOneAddressOnTwoNodes(t *testing.T) {
	s := New(Config{})
	local := addr("127.0.0.1")
	for i, source := range []string{"10.0.0.1", "10.0.0.2"} {
		s.Add([]fact.Fact{{Kind: fact.Sender, Agent: uint32(i + 1), At: 1, Detail: &fact.Detail{Agent: local, Source: addr(source)}}}, 0)
	}
	if st := s.Stats(); st.Nodes != 2 {
		t.Errorf("%d nodes, want 2", st.Nodes)
	}
}

// TestSharedAddressesIdentifyNobody: a VRRP address at two nodes moves no
// instance.
func TestSharedAddressesIdentifyNobody(t *testing.T) {
	for _, c := range []struct {
		mac  string
		want bool
	}{{"00:00:5e:00:01:07", true}, {"00:00:5e:00:02:07", true}, {"01:00:5e:00:00:01", true}, {"fa:16:3e:00:00:01", false}} {
		m, _ := parseMAC(c.mac)
		if got := sharedMAC(m); got != c.want {
			t.Errorf("%s: %v, want %v", c.mac, got, c.want)
		}
	}
}

// TestLinesAreOneLine: names from the wire are clean before they
// get here; what is printed is one line.
func TestLinesAreOneLine(t *testing.T) {
	w := newWorld(t)
	a := w.node(2)
	w.run(20 * time.Second)
	a.bridge("no", 2, 0)
	w.run(3 * time.Second)
	if line := w.last(BridgeDown).Line(); strings.ContainsAny(line, "\n\r\x1b") {
		t.Errorf("%q", line)
	}
}
