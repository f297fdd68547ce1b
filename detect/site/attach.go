package site

import (
	"slices"

	"weir/detect/site/incident"
)

// attachment is a port of a switch at which a node's own address enters.
type attachment struct {
	port *port
	at   int64 // last seen there, ns
}

// Bounds of attachments.
const (
	maxAttachments = 8
	attachedFor    = 600 * second // before the node was heard last; then it was moved
)

// attached notes that a node is seen to be attached to a port.
func (n *node) attached(p *port, at int64) {
	for i := range n.points {
		if n.points[i].port == p {
			n.points[i].at = max(n.points[i].at, at)
			return
		}
	}
	if len(n.points) < maxAttachments {
		n.points = append(n.points, attachment{p, at})
		return
	}
	oldest := 0
	for i := range n.points {
		if n.points[i].at < n.points[oldest].at {
			oldest = i
		}
	}
	n.points[oldest] = attachment{p, at}
}

// nearer reports whether p is nearer to the nodes seen at it than q: links between
// switches carry the addresses of more nodes, and where few are known they are
// faster at least.
func (p *port) nearer(q *port) bool {
	if len(p.attached) != len(q.attached) {
		return len(p.attached) < len(q.attached)
	}
	return p.speed < q.speed && p.speed > 0
}

// attachments are the ports that a node is attached to, each group once. Uplinks of
// the switches carry the addresses of more nodes than the ports that it is at.
func (n *node) attachments() (all []*port) {
	if n.switchPort == nil {
		return nil
	}
	all = append(all, n.switchPort.point())
	most, newest := len(n.switchPort.attached), int64(0)
	for _, x := range n.points {
		newest = max(newest, x.at)
	}
	for _, x := range n.points {
		p := x.port.point()
		if len(x.port.attached) <= most && slices.Contains(x.port.attached, n) && !x.port.node.carries && newest-x.at < attachedFor && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// unplugged reports whether all that a node is attached to went down since about a
// time.
func (n *node) unplugged(onset int64) bool {
	all := n.attachments()
	for _, p := range all {
		if !p.counted || p.up() || p.gone || p.changed <= onset-60*second {
			return false
		}
	}
	return len(all) > 0
}

// switchWait is at most how long a silent node waits for its switch to be found
// silent.
const switchWait = 2 * second

// waitForSwitch is how long a silent node waits for what it is attached to: while
// all of that is quiet for longer than usual, that may be the cause, and what was
// seen of the node's traffic may be the last of it.
func (s *Site) waitForSwitch(n *node, v *view) (wait int64) {
	for _, p := range n.attachments() {
		sw := p.node
		usual, quiet := sw.rhythm(), s.quietFor(sw.lastHeard())
		if usual == 0 || !sw.silent && quiet < usual*3/2 {
			return 0
		}
		if left := s.bound(sw) - quiet; left > 0 {
			wait = max(wait, left+second/2)
		}
		if v.after != 0 && v.after < sw.lastHeard()+straggles && !sw.carries {
			wait = switchWait
		}
	}
	return min(wait, switchWait)
}

// holdForSwitch lets a silent node that waits do so while it will show soon whether
// the switch that it hangs on has fallen.
func (s *Site) holdForSwitch(n *node, c *condition) {
	if c.open || n.switchPort == nil || s.now-c.raised >= holdsFor {
		return
	}
	if s.falls(n.switchPort.point().node) {
		if it := s.board.Find(conditionKey(c.kind, c.entity)); it != nil && it.Parent() == nil {
			s.board.Hold(it, s.now+second/2)
		}
	}
}

// holdsFor is at most how long that is.
const holdsFor = 5 * second

// Explains implements incident.Events: what befalls a switch, or a port of it,
// explains nothing of a node that is attached elsewhere too, unless that is lost as
// well.
func (s *Site) Explains(cause, effect *incident.Item[*condition]) bool {
	n, sw := effect.Value.node, cause.Value.node
	if n == nil || sw == nil || n == sw || commonCause(cause) {
		return true
	}
	if b := sw.bridges[cause.Value.subject.Name]; cause.Value.kind == BridgeDown && effect.Value.kind == InterfaceDown {
		return b != nil && b.unplugged() // they are the two ends of one link
	}
	all := n.attachments()
	if len(all) < 2 {
		return true
	}
	for _, p := range all {
		switch {
		case p.node == sw && (cause.Entity == sw.self() || cause.Entity == p.entity() || p.joined() != 0 && cause.Entity == sw.lagEntity(p.joined())):
		case p.counted && !p.up(), p.gone, p.node.silent, s.active(NodeDown, p.node.self()) != nil:
		default:
			return false
		}
	}
	return true
}
