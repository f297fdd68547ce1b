package agents

import (
	"net/netip"
	"sync"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
)

// Registry knows the agents of one shard. All methods belong to the shard's
// goroutine.
type Registry struct {
	sh     *Shared
	agents map[pair]*agent
	recent []*agent // a cache in front of agents: a power of two of places
	epoch  uint32
	tick   uint64

	// The datagram whose events follow. cur is nil for one not admitted.
	cur    *agent
	curSub *sub
	curAt  int64 // ns
	curSrc *source
	curIf  *iface

	touched   []*agent // since the last tick
	changed   []*agent // since they were last published
	pending   []*agent // being published, some at each tick
	lastSweep int64
	movedGen  uint64          // of Shared, as last applied
	allow     *[]netip.Prefix // as last applied
	counts    counts
	records   records
	metric    sflow.RTMetric
	read      map[uint64]bool // formats, by kind of sample: whether somebody reads them

	labelGen uint64   // of Shared, as last applied
	toLabel  []*agent // to get their new labels, some at each tick

	spare        source // see stranger
	spareDomains localDomains

	infos   map[uint32]*AgentInfo // by number, as of the last Publish
	served  uint64                // value of Shared.wanted at the last Publish
	lastPub int64                 // ns

	mu       sync.Mutex // guards what follows
	pub      Totals
	snapshot []*AgentInfo // immutable
}

// NewRegistry returns the registry of one more shard.
func NewRegistry(sh *Shared) *Registry {
	r := &Registry{sh: sh, agents: map[pair]*agent{}, recent: make([]*agent, 64), allow: sh.allow.Load(), infos: map[uint32]*AgentInfo{}}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.registries = append(sh.registries, r)
	return r
}

// Arrival counts a datagram and remembers its agent for the events that
// follow. It reports whether the agent is admitted; of others nothing is kept,
// and the caller should detect nothing on their samples.
func (r *Registry) Arrival(a *decoder.Arrival) bool {
	r.counts.Datagrams++
	addr, source := a.Agent, a.From.Addr()
	if !addr.IsValid() || addr.IsUnspecified() {
		addr = source
	}
	key := pair{addr.As16(), source.As16()}
	ag := r.cur
	if ag == nil || ag.key != key {
		if ag = r.find(key); ag == nil {
			if ag = r.admit(key, addr, source, a.At); ag == nil {
				r.cur, r.curSub, r.curSrc, r.curIf = nil, nil, nil, nil
				return false
			}
		}
	}
	now := a.At.UnixNano()
	if gap := now - ag.last; gap > ag.gap {
		ag.gap = gap
	} else {
		ag.gap -= ag.gap >> 8
	}
	ag.last = now
	ag.datagrams++
	if ag.tick != r.tick {
		ag.tick = r.tick
		r.touched = append(r.touched, ag)
	}
	r.cur, r.curAt, r.curSrc, r.curIf = ag, now, nil, nil
	var s *sub
	if ag.datagrams > 1 && ag.main.id == a.SubAgent {
		s = &ag.main
	} else {
		s = r.sub(ag, a.SubAgent)
	}
	if r.curSub = s; s != nil {
		r.sequence(ag, s, a, now)
	}
	return true
}

// find returns a known agent.
func (r *Registry) find(key pair) *agent {
	recent := &r.recent[key.slot()&uint32(len(r.recent)-1)]
	if a := *recent; a != nil && a.key == key {
		return a
	}
	a := r.agents[key]
	if a != nil {
		*recent = a
	}
	return a
}

// grow keeps the cache twice as large as what it is for, within bounds.
func (r *Registry) grow() {
	if n := len(r.recent); n < 2*len(r.agents) && n < 1<<16 {
		r.recent = make([]*agent, 4*n)
	}
}

// sequence follows the datagram sequence of a sub-agent.
func (r *Registry) sequence(ag *agent, s *sub, a *decoder.Arrival, now int64) {
	if s.epoch != r.epoch {
		s.epoch = r.epoch
		s.gen++
		s.seq.forget()
	}
	st := s.seq.add(a.Sequence, uint32(now/1e6), a.Uptime)
	if st.lost != 0 {
		r.counts.lostDatagrams += int64(st.lost)
	}
	if st.duplicate {
		r.counts.DuplicateDatagrams++
	}
	if st.restarted {
		s.restarts++
		s.gen++
		r.counts.Restarts++
		if now-ag.noticed >= int64(time.Minute) {
			ag.noticed = now
			r.sh.notify(Notice{At: a.At, Kind: NoticeRestarted, Agent: ag.addr, Source: ag.source, Count: int(s.restarts)})
		}
	}
	s.before = 0
	if st.delta > 0 && !st.restarted && int32(a.Uptime-s.uptime) >= 0 {
		s.before = s.uptime
	}
	s.uptime, s.at = a.Uptime, now
}

// admit is the slow path of Arrival.
func (r *Registry) admit(key pair, addr, source netip.Addr, at time.Time) *agent {
	a, why := r.sh.admit(r, key, addr.Unmap(), source.Unmap(), at)
	switch why {
	case refusedAllow:
		r.counts.RefusedAllow++
	case refusedFull:
		r.counts.RefusedFull++
	case refusedRate:
		r.counts.RefusedRate++
	case admitted:
		a.tick = r.tick - 1 // not yet touched
		r.agents[key] = a
		r.grow()
		r.labelAgent(a)
	}
	return a
}

// Discard counts a discarded packet and fills the domain of its key.
func (r *Registry) Discard(d *decoder.Discard) {
	r.counts.DiscardSamples++
	if r.cur == nil {
		return
	}
	var src *source
	if r.curSub != nil {
		src = r.source(d.Sample.Source)
	}
	if src == nil {
		src = r.stranger(d.Sample.Source)
	} else {
		if src.discards == nil {
			src.discards = &tracker{}
		}
		st := src.discards.add(d.Sample.Sequence, uint32(r.curAt/1e6), 0)
		r.counts.lostDiscards += int64(st.lost)
	}
	d.Packet.Header.Key.Domain = r.domain(src, &d.Packet,
		sflow.Port{Value: d.Sample.Input}, sflow.Port{Value: d.Sample.Output})
}

// Tick publishes what others read and does what is due. It costs nothing for
// agents that did not speak since the last one.
func (r *Registry) Tick(now time.Time) {
	for i, a := range r.touched {
		a.pubLast.Store(a.last)
		a.pubGap.Store(a.gap)
		if !a.dirty {
			a.dirty = true
			r.changed = append(r.changed, a)
		}
		r.touched[i] = nil
	}
	r.touched = r.touched[:0]
	r.tick++
	r.sh.settle(now)
	r.relabel()
	if ns := now.UnixNano(); r.sweepDue(ns) {
		r.sweep(ns)
	}
	r.publishTotals()
	r.publishDue(now)
}

// sweepDue reports whether some agent may have to go.
func (r *Registry) sweepDue(ns int64) bool {
	allow, moved := r.sh.allow.Load(), r.sh.movedGen.Load()
	due := allow != r.allow || moved != r.movedGen
	r.allow, r.movedGen = allow, moved
	if due || !r.sh.full.Load() {
		return due
	}
	d := ns - r.lastSweep
	return d < 0 || d >= int64(sweepEvery)
}

// sweep forgets agents that moved, that are no longer allowed and, while the
// table is full, those long silent.
func (r *Registry) sweep(ns int64) {
	r.lastSweep = ns
	full := r.sh.full.Load()
	clear(r.recent)
	for key, a := range r.agents {
		silent := time.Duration(ns - a.last)
		old := silent > idleKnown || silent > idleUnknown && !a.established()
		if !a.moved.Load() && r.sh.allowed(a.addr, a.source) && !(full && old) {
			continue
		}
		delete(r.agents, key)
		if r.cur == a {
			r.cur, r.curSub, r.curSrc, r.curIf = nil, nil, nil, nil
		}
		a.gone = true
		if !a.dirty {
			a.dirty = true
			r.changed = append(r.changed, a)
		}
		r.sh.forget(a)
	}
}

// Epoch begins a new clock, as of now: a replay's time has jumped. Learned
// paces, rates and pools start anew, sequences are not compared across it, and
// no silence is counted.
func (r *Registry) Epoch(now time.Time) {
	r.epoch++
	ns := now.UnixNano()
	for _, a := range r.agents {
		a.last, a.gap = ns, 0
		a.pubLast.Store(ns)
		a.pubGap.Store(0)
		a.pubFirst.Store(min(a.pubFirst.Load(), ns))
	}
	r.sh.mu.Lock()
	defer r.sh.mu.Unlock()
	r.sh.tokensAt = ns
}
