package flood

import "net/netip"

// portID is an interface of an agent by the numbers in a Record.
type portID struct{ agent, port uint32 }

// portState is what is known of a port.
type portState struct {
	entry, inner float64 // flows that were sampled first here, or elsewhere before
	macs         uint64  // bitmap of source MAC addresses
	egress       int     // samples taken where such packets left, since the last taken here
	ingress      bool    // packets are sampled where they enter
	configured   bool
	edge         bool // of the cut
}

// sighted is where one flow was seen.
type sighted struct {
	flow  uint64
	since int64
	n     int
	at    [8]struct {
		id    portID
		ttl   uint8
		times uint8
	}
}

// cut learns at which ports packets enter what the agents watch.
//
// A flow that is sampled at several agents passes them in a row. The port where
// its time to live is highest is where it entered; at the others it had been
// seen already. Where nobody routes the time to live stays, and the port with
// fewer MAC addresses behind it is the nearer one. A flow that only one agent
// sees, sampled there again and again, entered there.
//
// Of a flow with few samples the agent where it entered may have none: such a flow
// tells of a port that it enters there only as long as nothing has been seen before
// it came to that port.
type cut struct {
	list  map[Port]bool // configured; nil learns
	addr  func(agent uint32) netip.Addr
	ports map[portID]*portState
	flows [4096]sighted
	edges int // ports of the cut

	changed bool // what Inside tells
}

const (
	maxPorts    = 1 << 16
	judgeAfter  = int64(3e9)
	enoughFlows = 4
	manyFlows   = 64

	// enoughSamples of a flow show that no agent before those sees it.
	enoughSamples = 6
)

func newCut(cfg *Config, addr func(uint32) netip.Addr) *cut {
	c := &cut{ports: map[portID]*portState{}, addr: addr}
	if len(cfg.Cut) > 0 {
		c.list = map[Port]bool{}
		for _, p := range cfg.Cut {
			c.list[p] = true
		}
	}
	return c
}

// reset forgets what was learned.
func (c *cut) reset() {
	clear(c.ports)
	c.edges, c.changed = 0, true
	c.flows = [len(c.flows)]sighted{}
}

// port returns the state of a port, nil where there are too many.
func (c *cut) port(id portID) *portState {
	p := c.ports[id]
	if p == nil {
		if len(c.ports) >= maxPorts {
			return nil
		}
		p = &portState{}
		if c.list != nil {
			p.configured = true
			if p.edge = c.list[Port{c.addr(id.agent), id.port}]; p.edge {
				c.edges++
			}
			c.changed = true
		}
		c.ports[id] = p
	}
	return p
}

// see notes where a record's samples were taken and reports whether they
// count, and whether in the cut. A packet may be sampled where it enters an
// agent and where it leaves; only the first counts, unless nothing is sampled
// where it enters.
func (c *cut) see(r *Record) (counts, edge bool) {
	p := c.port(portID{r.Agent, r.Port})
	if p == nil {
		return !r.Egress, false
	}
	if r.Egress {
		if p.ingress {
			return false, false
		}
		p.egress += int(r.N)
		return p.egress >= minSamples, p.edge
	}
	c.enters(p)
	return true, p.edge
}

// enters notes that packets are sampled where they enter by a port.
func (c *cut) enters(p *portState) {
	c.changed = c.changed || !p.ingress
	p.ingress = true
}

// sight takes note of a flow seen again.
func (c *cut) sight(s *Sighting) {
	id := portID{s.Agent, s.Port}
	if p := c.port(id); p != nil {
		c.enters(p)
		if s.MAC != 0 {
			p.macs |= 1 << (s.MAC >> 58)
		}
	}
	f := &c.flows[s.Flow%uint64(len(c.flows))]
	if f.n > 0 && s.At-f.since >= judgeAfter {
		c.judge(f)
		*f = sighted{}
	}
	switch {
	case f.n == 0:
		*f = sighted{flow: s.Flow, since: s.At}
	case f.flow != s.Flow:
		return
	}
	for i := range f.at[:f.n] {
		if a := &f.at[i]; a.id == id {
			a.times = min(a.times+1, 100)
			a.ttl = s.TTL
			return
		}
	}
	if f.n < len(f.at) {
		f.at[f.n].id, f.at[f.n].ttl, f.at[f.n].times = id, s.TTL, 1
		f.n++
	}
}

// judge draws its conclusion from one flow.
func (c *cut) judge(f *sighted) {
	first, agents, times := 0, false, int(f.at[0].times)
	for i := range f.at[1:f.n] {
		times += int(f.at[i+1].times)
		a, best := &f.at[i+1], &f.at[first]
		agents = agents || a.id.agent != f.at[0].id.agent
		if a.ttl > best.ttl || a.ttl == best.ttl && c.nearer(a.id, best.id) {
			first = i + 1
		}
	}
	best := &f.at[first]
	p := c.ports[best.id]
	sure := times >= enoughSamples || p != nil && p.inner == 0
	if !agents {
		if best.times >= 2 && sure {
			c.count(best.id, true)
		}
		return
	}
	for i := range f.at[:f.n] {
		a := &f.at[i]
		switch {
		case a.ttl < best.ttl || i != first && a.ttl == best.ttl && c.nearer(best.id, a.id):
			c.count(a.id, false)
		case i == first && sure:
			c.count(a.id, true)
		}
	}
}

// nearer reports whether fewer hosts are behind a than behind b.
func (c *cut) nearer(a, b portID) bool {
	p, q := c.ports[a], c.ports[b]
	return p != nil && q != nil && ones(p.macs) < ones(q.macs)
}

func ones(v uint64) (n int) {
	for ; v != 0; v &= v - 1 {
		n++
	}
	return n
}

func (c *cut) count(id portID, entry bool) {
	p := c.ports[id]
	if p == nil || p.configured {
		return
	}
	inside := p.inside()
	if entry {
		p.entry++
	} else {
		p.inner++
	}
	if p.entry+p.inner > manyFlows {
		p.entry /= 2
		p.inner /= 2
	}
	all, was := p.entry+p.inner, p.edge
	p.edge = all >= enoughFlows && p.inner <= 0.2*all
	c.changed = c.changed || p.inside() != inside
	switch {
	case p.edge && !was:
		c.edges++
	case was && !p.edge:
		c.edges--
	}
}
