package site

import "slices"

// An address that begins to send at another node has moved, as live migrations do,
// or two have it: VRRP, anycast, a cloned image. That shows in who goes on. Until
// then it stays where it was.
const (
	contestHome  = 10 * second  // the old home sent as lately: else it has moved at once
	contestLate  = 3 * second   // what was sent before the move may be told of so much later
	contestFor   = 5 * second   // of the old home's silence, after which it has moved
	contestQuiet = 600 * second // of one of two that have it, after which it is the other's
)

// contested reports whether an address that p claims may still be old's.
func (s *Site) contested(old, p *port) bool {
	if old == nil || old.node == p.node || old.gone || old.act.txAt == 0 || s.now-old.act.txAt >= contestHome {
		return false
	}
	// A host agent has said that the instance is here now, and nobody's there.
	return p.inst == nil || p.inst.saidAt == 0 || old.inst != nil
}

// contest notes that an address sends at p too.
func (s *Site) contest(a *address, p *port) {
	if a.rival == p {
		return
	}
	if a.rival == nil {
		s.contests = append(s.contests, a)
	}
	a.rival, a.rivalAt = p, s.now
}

// judgeContests settles whose the addresses are that send at two nodes.
func (s *Site) judgeContests() {
	s.contests = slices.DeleteFunc(s.contests, func(a *address) bool {
		home, rival := a.home, a.rival
		if rival == nil { // settled otherwise
			return true
		}
		limit := contestFor
		if a.many {
			limit = contestQuiet
		}
		switch {
		case rival.left():
			s.settle(a)
		case home == nil || home.left(), rival.act.txAt > home.act.txAt && s.now-max(home.act.txAt, a.rivalAt) > limit:
			s.settle(a)
			s.housed(a, rival, s.now)
		case a.many && s.now-rival.act.txAt > contestQuiet:
			s.settle(a)
		case !a.many && home.act.txAt > a.rivalAt+contestLate:
			a.many, s.watching = true, true
			return false
		default:
			return false
		}
		return true
	})
}

// settle ends the contest for an address: it has one home.
func (s *Site) settle(a *address) {
	if a.many {
		a.many, s.watching = false, true
	}
	a.rival = nil
}

// left reports whether a port is there no more.
func (p *port) left() bool { return p.gone || p.node.ports[p.index] != p }

// sends is when an address sent last at a port other than p, of those that have it;
// 0 never.
func (a *address) sends(p *port) (last int64) {
	for _, o := range [...]*port{a.home, a.rival} {
		if o != nil && o != p {
			last = max(last, o.act.txAt)
		}
	}
	return last
}
