package site

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// What belongs to nobody is left behind by deletions that stopped half way:
// domains without Nova's metadata, ports without a domain or a device, taps without
// a port.
const (
	orphanAfter = 120 * second // a creation or deletion may take so long
	orphanEvery = 10 * second
	strayFor    = 600 * second // without being said again
)

// stray is a port of Open vSwitch whose device is gone.
type stray struct {
	at, since int64
	why       string
}

// straySaid takes a port of Open vSwitch that has no interface. Without an owner it
// leads nowhere by design, as patches and tunnels do.
func (s *Site) straySaid(n *node, f *fact.Fact) {
	d, a := f.Detail, n.agentOf
	why := d.Text(witness.Reason)
	if d.Text(witness.IfaceID) == "" && d.Text(witness.VMID) == "" || why == "" {
		delete(a.strays, d.Entity)
		return
	}
	x := a.strays[d.Entity]
	if x == nil {
		if len(a.strays) >= maxSaid {
			s.refused++
			return
		}
		x = &stray{since: f.At}
		a.strays[d.Entity] = x
	}
	x.at, x.why = f.At, why
}

// ownerless says what is wrong with a port of a node whose domains are told of; ""
// where it is an instance's or no instance's at all.
func (s *Site) ownerless(p *port) string {
	switch {
	case p.gone || !p.instance || infrastructure(p.name) || s.now-p.since < orphanAfter || s.now-p.domainAt < 3*saidFor && p.domainAt != 0:
		return ""
	case p.inst != nil && s.now-p.inst.saidAt < 3*saidFor && p.inst.saidAt != 0 && (p.inst.leaving == 0 || s.now-p.inst.leaving < orphanAfter):
		return ""
	case p.bridge != nil && !p.bridge.linux:
		return "Open vSwitch port without a domain"
	case p.bridge == nil && strings.HasPrefix(p.name, "tap"):
		return "tap without a port"
	}
	return "port without a domain"
}

// orphans counts what belongs to nobody by what it is, in the order it is found.
type orphans struct {
	kinds  []string
	counts map[string]int
	facts  []Noted
	total  int
}

func (o *orphans) add(kind, name, more string, since int64) {
	if o.counts[kind] == 0 {
		o.kinds = append(o.kinds, kind)
	}
	o.counts[kind]++
	if o.total++; len(o.facts) < 16 {
		o.facts = append(o.facts, Noted{At: at(since), Group: "orphan", From: "weir-agent", What: strings.TrimSpace(kind + " " + name), After: more})
	}
}

// String is "10 × tap without a port, 2 × domain without Nova's metadata".
func (o *orphans) String() string {
	var all []string
	for _, k := range o.kinds {
		all = append(all, fmt.Sprintf("%d × %s", o.counts[k], k))
	}
	return strings.Join(all, ", ")
}

// judgeOrphans counts what belongs to nobody on a node.
func (s *Site) judgeOrphans(n *node) {
	if s.now-n.orphansAt < orphanEvery {
		return
	}
	n.orphansAt = s.now
	o := orphans{counts: map[string]int{}}
	if n.libvirt() {
		for _, p := range n.portList() {
			if kind := s.ownerless(p); kind != "" {
				o.add(kind, p.label(), "", p.since)
			}
		}
	}
	for _, name := range sortedKeys(n.agentOf.strays) {
		x := n.agentOf.strays[name]
		switch {
		case s.now-x.at > strayFor:
			delete(n.agentOf.strays, name)
		case s.now-x.since >= orphanAfter:
			o.add("Open vSwitch port without a device", name, x.why, x.since)
		}
	}
	for _, id := range sortedKeys(n.insts) {
		if i := n.insts[id]; i.orphan != "" && i.runs() {
			o.add("domain without Nova's metadata", i.label(), "", i.saidAt)
		}
	}
	entity := n.entity("orphan", "")
	n.orphans = o.total
	if o.total == 0 {
		s.unsay(Orphan, entity, "")
		return
	}
	s.raise(n, &finding{
		kind: Orphan, entity: entity, subject: n.subject(TypeNode, "orphans"), severity: detect.Info, onset: s.now, witness: Agent, sure: 0.95,
		above: n.above(), hold: 60 * second, summary: o.String(), facts: o.facts,
	})
}

// NodeOrphans is how many of a node's ports and domains belong to nobody.
type NodeOrphans struct {
	Key   string // of the node
	Name  string
	Count int
}

// maxOrphanNodes is how many nodes are named with their orphans.
const maxOrphanNodes = 200

// orphanCounts returns the nodes with most orphans, most first; the last has no key
// where there are more nodes, and counts theirs.
func (s *Site) orphanCounts() []NodeOrphans {
	var all []NodeOrphans
	for _, n := range s.order {
		if n.orphans > 0 {
			all = append(all, NodeOrphans{n.key, n.name, n.orphans})
		}
	}
	slices.SortFunc(all, func(a, b NodeOrphans) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Key, b.Key)) })
	if len(all) > maxOrphanNodes {
		rest := NodeOrphans{}
		for i := range all[maxOrphanNodes:] {
			rest.Count += all[maxOrphanNodes+i].Count
		}
		all = append(all[:maxOrphanNodes:maxOrphanNodes], rest)
	}
	return all
}
