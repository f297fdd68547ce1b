package agents

import (
	"net/netip"
	"slices"
	"time"
)

// settle decides about addresses claimed from several sources, and warns of
// sources with several agents. It runs at most once a second over all
// registries, and is O(1) while there is nothing to decide.
//
// A new source with a known agent address is an agent of its own at first:
// with its own sequences, in its own shard, so a move is never called loss or
// restart. If both are heard once the new one has begun, the address is
// contested and both stay. If the old one falls silent, it has moved, and is
// forgotten together with its number, which goes on finding the new one.
func (sh *Shared) settle(now time.Time) {
	ns := now.UnixNano()
	last := sh.lastSettle.Load()
	if d := ns - last; d >= 0 && d < int64(settleEvery) || !sh.lastSettle.CompareAndSwap(last, ns) {
		return
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for addr := range sh.unsettled {
		if sh.settleAddress(addr, now) {
			delete(sh.unsettled, addr)
		}
	}
	for source := range sh.unwarned {
		b := sh.behind[source]
		if d := ns - b.since; d >= 0 && d < int64(warnSourceAfter) {
			continue
		}
		delete(sh.unwarned, source)
		if b.agents > 1 {
			b.warned = true
			slices.SortFunc(b.some, netip.Addr.Compare)
			sh.notify(Notice{At: now, Kind: NoticeSharedSource, Source: source, Count: b.agents, Agents: b.some})
		}
	}
}

// settleAddress reports whether nothing more is to be decided about addr.
func (sh *Shared) settleAddress(addr netip.Addr, now time.Time) bool {
	claims := sh.claims[addr]
	if len(claims) < 2 {
		return true
	}
	newest := claims[len(claims)-1]
	began := newest.pubFirst.Load()
	heard := newest.pubLast.Load()
	open := false
	for _, old := range claims[:len(claims)-1] {
		if old.moved.Load() {
			continue
		}
		last := old.pubLast.Load()
		switch {
		case last > began+int64(overlapAfter):
			fresh := !old.contested.Swap(true)
			if !newest.contested.Swap(true) || fresh {
				sh.contests.Add(1)
			}
			if fresh {
				sh.notify(Notice{At: now, Kind: NoticeContested, Agent: addr, Source: newest.source, Count: len(claims)})
			}
		case heard-last >= max(int64(moveAfter), 3*old.pubGap.Load()):
			old.moved.Store(true)
			sh.movedGen.Add(1)
			old.contested.Store(false)
			newest.heardSince.Store(min(old.heardSince.Load(), newest.heardSince.Load()))
			sh.notify(Notice{At: now, Kind: NoticeMoved, Agent: addr, Source: newest.source, Count: len(claims)})
		default:
			open = true
		}
	}
	return !open
}
