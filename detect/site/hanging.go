package site

import (
	"fmt"

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

// takesAlong makes of a finding about a silent switch that it is down, where all
// nodes that hang on it are silent since about the same time, and nobody sees any
// of their traffic either.
func (s *Site) takesAlong(sw *node, onset int64, f *finding) bool {
	if sw.carries {
		return false
	}
	all := s.hanging(sw)
	if len(all) < hangingLeast {
		return false
	}
	seen := false
	for _, n := range all {
		last := n.lastHeard()
		d := last - onset
		if w := s.window(n); !n.silent && s.quietFor(last) <= n.rhythm()*5/2 || d > w || d < -w || n.stopping > s.now {
			return false
		}
		v := s.neighbours(n, max(onset, last))
		if v.after != 0 {
			return false
		}
		seen = seen || v.known
	}
	f.kind, f.severity = NodeDown, detect.Critical
	f.sure = probability(prior + weightSilent*float64(1+min(len(all), 3)))
	f.summary = fmt.Sprintf("silent, and so are all %d nodes that hang on it", len(all))
	f.facts = append(f.facts, Noted{
		At: at(onset), LastGood: at(onset), Group: "hanging", Weight: weightSilent * float64(min(len(all), 3)),
		What: fmt.Sprintf("nothing since of all %d nodes that are attached to it alone", len(all)),
	})
	if !seen {
		f.sure = min(f.sure, 0.95)
		f.blind = "nobody else sees their traffic: whether it is down, or only the way from it to here, cannot be told"
	}
	return true
}
