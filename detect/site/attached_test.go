package site

import (
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// TestHypervisorIsNoSwitch: a node's own address is seen at the uplink of another.
// Where that carries instances nobody is attached to it: of two such nodes that
// die one after the other each is told. Where it carries none it is a switch, whose
// end explains theirs.
func TestHypervisorIsNoSwitch(t *testing.T) {
	for _, c := range []struct {
		name      string
		instances int // of the node that dies first
		want      []string
	}{
		{"the first is a hypervisor", 1, []string{"start node_down critical cn1", "start node_down critical cn2"}},
		{"the first is a switch", 0, []string{"start node_down critical cn1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			first, second, witness1 := w.node(c.instances), w.node(1), w.node(1)
			w.node(1)
			w.node(1)
			var own [2]sflow.MAC
			for i, a := range []*actor{first, second} {
				own[i] = sflow.MAC{0xfa, 0x17, 0, 0, 0, byte(a.number)}
				w.tell(fact.Fact{Kind: fact.Host, Agent: a.number, Detail: &fact.Detail{Name: a.name, UUID: [16]byte{9, byte(i)}, MACs: own[i : i+1], Ports: []uint32{0}}})
				a.macs = append(a.macs, fact.MAC(own[i]))
				a.seenAt = witness1
			}
			first.said(witness.ClassLink, "eth1", witness.Gauge32(witness.IfIndex, 3), str(witness.Kind, "physical"), str(witness.Admin, "up"), str(witness.Oper, "up"))
			for range 60 {
				w.tell(fact.Fact{Kind: fact.Seen, Agent: first.number, A: fact.MAC(own[1]), B: 3, C: 5})
				w.run(time.Second)
			}
			w.want()
			first.up = false
			w.run(6 * time.Second)
			second.up = false
			w.run(10 * time.Second)
			w.want(c.want...)
		})
	}
}
