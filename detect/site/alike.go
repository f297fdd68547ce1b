package site

import (
	"cmp"
	"slices"

	"weir/detect"
)

// alike returns the conditions of a kind below an entity of a node that one finding
// is to stand for: at least siblingsLeast that fit, that nothing else explains and
// that began together, the first of them first. It is nil where there are fewer, and
// while there is that finding, which ends once nothing is left below it.
func (s *Site) alike(n *node, kind detect.Kind, entity string, fit func(*condition) bool) []*condition {
	if s.active(kind, entity) != nil {
		if it := s.board.Find(conditionKey(kind, entity)); len(it.Children()) == 0 {
			s.clear(kind, entity, "")
			s.unsay(kind, entity, "")
		}
		return nil
	}
	below := s.board.Below(entity, string(kind))
	if len(below) < siblingsLeast {
		return nil
	}
	var all []*condition
	for _, it := range below {
		if c := it.Value; it.Parent() == nil && c.clearing == 0 && fit(c) {
			all = append(all, c)
		}
	}
	if all = s.atOnce(n, all); len(all) < siblingsLeast {
		return nil
	}
	return all
}

// atOnce returns those conditions of a node that began together, up to the newest,
// the first of them first.
func (s *Site) atOnce(n *node, all []*condition) []*condition {
	slices.SortFunc(all, byOnset)
	window := max(5*second, 3*s.period(n))
	for len(all) > 0 && all[len(all)-1].onset-all[0].onset > window {
		all = all[1:]
	}
	return all
}

// byOnset orders conditions by when they began.
func byOnset(a, b *condition) int {
	return cmp.Or(cmp.Compare(a.onset, b.onset), cmp.Compare(a.entity, b.entity))
}
