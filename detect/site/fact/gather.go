package fact

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// MaxFacts bounds the facts of one Gatherer that wait for the model.
const MaxFacts = 65536

// MaxSaid bounds the statements of one agent that are followed.
const MaxSaid = 8192

// Further bounds of one Gatherer.
const (
	maxPorts  = 4096 // of one agent
	maxHosts  = 1024 // of one agent
	maxSubs   = 64   // of one agent
	maxPoints = 8192 // data sources of one agent

	second      = int64(time.Second)
	millisecond = int64(time.Millisecond)
	forgetAfter = int64(time.Hour) // an agent that is silent is forgotten
)

// Gatherer turns the events of one shard into facts. All methods but Take,
// Watch and Stats belong to the shard's goroutine.
type Gatherer struct {
	agents map[uint32]*agent
	cur    *agent
	sub    *sub
	at     int64

	touched []*sub
	points  []*point // with samples since the last tick
	active  []*port  // with samples since their last fact
	rounds  []*agent // of the walk over all agents
	watch   *Watchlist
	sights  map[sight]*sighting
	places  map[place]*placed
	keys    keyring
	seed    maphash.Seed // of digests: senders choose what is hashed

	records records
	facts   []Fact
	lost    uint64
	urgent  bool
	lastRun int64

	refused atomic.Uint64 // statements and sights for which there was no place
	next    atomic.Pointer[Watchlist]
	ticked  atomic.Int64 // ns, the last Tick

	mu    sync.Mutex // guards what follows
	ready []Fact
	drops uint64 // since Take
}

// NewGatherer returns a Gatherer that tells authenticated statements by keys.
func NewGatherer(keys Keys) *Gatherer {
	return &Gatherer{agents: map[uint32]*agent{}, sights: map[sight]*sighting{}, places: map[place]*placed{}, keys: newKeyring(keys), seed: maphash.MakeSeed()}
}

// agent is what a Gatherer keeps of one agent. About 300 octets, 150 more for
// each port.
type agent struct {
	number   uint32
	last     int64
	main     sub
	subs     []*sub
	ports    map[uint32]*port
	list     []*port // the same, in the order they were met
	recent   [16]*port
	macs     map[[6]byte]*port // of instances' ports, by the address last seen to send
	points   []*point          // by number of the data source
	sampled  map[uint32]*point // those of interfaces, by index
	hosts    []*host
	said     map[string]*spoken
	events   [64]uint64 // hashes of the last ids
	nextID   int
	discards discards
	taps     bool // it has, or had, an instance's port
	signer   *witness.Signer
	keyed    bool // it has a key of its own
}

// sub is one sub-agent.
type sub struct {
	agent  *agent
	id     uint32
	n      uint32 // datagrams since the last tick
	flows  uint32 // flow samples since the last tick
	seq    sflow.Seq
	uptime uint32
	at     int64
	boot   int64  // at - uptime
	beat   int64  // last datagram with counters or a heartbeat
	holes  uint32 // datagrams that were missing, in all
	voices voices
	whole  *point // that samples a bridge of Open vSwitch as a whole
}

// Arrival begins a datagram of the agent with this number; 0 is one whose
// events are not followed.
func (g *Gatherer) Arrival(a *decoder.Arrival, number uint32) {
	if number == 0 {
		g.cur, g.sub = nil, nil
		return
	}
	g.at = a.At.UnixNano()
	ag := g.cur
	if ag == nil || ag.number != number {
		if ag = g.agents[number]; ag == nil {
			ag = g.meet(a, number)
		}
		g.cur = ag
	}
	ag.last = g.at
	s := &ag.main
	if s.id != a.SubAgent {
		s = ag.find(a.SubAgent)
	}
	g.sub = s
	if s == nil {
		return
	}
	if s.n == 0 {
		g.touched = append(g.touched, s)
	}
	s.n++
	boot := g.at - int64(a.Uptime)*millisecond
	if last := (voice{boot: s.boot, seq: s.seq}); s.at != 0 && !last.is(boot, a.Sequence) {
		g.another(s, a, boot)
	}
	if gap := uint32(a.Sequence - s.seq - 1); gap > 0 {
		s.holes += min(gap, voiceJump) // what comes late, or anew, is many
	}
	s.seq, s.uptime, s.at, s.boot = a.Sequence, a.Uptime, g.at, boot
}

// meet is the slow path of Arrival.
func (g *Gatherer) meet(a *decoder.Arrival, number uint32) *agent {
	ag := &agent{number: number}
	ag.main = sub{agent: ag, id: a.SubAgent}
	g.agents[number] = ag
	from := a.From.Addr().Unmap()
	ag.signer, ag.keyed = g.keys.of(a.Agent.Unmap(), from)
	g.tell(Fact{Kind: Sender, Agent: number, Sub: a.SubAgent, At: g.at, Detail: &Detail{Agent: a.Agent.Unmap(), Source: from, Keyed: ag.keyed}})
	return ag
}

// find returns a further sub-agent, nil where there are too many.
func (a *agent) find(id uint32) *sub {
	for _, s := range a.subs {
		if s.id == id {
			return s
		}
	}
	if len(a.subs) >= maxSubs {
		return nil
	}
	s := &sub{agent: a, id: id}
	a.subs = append(a.subs, s)
	return s
}

// tell gathers one fact.
func (g *Gatherer) tell(f Fact) {
	if len(g.facts) >= MaxFacts {
		g.lost++
		return
	}
	g.facts = append(g.facts, f)
}

// Urgent reports whether something was told since the last Tick that should not
// wait for the next.
func (g *Gatherer) Urgent() bool { return g.urgent }

// Tick hands over what was gathered: two buffers change places under the lock.
// While the model has not taken the last one, what is gathered waits.
func (g *Gatherer) Tick(now time.Time) {
	ns := now.UnixNano()
	for i, s := range g.touched {
		g.tell(Fact{
			Kind: Alive, Agent: s.agent.number, Sub: s.id, At: s.at,
			A: uint64(s.seq)<<32 | uint64(s.n), B: uint64(s.uptime)<<32 | uint64(s.flows), C: uint64(s.beat),
		})
		s.n, s.flows = 0, 0
		g.touched[i] = nil
	}
	g.touched = g.touched[:0]
	for i, p := range g.points {
		g.tell(Fact{Kind: Forwards, Agent: p.agent, Sub: p.sub, Index: p.index, At: p.at, A: uint64(p.n), B: uint64(p.out), C: uint64(p.input)})
		p.n, p.out = 0, 0
		g.points[i] = nil
	}
	g.points = g.points[:0]
	g.tellActive(ns)
	if d := ns - g.lastRun; d >= second/10 || d < 0 {
		g.lastRun = ns
		g.round(ns)
	}
	g.watch = g.next.Load()
	g.urgent = false
	g.ticked.Store(ns)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drops += g.lost
	g.lost = 0
	if len(g.ready) == 0 {
		g.ready, g.facts = g.facts, g.ready[:0]
	}
}

// round looks at a tenth of all agents for ports and hosts that are no longer
// told of.
func (g *Gatherer) round(ns int64) {
	if len(g.rounds) == 0 {
		for _, a := range g.agents {
			g.rounds = append(g.rounds, a)
		}
		slices.SortFunc(g.rounds, func(a, b *agent) int { return cmp.Compare(b.number, a.number) })
	}
	n := min(len(g.agents)/10+1, len(g.rounds))
	for _, a := range g.rounds[len(g.rounds)-n:] {
		if ns-a.last > forgetAfter {
			delete(g.agents, a.number)
			if g.cur == a {
				g.cur, g.sub = nil, nil
			}
			continue
		}
		g.tellGone(a, ns)
	}
	g.rounds = g.rounds[:len(g.rounds)-n]
	if len(g.rounds) == 0 {
		g.pruneSights(ns)
	}
}

// Take moves the facts handed over into buf, which it returns, with how many
// were dropped since the last call. Any goroutine may call it.
func (g *Gatherer) Take(buf []Fact) ([]Fact, uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	buf = append(buf, g.ready...)
	clear(g.ready)
	g.ready = g.ready[:0]
	d := g.drops
	g.drops = 0
	return buf, d
}

// Refused returns how many statements, and sights of addresses, found no place: an
// agent may invent what it likes. Unlike facts that are dropped they hide nothing of
// what others say. Any goroutine may call it.
func (g *Gatherer) Refused() uint64 { return g.refused.Load() }

// Ticked returns the time of the last Tick, in ns, 0 before the first. Any
// goroutine may call it.
func (g *Gatherer) Ticked() int64 { return g.ticked.Load() }

// SetWatch gives the list of MAC addresses to watch, from the next Tick on. Any
// goroutine may call it.
func (g *Gatherer) SetWatch(w *Watchlist) { g.next.Store(w) }

// Reset forgets everything: the clock jumped. Facts told but not taken are lost.
func (g *Gatherer) Reset() {
	clear(g.agents)
	clear(g.sights)
	clear(g.places)
	clear(g.points)
	clear(g.touched)
	clear(g.active)
	g.cur, g.sub, g.points, g.touched, g.active, g.rounds = nil, nil, g.points[:0], g.touched[:0], g.active[:0], nil
	clear(g.facts)
	g.facts, g.lost, g.urgent = g.facts[:0], 0, false
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.ready)
	g.ready = g.ready[:0]
}
