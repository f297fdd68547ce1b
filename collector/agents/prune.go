package agents

import "time"

// prune makes room at an agent that is at a limit of its own: it forgets
// interfaces, data sources and hosts silent for an hour. Ports and instances
// come and go, each with a new number.
func (r *Registry) prune(a *agent) {
	if d := r.curAt - a.pruned; d >= 0 && d < int64(pruneEvery) {
		return
	}
	a.pruned = r.curAt
	silent := func(at int64) bool { return time.Duration(r.curAt-at) > idleUnknown }
	for k, s := range a.sources {
		switch {
		case silent(s.at):
			delete(a.sources, k)
			r.sh.sources.Add(-1)
			if s.sub.pools.from == s {
				s.sub.pools = poolWatch{}
			}
		case s.iface != nil && silent(s.iface.at):
			s.iface = nil
		}
	}
	if a.recent != nil {
		*a.recent = [recentSources]*source{}
	}
	r.curSrc, r.curIf = nil, nil
	a.mu.Lock()
	for k, i := range a.ifaces {
		if silent(i.at) {
			delete(a.ifaces, k)
			r.sh.interfaces.Add(-1)
		}
	}
	a.mu.Unlock()
	for k, h := range a.hosts {
		if silent(h.at) {
			delete(a.hosts, k)
		}
	}
}
