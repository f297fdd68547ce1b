package site

import (
	"fmt"
	"strings"

	"weir/detect"
)

// goneWait is how long ports that are polled no more wait for what takes them along
// to be found: their bridge, their node, their instance's end.
const goneWait = 6 * second

// judgeGone tells, as one event, of ports that are polled no more while their agent
// goes on. By itself that is no alarm: they were deleted, moved or left out.
func (s *Site) judgeGone(n *node) {
	kept, told := n.left[:0], []*port(nil)
	for _, p := range n.left {
		switch d := s.now - p.missedAt; {
		case !p.gone || n.ports[p.index] != p || p.removed != 0 || s.goneWith(p): // it is back, or told of with its cause
		case d < goneWait:
			kept = append(kept, p)
			n.next = min(n.next, p.missedAt+goneWait)
		default:
			told = append(told, p)
		}
	}
	clear(n.left[len(kept):])
	n.left = kept
	if len(told) == 0 {
		return
	}
	p := told[0]
	f := &finding{
		kind: PortGone, entity: p.entity(), subject: s.interfaceSubject(p), severity: detect.Info, onset: p.goneAt + max(p.polled, second), good: p.goneAt,
		witness: Passive, sure: 0.99, above: n.above(), event: true, summary: "is polled no more while its agent goes on",
	}
	f.subject.IfIndex = p.index
	if p.instance {
		f.subject = p.instanceSubject()
	}
	if len(told) > 1 {
		var names []string
		for _, p := range told {
			names = append(names, p.label())
		}
		text := strings.Join(names[:min(len(names), 8)], ", ")
		if more := len(names) - 8; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		f.entity, f.subject = n.entity("ports", ""), n.subject(TypeNode, "ports")
		f.summary = fmt.Sprintf("%d ports are polled no more while their agent goes on: %s", len(told), text)
	}
	for _, p := range told[:min(len(told), 16)] {
		f.facts = append(f.facts, Noted{At: at(p.goneAt + max(p.polled, second)), LastGood: at(p.goneAt), Group: "counters", From: n.label(), What: "counters of " + p.label(), Before: statusText(p.status), After: "none"})
	}
	s.raise(n, f)
}

// goneWith reports whether a port's end is told of by something else.
func (s *Site) goneWith(p *port) bool {
	if b := p.bridge; b != nil && (b.gone || b.removed || s.active(BridgeDown, b.entity()) != nil || s.active(TelemetrySilent, b.entity()) != nil) {
		return true
	}
	if st := s.streams[streamKey{p.number, p.sub}]; p.datapath == 0 && st != nil && st.boot > p.goneAt {
		return true // hsflowd polls what it has sampled since it was started
	}
	if p.act.movedAt != 0 && len(p.macs) == 0 {
		return true // who was behind it has moved
	}
	if i := p.inst; i != nil && (i.unseen || i.leaving != 0 || s.active(InstanceStopped, i.entity()) != nil) {
		return true
	}
	// Who is on the node tells of it himself.
	return p.node.agentSpeaks(s.now) || s.active(BridgeDown, p.node.entity("vswitch", "")) != nil
}
