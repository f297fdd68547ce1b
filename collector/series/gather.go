package series

import (
	"strconv"
	"sync"
	"time"

	"weir/collector/agents"
	"weir/decoder"
	"weir/decoder/sflow"
)

// Config bounds what a shard gathers.
type Config struct {
	Interval time.Duration // of what packet samples add up to
	Points   int           // that wait for the tick, at most
}

// defaultPoints is a tenth of a second of the counters of a very large site.
const defaultPoints = 1 << 16

// Gather is the part of a shard that makes points. It belongs to the shard's
// goroutine, except for Take, Give and Dropped.
type Gather struct {
	cfg      Config
	registry *agents.Registry
	shared   *agents.Shared
	records  records
	labels   map[uint32]label
	samples  samples

	filling *Batch
	dropped uint64

	mu    sync.Mutex // guards what follows
	ready *Batch     // handed over; nil once taken
	spare *Batch     // nil while the reader has it
	lost  uint64
}

// label is an agent's, as of at.
type label struct {
	agents.Caption
	at int64 // ns
}

// labelAge is after how long an agent's label is asked for again.
const labelAge = int64(10 * time.Second)

// records holds one of each counter record, to be written over.
type records struct {
	generic  sflow.IfCounters
	ethernet sflow.EthernetCounters
	vlan     sflow.VLANCounters
	sfp      sflow.SFP
	cpu      sflow.HostCPU
	memory   sflow.HostMemory
	disk     sflow.HostDiskIO
	net      sflow.HostNetIO
	node     sflow.VirtNode
	vcpu     sflow.VirtCPU
	vmemory  sflow.VirtMemory
	vdisk    sflow.VirtDiskIO
	vnet     sflow.VirtNetIO
	ovs      sflow.OVSDPStats
	app      sflow.AppResources
	proc     sflow.Processor
	gpu      sflow.NvidiaGPU
	lag      sflow.LAGPortStats
	pfc      sflow.PFCCounters
	ip       sflow.MIB2IPGroup
	icmp     sflow.MIB2ICMPGroup
	tcp      sflow.MIB2TCPGroup
	udp      sflow.MIB2UDPGroup
}

// NewGather returns the part of the shard that owns r.
func NewGather(cfg Config, r *agents.Registry, sh *agents.Shared) *Gather {
	if cfg.Points == 0 {
		cfg.Points = defaultPoints
	}
	return &Gather{
		cfg: cfg, registry: r, shared: sh, labels: map[uint32]label{}, samples: newSamples(),
		filling: &Batch{}, spare: &Batch{},
	}
}

// Counters makes a point of each record of the sample that has a class. The
// registry has seen it before.
func (g *Gather) Counters(c *decoder.Counters) {
	number := g.registry.CurrentAgent()
	if number == 0 {
		return
	}
	s := subject{at: c.At.UnixNano(), source: c.Sample.Source, Caption: g.label(number, c.At.UnixNano())}
	if i, ok := g.registry.CurrentInterface(); ok {
		s.port, s.hasPort = i, true
	}
	for r, err := range c.Sample.Records() {
		if err != nil {
			return // the decoder has counted it
		}
		g.record(&s, r)
	}
}

// label returns the label of the current agent.
func (g *Gather) label(number uint32, at int64) agents.Caption {
	l, ok := g.labels[number]
	if d := at - l.at; !ok || d < 0 || d > labelAge || g.isNamedNow(number, &l) {
		if len(g.labels) > maxLabels {
			clear(g.labels)
		}
		l.Caption, _ = g.shared.Caption(number)
		l.at = at
		g.labels[number] = l
	}
	return l.Caption
}

// isNamedNow reports that an agent whose label is without a name has one since.
// An agent often tells its name in the sample whose points it must stand in:
// the address would stay in the lists of names of whoever reads them.
func (g *Gather) isNamedNow(number uint32, l *label) bool {
	if l.Name != l.Agent {
		return false
	}
	_, name := g.shared.Agent(number)
	return name != ""
}

// maxLabels bounds the labels that are kept.
const maxLabels = 1 << 16

// subject is what the counter sample is about.
type subject struct {
	agents.Caption
	at      int64
	source  sflow.DataSource
	port    agents.InterfaceInfo
	hasPort bool
}

// add begins a point of the class, false where there are too many.
func (g *Gather) add(s *subject, c *Class) (p *Point, v []Value, ok bool) {
	if len(g.filling.Points) >= g.cfg.Points {
		g.dropped++
		return nil, nil, false
	}
	p, v = g.filling.Add(c, s.at)
	p.Tags[0], p.Tags[1] = s.Agent, s.Name
	return p, v, true
}

// portPoint begins a point of the interface the sample is about.
func (g *Gather) portPoint(s *subject, c *Class) ([]Value, bool) {
	if !s.hasPort {
		return nil, false
	}
	p, v, ok := g.add(s, c)
	if ok {
		p.Tags[2], p.Tags[3] = portNames(s.port.Index, s.port.Name)
	}
	return v, ok
}

// portNames returns ifIndex and name of a port; where the name is not known,
// what may stand for it.
func portNames(index uint32, name string) (string, string) {
	text := strconv.FormatUint(uint64(index), 10)
	if name == "" {
		name = "ifIndex " + text
	}
	return text, name
}

// hostPoint begins a point of the host the sample is about.
func (g *Gather) hostPoint(s *subject, c *Class) ([]Value, bool) {
	p, v, ok := g.add(s, c)
	if ok {
		name, _ := g.registry.CurrentHost(s.source)
		if p.Tags[2] = name; name == "" {
			p.Tags[2] = s.Name
		}
	}
	return v, ok
}

// instancePoint begins a point of the virtual machine the sample is about.
func (g *Gather) instancePoint(s *subject, c *Class) ([]Value, bool) {
	p, v, ok := g.add(s, c)
	if ok {
		name, uuid := g.registry.CurrentHost(s.source)
		if uuid == "" {
			uuid = s.source.String()
		}
		if name == "" {
			name = uuid
		}
		p.Tags[2], p.Tags[3] = uuid, name
	}
	return v, ok
}

// plainPoint begins a point of the agent and one thing of its.
func (g *Gather) plainPoint(s *subject, c *Class, thing string) ([]Value, bool) {
	p, v, ok := g.add(s, c)
	if ok {
		p.Tags[2] = thing
	}
	return v, ok
}

// Tick hands over what has gathered. Call it at the shard's tick.
func (g *Gather) Tick(now time.Time) {
	g.sweep(now)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lost = g.dropped
	if g.ready == nil && g.spare != nil && len(g.filling.Points) > 0 {
		g.ready, g.filling, g.spare = g.filling, g.spare, nil
	}
}

// Take returns what was handed over, nil where there is nothing. Give it back
// once it is read. Safe from any goroutine.
func (g *Gather) Take() *Batch {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.ready
	g.ready = nil
	return b
}

// Give returns what Take gave. Safe from any goroutine.
func (g *Gather) Give(b *Batch) {
	b.Reset()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spare = b
}

// Dropped returns how many points found no room, because nobody took those
// before. Safe from any goroutine.
func (g *Gather) Dropped() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lost
}
