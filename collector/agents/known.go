package agents

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Known is an agent to remember over a restart of the collector: it is then
// admitted at once.
type Known struct {
	Agent  netip.Addr
	Source netip.Addr
	Name   string
	First  time.Time // heard
	Last   time.Time
}

// LoadKnown admits these agents whenever they speak. At most Limits.Agents are
// taken, those heard last, and none that fell silent a month before the last
// did; until they speak a place is kept for each. It returns how many were
// taken.
func (sh *Shared) LoadKnown(known []Known) int {
	byLast := slices.Clone(known)
	slices.SortStableFunc(byLast, func(a, b Known) int { return cmp.Compare(b.Last.UnixNano(), a.Last.UnixNano()) })
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := 0
	for _, k := range byLast {
		if sh.agents+len(sh.waiting) >= sh.limits.Agents {
			break
		}
		if !k.Agent.IsValid() || !k.Source.IsValid() || byLast[0].Last.Sub(k.Last) > forgetKnown {
			continue
		}
		sh.waiting[pair{k.Agent.As16(), k.Source.As16()}] = k
		n++
	}
	return n
}

// Known returns the agents to remember: those heard for longer than a minute,
// and those of the state file that have not spoken yet. It reads what the
// registries last published.
func (sh *Shared) Known() []Known {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	all := make([]Known, 0, sh.agents+len(sh.waiting))
	for _, k := range sh.waiting {
		all = append(all, k)
	}
	for _, claims := range sh.claims {
		for _, a := range claims {
			first, last := a.heardSince.Load(), a.pubLast.Load()
			if a.moved.Load() || !a.known && time.Duration(last-a.pubFirst.Load()) < establishedAfter {
				continue
			}
			a.mu.Lock()
			name := a.name
			a.mu.Unlock()
			all = append(all, Known{a.addr, a.source, name, instant(first), instant(last)})
		}
	}
	slices.SortFunc(all, func(a, b Known) int {
		return cmp.Or(a.Agent.Compare(b.Agent), a.Source.Compare(b.Source))
	})
	return all
}
