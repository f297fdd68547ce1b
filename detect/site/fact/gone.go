package fact

// goneAfter returns how long after its last poll something is gone, when its
// agent goes on: three polls.
func goneAfter(period int64) int64 {
	if period == 0 {
		return 90 * second
	}
	return 3*period + second/2
}

// tellGone tells of ports and hosts of an agent that are no longer polled
// while their sub-agent, or all of the agent, goes on.
func (g *Gatherer) tellGone(a *agent, ns int64) {
	kept := a.list[:0]
	for _, p := range a.list {
		d := ns - p.at
		if !p.gone && d > goneAfter(p.polls.apart(p.period)) && a.beats(p.at, p.period) {
			p.gone = true
			g.tell(Fact{Kind: PortGone, Agent: a.number, Sub: p.sub, Index: p.index, At: p.at, A: uint64(p.period)})
		}
		if !p.gone {
			g.unpolled(a, p)
		}
		if p.gone && d > forgetAfter && !p.active {
			delete(a.ports, p.index)
			if a.macs[p.mac] == p {
				delete(a.macs, p.mac)
			}
			a.recent[p.index%uint32(len(a.recent))] = nil
			continue
		}
		kept = append(kept, p)
	}
	clear(a.list[len(kept):])
	a.list = kept
	hosts := a.hosts[:0]
	for _, h := range a.hosts {
		d := ns - h.at
		if !h.gone && d > goneAfter(h.period) && a.beats(h.at, h.period) {
			h.gone = true
			g.tell(Fact{Kind: HostGone, Agent: a.number, Sub: h.sub, Index: h.src.Index, At: h.at, A: uint64(h.src.Class), B: uint64(h.period)})
		}
		if h.gone && d > forgetAfter {
			continue
		}
		hosts = append(hosts, h)
	}
	clear(a.hosts[len(hosts):])
	a.hosts = hosts
}

// beats reports whether the agent's counters went on for two polls after at.
func (a *agent) beats(at, period int64) bool {
	last := a.main.beat
	for _, s := range a.subs {
		last = max(last, s.beat)
	}
	return last-at > 2*max(period, second/10)
}
