package traffic

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// Network is a Config at work. It is not safe for concurrent use.
type Network struct {
	cfg    Config
	routes *routes
	agents []*agent
	rng    *rand.Rand // of loss and reordering, apart from the sampling

	now    time.Duration // end of the last tick
	static []Flow        // yet to start
	next   Flow          // of Arrive
	more   bool          // next is valid
	count  int           // flows admitted
	active []*flow
	truth  []Truth

	events queue[event] // of a thin network

	queue queue[pending] // by arrival
	free  [][]byte       // payloads to be used again
	given []byte         // the payload that the caller has
}

// New starts a network. It panics where the Config names what is not there: a
// scenario is part of a program, not input.
func New(c Config) *Network {
	if c.Tick == 0 {
		c.Tick = defaultTick
	}
	if c.Thin && c.Truth > 0 {
		panic("traffic: Thin keeps no Truth")
	}
	n := &Network{cfg: c, routes: newRoutes(&c), rng: rand.New(rand.NewPCG(c.Seed, 0))}
	for i, a := range c.Agents {
		n.agents = append(n.agents, newAgent(n, a, i))
	}
	n.static = slices.Clone(c.Flows)
	slices.SortStableFunc(n.static, func(x, y Flow) int { return cmp.Compare(x.Start, y.Start) })
	n.pull()
	return n
}

// Now returns how far the simulated clock is.
func (n *Network) Now() time.Time { return n.cfg.Start.Add(n.now) }

// Stats returns what agent i of the Config sent so far.
func (n *Network) Stats(i int) AgentStats { return n.agents[i].stats }

// PortCounters returns the true counters of a port so far: octets include the FCS.
func (n *Network) PortCounters(e End) (inOctets, inPackets, outOctets, outPackets uint64) {
	p := n.agents[e.Agent].ports[e.Port]
	if n.cfg.Thin {
		p.thinCounters(n.now)
	}
	return p.inOctets, p.inPackets, p.outOctets, p.outPackets
}

// Next returns the next datagram in order of arrival, false at the end of
// Config.Duration. The payload is valid until the next call.
func (n *Network) Next() (Datagram, bool) {
	if n.given != nil {
		n.free = append(n.free, n.given)
		n.given = nil
	}
	for len(n.queue.items) == 0 || n.queue.items[0].at > n.now {
		if n.cfg.Duration > 0 && n.now >= n.cfg.Duration {
			if len(n.queue.items) == 0 {
				return Datagram{}, false
			}
			break // what is under way still arrives
		}
		n.tick()
	}
	p := n.queue.pop()
	n.given = p.item.payload
	return Datagram{At: n.cfg.Start.Add(p.at), From: p.item.from, Payload: p.item.payload}, true
}

// tick moves the clock by one tick.
func (n *Network) tick() {
	t := n.now + n.cfg.Tick
	if n.cfg.Duration > 0 {
		t = min(t, n.cfg.Duration)
	}
	n.admit(t)
	if n.cfg.Thin {
		n.thinTick(t)
	}
	kept := n.active[:0]
	for _, f := range n.active {
		n.move(f, t)
		if f.Stop == 0 || f.Stop > t {
			kept = append(kept, f)
		}
	}
	clear(n.active[len(kept):])
	n.active = kept
	for _, a := range n.agents {
		a.tick(t)
		if t == n.cfg.Duration {
			a.end(t)
		}
	}
	n.now = t
}

// move sends the packets of f that are due at t.
func (n *Network) move(f *flow, t time.Duration) {
	due := f.due(t)
	if due <= f.sent {
		return
	}
	packets, octets := due-f.sent, f.sum(due)-f.sum(f.sent)
	for i := range f.hops {
		h := &f.hops[i]
		h.in.inPackets += packets
		h.in.inOctets += octets
		h.out.outPackets += packets
		h.out.outOctets += octets
		if h.source != nil {
			h.agent.pass(h.source, f, h, f.sent, packets)
		}
		if h.egress != nil {
			h.agent.pass(h.egress, f, h, f.sent, packets)
		}
	}
	f.sent = due
	n.record(f, packets, octets, t)
}

// admit makes the flows active that start before t.
func (n *Network) admit(t time.Duration) {
	for len(n.static) > 0 && n.static[0].Start < t {
		n.add(n.static[0])
		n.static = n.static[1:]
	}
	for n.more && n.next.Start < t {
		n.add(n.next)
		n.pull()
	}
}

func (n *Network) pull() {
	n.more = false
	if n.cfg.Arrive != nil {
		n.next, n.more = n.cfg.Arrive()
	}
}

func (n *Network) add(c Flow) {
	if len(c.Frames) == 0 {
		c.Frames = []int{defaultFrame}
	}
	f := &flow{Flow: c, id: n.count}
	n.count++
	for _, s := range c.Frames {
		if s < minFrame || s > 65535 || c.Rate == 0 {
			panic(fmt.Sprintf("traffic: flow %d: frame of %d octets at %d bit/s", f.id, s, c.Rate))
		}
		f.before = append(f.before, f.cycle)
		f.cycle += uint64(s)
	}
	if f.Path == nil {
		path, err := n.routes.path(c.Src, c.Dst)
		if err != nil {
			panic(fmt.Sprintf("traffic: flow %d: %v", f.id, err))
		}
		f.Path = path
	}
	ttl, from := uint8(64), n.routes.mac(f.Src)
	for _, h := range f.Path {
		a := n.agents[h.Agent]
		in, out := a.ports[h.In], a.ports[h.Out]
		if in == nil || out == nil {
			panic(fmt.Sprintf("traffic: flow %d: agent %d has no port %d or %d", f.id, h.Agent, h.In, h.Out))
		}
		g := hop{agent: a, in: in, out: out, ttl: ttl, mac: from}
		if h.Routed {
			ttl, from = max(ttl, 1)-1, mac(a.Addr)
		}
		if a.SamplingRate > 0 {
			g.source = in.source
			if a.Egress {
				g.egress = out.source
			}
		}
		f.hops = append(f.hops, g)
	}
	f.frame.init(&f.Flow)
	if n.cfg.Thin {
		n.thinAdd(f)
		return
	}
	n.active = append(n.active, f)
	if n.cfg.Truth > 0 {
		n.truth = append(n.truth, Truth{Flow: f.Flow})
	}
}

// buffer returns an empty payload to write into.
func (n *Network) buffer() []byte {
	if len(n.free) == 0 {
		return make([]byte, 0, maxDatagram+maxHeader+256)
	}
	b := n.free[len(n.free)-1]
	n.free = n.free[:len(n.free)-1]
	return b[:0]
}

// pending is a datagram on its way.
type pending struct {
	from    netip.AddrPort
	payload []byte
}
