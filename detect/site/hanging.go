package site

import (
	"fmt"
	"slices"

	"weir/detect"
)

// hangingLeast is how many nodes must hang on a switch for their silence to tell
// that it is down.
const hangingLeast = 2

// hanging are the nodes that are attached to a switch and to nothing else, at ports
// of their own: at one of several nodes these may be beyond it.
func (s *Site) hanging(sw *node) (all []*node) {
	for _, n := range s.order {
		ports := n.attachments()
		if !n.heard || len(ports) == 0 || n == sw {
			continue
		}
		only := true
		for _, p := range ports {
			only = only && p.node == sw && len(p.attached) == 1
		}
		if only {
			all = append(all, n)
		}
	}
	return all
}

// fallenWith reports whether a switch is silent earlier than its own rhythm tells,
// as all nodes that hang on it have fallen silent: several of them for longer than
// loss explains, the others and the switch for longer than usual.
func (s *Site) fallenWith(sw *node) (silent bool, onset int64) {
	usual, last := sw.rhythm(), sw.lastHeard()
	if sw.carries || usual == 0 || s.quietFor(last) <= usual*5/2 {
		return false, 0
	}
	if s.mostLate(); len(s.lates) < groupLeast {
		return false, 0
	}
	fallen := 0
	for _, n := range s.hanging(sw) {
		if n.lastHeard() > last+s.window(n) || s.quietFor(n.lastHeard()) <= n.rhythm()*5/2 {
			return false, 0
		}
		if n.silent {
			fallen++
		}
	}
	return fallen >= groupLeast, last
}

// fallenUnder reports whether a node is silent as its switch was found down: with all
// that have said nothing for longer than usual.
func (s *Site) fallenUnder(n *node) (silent bool, onset int64, misses int) {
	onset = n.lastHeard()
	usual, quiet := n.rhythm(), s.quietFor(onset)
	if n.switchPort == nil || usual == 0 || quiet <= usual*5/2 {
		return false, 0, 0
	}
	sw := n.switchPort.point().node
	c := s.active(NodeDown, sw.self())
	if c == nil || c.clearing != 0 || c.taken == 0 || onset > c.onset+s.window(n) || !slices.Contains(s.hanging(sw), n) {
		return false, 0, 0
	}
	return true, onset, int(quiet / usual)
}

// fall is what is known of whether a switch has fallen with all that hang on it.
type fall struct {
	nodes   int  // that are silent since about the same time
	seen    bool // traffic of some used to be seen elsewhere
	unclear bool // of some it will show soon
	lull    bool // traffic of some was seen until a moment ago
	nats    float64
}

// fell looks at the nodes that hang on a switch that is silent since onset; ok is
// false where one of them lives. Who was silent before, and who said that it would
// stop, says nothing of the switch.
func (s *Site) fell(sw *node, onset int64) (x fall, ok bool) {
	for _, n := range s.hanging(sw) {
		last, usual := n.lastHeard(), n.rhythm()
		d, w, quiet := last-onset, s.window(n), s.quietFor(last)
		switch {
		case n.stopping > s.now, d < -w && n.silent:
			continue
		case d > w, d < -w, d > settle && !n.silent && quiet <= usual*3/2:
			return x, false // it has spoken since
		case !n.silent && quiet <= usual*5/2:
			x.unclear = true
			continue
		}
		v := s.neighbours(n, max(onset, last))
		switch {
		case v.after == 0 || v.lull:
		case v.after > max(onset, last)+straggles:
			return x, false // it sends as ever
		default:
			x.unclear = true
		}
		x.nodes++
		x.seen = x.seen || v.known
		x.lull = x.lull || v.lull
		x.nats += max(v.nats, v.stopped)
	}
	x.unclear = x.unclear || x.lull && x.nats < decided
	return x, x.nodes >= hangingLeast
}

// mayFall reports whether it will show soon that a silent switch has fallen with what
// hangs on it: some are not late enough to tell.
func (s *Site) mayFall(sw *node, onset int64) bool {
	if sw.carries {
		return false
	}
	x, ok := s.fell(sw, onset)
	return ok && x.unclear
}

// takesAlong makes of a finding about a silent switch that it is down, where all
// nodes that hang on it are silent since about the same time, and nobody sees any
// of their traffic either.
func (s *Site) takesAlong(sw *node, onset int64, f *finding) bool {
	if sw.carries {
		return false
	}
	x, ok := s.fell(sw, onset)
	if !ok || x.unclear {
		return false
	}
	f.kind, f.severity, f.taken = NodeDown, detect.Critical, x.nodes+1
	f.sure = probability(prior + weightSilent*float64(1+min(x.nodes, 3)))
	f.summary = fmt.Sprintf("silent, and so are all %d nodes that hang on it", x.nodes)
	f.facts = append(f.facts, Noted{
		At: at(onset), LastGood: at(onset), Group: "hanging", Weight: weightSilent * float64(min(x.nodes, 3)),
		What: fmt.Sprintf("nothing since of all %d nodes that are attached to it alone", x.nodes),
	})
	if !x.seen {
		f.sure = min(f.sure, 0.95)
		f.blind = "nobody else sees their traffic: whether it is down, or only the way from it to here, cannot be told"
	}
	return true
}
