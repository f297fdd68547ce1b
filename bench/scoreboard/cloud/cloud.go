// Package cloud is a simulated cloud whose truth is known: racks of hypervisors
// with instances, what their agents and switches say of them as real sFlow
// datagrams, what is lost of it, and what befalls them. The datagrams go through
// the collector's own decoder, registry and facts into the model of the site, on
// a clock of its own.
//
// Nothing here is measured on a real host: traffic is Poisson, exporters are
// modelled on what Open vSwitch and weir-agent send.
package cloud

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"weir/collector/agents"
	"weir/decoder"
	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site"
	"weir/detect/site/fact"
	"weir/detect/site/silence"
)

// Epoch is when every cloud begins.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Step is the resolution of the clock: the collector's tick.
const Step = 100 * time.Millisecond

// Config describes a cloud.
type Config struct {
	Seed      uint64
	Nodes     int
	Instances int  // of each node
	Rack      int  // nodes at one switch; 0: 20
	Agent     bool // weir-agent runs on the nodes
	OVS       bool // their Open vSwitch speaks for itself

	AgentPoll time.Duration // of interfaces, by weir-agent; 0: 1 s
	OVSPoll   time.Duration // of ports, by Open vSwitch; 0: 10 s
	Rate      float64       // samples a second of each instance, both ways, on its node
	LeafRate  float64       // the same at the rack's switch; 0: it takes none
	OwnRate   float64       // samples a second of each node's own traffic at the rack's switch
	Sampling  uint32        // one packet in so many is sampled; 0: 400
	UDP       bool          // what instances are asked and answer is UDP
	VLANs     int           // with a fabric: so many VLANs, with two routers; 0 without
	Knocks    float64       // samples a second of each instance of what its packet filter drops
	Served    bool          // who knocks does so where the instances serve, but for their packet filter
	Spoofers  int           // so many of a node's instances send with others' addresses, as often as anybody knocks
	Hidden    bool          // what the packet filter keeps of that from leaving is not sampled
	Discards  bool          // the node tells what it discards
	Deny      bool          // instances leave unanswered what their packet filter lets through

	Loss                    float64       // of datagrams, on the way of each sender
	Burst                   float64       // mean length of a run of losses; below 1: losses are independent
	Blackout, BlackoutEvery time.Duration // for so long nothing at all arrives, and how often as a rule
	Key                     []byte        // that agents sign with

	// Known: the collector has run for long enough to know how much is lost, and
	// in which runs, though not of whom.
	Known bool
}

// Cloud is a cloud at work. It is not safe for concurrent use.
type Cloud struct {
	cfg    Config
	rng    *rand.Rand
	now    time.Time
	Nodes  []*Node
	Leaves []*Leaf
	Alerts []*detect.Alert // every change, in order
	Sent   uint64          // datagrams
	Lost   uint64

	intake  intake
	shared  *agents.Shared
	site    *site.Site
	facts   []fact.Fact
	later   []later
	deaf    bool
	quiet   bool      // nobody knocks any more
	dark    time.Time // since when, or from when on, nothing arrives
	created int
	wire    wire
}

// later is something that is to happen.
type later struct {
	at time.Time
	do func()
}

// New returns a cloud that has just begun.
func New(cfg Config) *Cloud {
	if cfg.Rack == 0 {
		cfg.Rack = 20
	}
	if cfg.AgentPoll == 0 {
		cfg.AgentPoll = time.Second
	}
	if cfg.OVSPoll == 0 {
		cfg.OVSPoll = 10 * time.Second
	}
	if cfg.Sampling == 0 {
		cfg.Sampling = 400
	}
	c := &Cloud{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 77)), now: Epoch}
	c.wire.signer = witness.NewSigner(cfg.Key)
	model := site.New(site.Config{})
	if cfg.Known {
		kept := c.losses()
		model.Restore(site.State{Losses: kept.Datagrams, Missed: kept.Beats}, c.now)
	}
	c.collect(model)
	for i := range cfg.Nodes {
		if i%cfg.Rack == 0 {
			c.Leaves = append(c.Leaves, newLeaf(c, len(c.Leaves)))
		}
		n := newNode(c, i, c.Leaves[len(c.Leaves)-1])
		c.Nodes = append(c.Nodes, n)
		for range cfg.Instances {
			n.add(c.newInstance())
		}
	}
	return c
}

// collect begins a collector with this model.
func (c *Cloud) collect(s *site.Site) {
	c.shared = agents.NewShared(agents.Config{})
	c.site = s
	c.intake = intake{registry: agents.NewRegistry(c.shared), facts: fact.NewGatherer(fact.Keys{Shared: c.cfg.Key})}
}

// Now is the time.
func (c *Cloud) Now() time.Time { return c.now }

// Rand is what everything random is drawn from.
func (c *Cloud) Rand() *rand.Rand { return c.rng }

// Stats are those of the model.
func (c *Cloud) Stats() site.Stats { return c.site.Stats() }

// At lets something happen after d.
func (c *Cloud) At(d time.Duration, do func()) { c.later = append(c.later, later{c.now.Add(d), do}) }

// Run lets time pass.
func (c *Cloud) Run(d time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(Step)
		c.happen()
		for _, l := range c.Leaves {
			l.tick()
		}
		for _, n := range c.Nodes {
			n.tick()
		}
		c.judge()
	}
}

// happen does what is due.
func (c *Cloud) happen() {
	kept := c.later[:0]
	var due []later
	for _, x := range c.later {
		if x.at.After(c.now) {
			kept = append(kept, x)
		} else {
			due = append(due, x)
		}
	}
	c.later = kept
	for _, x := range due {
		x.do()
	}
}

// judge is the collector's tick.
func (c *Cloud) judge() {
	if c.now.Sub(Epoch)%time.Second == 0 {
		c.intake.registry.Tick(c.now)
	}
	c.intake.facts.Tick(c.now)
	var dropped uint64
	c.facts, dropped = c.intake.facts.Take(c.facts[:0])
	c.site.Add(c.facts, dropped)
	c.site.Tick(c.now, func(a *detect.Alert) { c.Alerts = append(c.Alerts, a) })
	if w := c.site.Watchlist(); w != nil {
		c.intake.facts.SetWatch(w)
	}
}

// Deafen cuts the collector from everybody, or ends that.
func (c *Cloud) Deafen(deaf bool) { c.deaf = deaf }

// Restart stops the collector and starts it after a time in which nothing is
// heard, with what it has kept.
func (c *Cloud) Restart(down time.Duration) {
	kept := c.site.Save()
	for end := c.now.Add(down); c.now.Before(end); {
		c.now = c.now.Add(Step)
	}
	s := site.New(site.Config{})
	s.Restore(kept, c.now)
	c.collect(s)
}

// intake is what a shard does with a datagram, as far as conditions go.
type intake struct {
	decoder  decoder.Decoder
	registry *agents.Registry
	facts    *fact.Gatherer
}

func (x *intake) Arrival(a *decoder.Arrival) {
	x.registry.Arrival(a)
	x.facts.Arrival(a, x.registry.CurrentAgent())
}

func (x *intake) Flow(f *decoder.Flow) {
	x.registry.Flow(f)
	x.facts.Flow(f)
}

func (x *intake) Counters(c *decoder.Counters) {
	x.registry.Counters(c)
	x.facts.Counters(c)
}

func (x *intake) Discard(d *decoder.Discard) { x.facts.Discard(d) }
func (x *intake) Metrics(m *decoder.Metrics) {
	x.registry.Metrics(m)
	x.facts.Metrics(m)
}

// path is the way of one node's datagrams to the collector.
type path struct{ bad bool }

// loses reports whether the next datagram is lost: independently, or in runs of
// a given mean length (a Gilbert channel).
func (p *path) loses(c *Cloud) bool {
	if c.cfg.Loss <= 0 {
		return false
	}
	if c.cfg.Burst <= 1 {
		return c.rng.Float64() < c.cfg.Loss
	}
	leave := 1 / c.cfg.Burst
	if p.bad {
		p.bad = c.rng.Float64() >= leave
	} else {
		p.bad = c.rng.Float64() < c.cfg.Loss*leave/(1-c.cfg.Loss)
	}
	return p.bad
}

// losses is what a collector has learned of the losses of two senders at a time
// on each way, from 100,000 datagrams, of which each fourth is a beat: one a second.
func (c *Cloud) losses() silence.Kept {
	var l silence.Losses
	var p path
	var missing [2]uint32
	missed := 0
	for k := range 100000 {
		lost := p.loses(c)
		if x := &missing[k%2]; lost {
			*x++
		} else {
			l.Count(1, *x)
			*x = 0
		}
		switch {
		case k%4 != 0:
		case lost:
			missed++
		default:
			l.Missed(int64(time.Second), missed)
			missed = 0
		}
	}
	if c.cfg.Blackout > 0 { // a beat of a second is in it or is not
		share := c.cfg.Blackout.Seconds() / c.cfg.BlackoutEvery.Seconds()
		lost := int(share * 100000)
		l.Count(uint32(100000-lost), uint32(lost))
		for range lost / 4 {
			l.Missed(int64(time.Second), 1)
		}
	}
	return l.Kept()
}

// blackout reports whether nothing arrives now.
func (c *Cloud) blackout() bool {
	if c.cfg.Blackout <= 0 {
		return false
	}
	if c.now.Sub(c.dark) > c.cfg.Blackout {
		c.dark = c.now.Add(time.Duration((0.5 + c.rng.ExpFloat64()/2) * float64(c.cfg.BlackoutEvery)))
	}
	return !c.now.Before(c.dark)
}

// arrive lets a datagram arrive.
func (c *Cloud) arrive(payload []byte, from netip.AddrPort, p *path) {
	c.Sent++
	if p.loses(c) || c.deaf || c.blackout() {
		c.Lost++
		return
	}
	_ = c.intake.decoder.Decode(payload, from, c.now, &c.intake) // the generator makes no bad ones
}

// poisson draws how many events of so many a second fall into a step.
func (c *Cloud) poisson(rate float64) int {
	mean := rate * Step.Seconds()
	if mean <= 0 {
		return 0
	}
	n := 0
	for p, limit := c.rng.Float64(), math.Exp(-mean); p > limit && n < 1000; n++ {
		p *= c.rng.Float64()
	}
	return n
}
