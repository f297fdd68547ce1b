package site

import (
	"fmt"
	"math"
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

// Who is seen at a switch by a share of what the others are, or only now and then, may
// be beyond it: there what is sent to all comes through, and by an uplink at which
// one node alone has been seen yet.
const (
	beyondShare = 1.0 / 8
	hangingSeen = seenLeast // samples that show that a node hangs there
)

// rack are the nodes that hang on a switch which is silent since a time, without
// those that may be beyond it: they have spoken since, so that it is not known by
// them that it lives.
func (s *Site) rack(sw *node, since int64) []*node {
	all := s.hanging(sw)
	least := math.Inf(1)
	spoke := func(n *node) bool { return n.lastHeard() > since+settle && !n.silent }
	for _, n := range all {
		if k, rate := s.seenAt(n, sw); k > 0 && !spoke(n) {
			least = min(least, rate)
		}
	}
	return slices.DeleteFunc(all, func(n *node) bool {
		k, rate := s.seenAt(n, sw)
		return spoke(n) && (k < hangingSeen || rate < beyondShare*least && !math.IsInf(least, 1))
	})
}

// seenAt is how many samples of what a node sends itself a switch has taken, and how
// many a second.
func (s *Site) seenAt(n, sw *node) (samples uint64, rate float64) {
	for _, m := range n.own {
		a := s.macs[m]
		if a == nil {
			continue
		}
		for i := range a.seen {
			x := s.current(&a.seen[i])
			if s.byNumber[x.number] != sw {
				continue
			}
			samples += x.n
			if x.recalled {
				rate += x.rate
			} else {
				rate += float64(x.n) / max(float64(s.now-x.first)/1e9, 1)
			}
		}
	}
	return samples, rate
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
	for _, n := range s.rack(sw, last) {
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
	lives   bool // one of the others does: nothing else is known then
	seen    bool // traffic of some used to be seen elsewhere
	unclear bool // of some it will show soon
	lull    bool // traffic of some was seen until a moment ago
	nats    float64
}

// fell looks at the nodes that hang on a switch that is silent since onset. Who was
// silent before, and who said that it would stop, says nothing of the switch.
func (s *Site) fell(sw *node, onset int64) (x fall) {
	for _, n := range s.rack(sw, onset) {
		last, usual := n.lastHeard(), n.rhythm()
		d, w, quiet := last-onset, s.window(n), s.quietFor(last)
		switch {
		case n.stopping > s.now, d < -w && n.silent:
			continue
		case d > w, d < -w, d > straggles && !n.silent && quiet <= usual*3/2:
			x.lives = true // it has spoken since
			return x
		case !n.silent && quiet <= usual*5/2:
			x.unclear = true
			continue
		}
		v := s.neighbours(n, max(onset, last))
		switch {
		case v.after == 0 || v.lull:
		case v.after > max(onset, last)+straggles:
			x.lives = true // it sends as ever
			return x
		default:
			x.unclear = true
		}
		x.nodes++
		x.seen = x.seen || v.known
		x.lull = x.lull || v.lull
		x.nats += max(v.nats, v.stopped)
	}
	x.unclear = x.unclear || x.lull && x.nats < decided
	return x
}

// missesBeats reports whether beats of a switch's own are missing, not only samples:
// these end with the traffic of its nodes.
func (s *Site) missesBeats(sw *node) bool {
	return slices.ContainsFunc(sw.streams, func(st *stream) bool {
		u := st.pace.Period()
		return st.beats && !st.retired && u > 0 && s.quietFor(st.pace.Last()) > u*5/2
	})
}

// falls reports whether a switch that is not yet known to be silent is late, and may
// have fallen with what hangs on it.
func (s *Site) falls(sw *node) bool {
	if usual := sw.rhythm(); sw.carries || usual == 0 || s.quietFor(sw.lastHeard()) < usual*3/2 || !s.missesBeats(sw) {
		return false
	}
	x := s.fell(sw, sw.lastHeard())
	return !x.lives && (x.unclear || x.nodes >= hangingLeast)
}

// mayFall reports whether it will show soon that a silent switch has fallen with what
// hangs on it: some are not late enough to tell.
func (s *Site) mayFall(sw *node, onset int64) bool {
	if sw.carries {
		return false
	}
	x := s.fell(sw, onset)
	return !x.lives && x.unclear && x.nodes > 0
}

// takesAlong makes of a finding about a silent switch that it is down, where all
// nodes that hang on it are silent since about the same time, and nobody sees any
// of their traffic either.
func (s *Site) takesAlong(sw *node, onset int64, f *finding) bool {
	if sw.carries {
		return false
	}
	x := s.fell(sw, onset)
	if x.lives || x.unclear || x.nodes < hangingLeast {
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
