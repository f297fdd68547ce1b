package fact

import (
	"strings"
	"unicode"

	"weir/decoder"
	"weir/decoder/sflow"
)

// records is what the counter records of one sample say, in any order.
type records struct {
	counters sflow.IfCounters
	name     sflow.PortName
	of       sflow.OFPort
	lag      sflow.LAGPortStats
	descr    sflow.HostDescr
	adapters sflow.HostAdapters
	parent   sflow.HostParent
	cpu      sflow.HostCPU
	memory   sflow.HostMemory
	disk     sflow.HostDiskIO
	virt     sflow.VirtCPU
	node     sflow.VirtNode
	has      uint32
}

const (
	hasCounters = 1 << iota
	hasName
	hasOF
	hasLAG
	hasDescr
	hasAdapters
	hasParent
	hasCPU
	hasMemory
	hasDisk
	hasVirt
	hasNode
)

func (rec *records) read(s *sflow.CounterSample) {
	rec.has = 0
	for r, err := range s.Records() {
		if err != nil {
			return // the decoder has counted it
		}
		switch r.Format {
		case sflow.FormatIfCounters:
			rec.note(hasCounters, rec.counters.Decode(r))
		case sflow.FormatPortName:
			rec.note(hasName, rec.name.Decode(r))
		case sflow.FormatOFPort:
			rec.note(hasOF, rec.of.Decode(r))
		case sflow.FormatLAGPortStats:
			rec.note(hasLAG, rec.lag.Decode(r))
		case sflow.FormatHostDescr:
			rec.note(hasDescr, rec.descr.Decode(r))
		case sflow.FormatHostAdapters:
			rec.note(hasAdapters, rec.adapters.Decode(r))
		case sflow.FormatHostParent:
			rec.note(hasParent, rec.parent.Decode(r))
		case sflow.FormatHostCPU:
			rec.note(hasCPU, rec.cpu.Decode(r))
		case sflow.FormatHostMemory:
			rec.note(hasMemory, rec.memory.Decode(r))
		case sflow.FormatHostDiskIO:
			rec.note(hasDisk, rec.disk.Decode(r))
		case sflow.FormatVirtCPU:
			rec.note(hasVirt, rec.virt.Decode(r))
		case sflow.FormatVirtNode:
			rec.note(hasNode, rec.node.Decode(r))
		}
	}
}

func (rec *records) note(bit uint32, err error) {
	if err == nil {
		rec.has |= bit
	}
}

// typeBridge is IANA's ifType of a transparent bridge.
const typeBridge = 209

// port is one interface of an agent.
type port struct {
	agent    *agent
	sub      uint32
	index    uint32
	name     string
	status   uint8
	counted  bool
	unknown  bool // all counters all ones
	gone     bool
	instance bool
	bridge   bool // by its type
	ofport   uint32
	datapath uint64
	group    uint32
	actor    [6]byte // of LACP
	partner  [6]byte
	speed    uint64

	at     int64 // last poll
	period int64 // between polls, smoothed; 0 unknown
	polls  polls

	in, out sflow.Counter64
	packets [2]uint32 // unicast in, out: Open vSwitch counts all there
	errs    uint64
	drops   uint64
	uptime  uint32
	still   [2]still // in, out

	// What its flow samples say, for instances' ports.
	active                                bool
	told, learnt, txAt, quietTold         int64
	tx, rx, syn, synAck, rst, unreachable uint32
	to, acked, probes, replies            uint32
	answers                               [8]answered
	tries                                 [8]tried
	strange                               [2]uint32 // samples with a way out, and without
	talks                                 talks
	mac                                   [6]byte
	ip                                    uint32
	sure                                  uint8 // that ip is its own: samples with it, less those with others
	ways                                  ways
}

// port returns a known interface.
func (a *agent) port(index uint32) *port {
	p := a.recent[index%uint32(len(a.recent))]
	if p != nil && p.index == index {
		return p
	}
	if p = a.ports[index]; p != nil {
		a.recent[index%uint32(len(a.recent))] = p
	}
	return p
}

// Counters looks at one counter sample. It keeps nothing of c.
func (g *Gatherer) Counters(c *decoder.Counters) {
	if g.sub == nil {
		return
	}
	g.sub.beat = g.at
	rec := &g.records
	rec.read(&c.Sample)
	src := c.Sample.Source
	index := uint32(0)
	switch {
	case rec.has&hasCounters != 0 && rec.counters.Index != 0:
		index = rec.counters.Index
	case src.Class == sflow.ClassInterface && rec.has&(hasCounters|hasName|hasLAG) != 0:
		index = src.Index
	}
	if index != 0 {
		g.portCounters(index, rec)
	}
	if rec.has&(hasDescr|hasAdapters|hasParent|hasCPU|hasMemory|hasDisk|hasVirt|hasNode) != 0 {
		g.hostCounters(src, rec)
	}
}

// portCounters compares what is said of an interface with what is known.
func (g *Gatherer) portCounters(index uint32, rec *records) {
	a := g.cur
	p := a.port(index)
	fresh := p == nil
	if fresh {
		if len(a.list) >= maxPorts {
			return
		}
		p = &port{agent: a, index: index, status: StatusNew}
		if a.ports == nil {
			a.ports = map[uint32]*port{}
		}
		a.ports[index] = p
		a.list = append(a.list, p)
	}
	// Two that speak for one node may tell of one interface: who came first, or
	// knows its bridge, is listened to as long as he speaks.
	if p.sub != g.sub.id && !fresh {
		if d := g.at - p.at; d < goneAfter(p.period) && rec.has&hasOF == 0 {
			return
		}
		p.uptime, p.polls = 0, polls{}
		p.anew()
	}
	before := p.at
	g.polled(p)
	// What a sub-agent of Open vSwitch that begins anew speaks for is to be told again:
	// they are renumbered.
	anew := !fresh && p.datapath != 0 && p.uptime != 0 && int32(g.sub.uptime-p.uptime) < 0
	changed := p.gone || p.sub != g.sub.id || anew
	was := p.status
	if p.gone {
		was = StatusNew
	}
	p.gone, p.sub = false, g.sub.id
	if rec.has&hasName != 0 && p.name != string(rec.name.Name) {
		name := cleanName(rec.name.Name)
		changed = changed || name != p.name
		if name != p.name {
			p.name, p.instance = name, InstancePort(name)
			a.taps = a.taps || p.instance
		}
	}
	if rec.has&hasOF != 0 && (p.datapath != rec.of.DatapathID || p.ofport != rec.of.PortNo) {
		p.datapath, p.ofport, changed = rec.of.DatapathID, rec.of.PortNo, true
	}
	if rec.has&hasLAG != 0 {
		if group := rec.group(p); p.group != group {
			p.group, changed = group, true
		}
		if m := [6]byte(rec.lag.PartnerOperSystemID); m != p.partner && m != [6]byte{} {
			p.partner, changed = m, true
		}
		if m := [6]byte(rec.lag.ActorSystemID); m != p.actor && m != [6]byte{} {
			p.actor, changed = m, true
		}
	}
	if rec.has&hasCounters != 0 {
		unknown := allOnes(&rec.counters)
		status := uint8(rec.counters.Status & 3)
		if !p.counted || p.status != status || p.unknown != unknown {
			p.counted, p.status, p.unknown, changed = true, status, unknown, true
			p.bridge = rec.counters.Type == typeBridge
			g.urgent = true
		}
		if !unknown && p.speed != rec.counters.Speed {
			p.speed, changed = rec.counters.Speed, true
		}
	}
	if fresh || changed {
		g.tell(Fact{Kind: Port, Agent: a.number, Sub: p.sub, Index: p.index, At: g.at, Detail: &Detail{
			Name: p.name, Status: p.status, Was: was, Counted: p.counted, Unknown: p.unknown, Instance: p.instance, Bridge: p.bridge,
			Datapath: p.datapath, OFPort: p.ofport, Group: p.group, Actor: MAC(p.actor), Partner: MAC(p.partner), Speed: p.speed, Before: before,
		}})
	}
	if rec.has&hasCounters != 0 && !p.unknown {
		g.portDeltas(p, &rec.counters)
	}
}

// group is the number of the link aggregation group that a port is in, as the
// Detail of a Port has it. What Open vSwitch calls the group's is the OpenFlow port
// of one of the members: its groups have no interface.
func (rec *records) group(p *port) uint32 {
	id := rec.lag.AttachedAggID
	if p.datapath == 0 || id == 0 {
		return id & (OwnGroup - 1)
	}
	h := (p.datapath ^ p.datapath>>32) * 0x9e3779b1
	return OwnGroup | uint32(h)&0x3fff<<16 | id&0xffff
}

// poll learns how often an interface is polled.
func (p *port) poll(at int64) {
	d := at - p.at
	if p.at != 0 && d > second/20 {
		switch {
		case p.period == 0:
			p.period = d
		case d < 4*p.period:
			p.period += (d - p.period) / 8
		}
	}
	p.at = at
}

func allOnes(c *sflow.IfCounters) bool {
	return !c.InOctets.Known() && !c.OutOctets.Known() && !c.InUcastPkts.Known() && !c.OutUcastPkts.Known()
}

// anew ends runs: the counters began anew. What is usual for the interface stays.
func (p *port) anew() {
	for d := range p.still {
		w := &p.still[d]
		w.run, w.ms, w.packets = 0, 0, 0
	}
}

// portDeltas compares counters with the last ones.
func (g *Gatherer) portDeltas(p *port, c *sflow.IfCounters) {
	old := *p
	p.in, p.out, p.uptime = c.InOctets, c.OutOctets, g.sub.uptime
	p.errs = known32(c.InErrors) + known32(c.OutErrors)
	p.drops = known32(c.InDiscards) + known32(c.OutDiscards)
	p.packets = [2]uint32{uint32(c.InUcastPkts), uint32(c.OutUcastPkts)}
	ms := int64(int32(p.uptime - old.uptime))
	if !old.counted || old.uptime == 0 || ms <= 0 || !p.in.Known() || !p.out.Known() || p.in < old.in || p.out < old.out {
		p.anew()
		g.yielded(p, 0, 0, false)
		return
	}
	g.yielded(p, p.packets[0]-old.packets[0], p.packets[1]-old.packets[1], true)
	if p.errs > old.errs || p.drops > old.drops {
		g.tell(Fact{Kind: PortErrors, Agent: p.agent.number, Sub: p.sub, Index: p.index, At: g.at, A: p.errs - min(old.errs, p.errs), B: p.drops - min(old.drops, p.drops), C: uint64(ms)})
	}
	g.spoke(p, &old)
	moved := [2]bool{p.in > old.in, p.out > old.out}
	for d := range moved {
		if !moved[1-d] && !moved[d] {
			continue // nothing to be learned
		}
		if moved[d] && !moved[1-d] && !p.still[d].told {
			continue
		}
		w := &p.still[d]
		nats, tell := w.see(moved[d], ms, uint64(p.packets[1-d]-old.packets[1-d]), d == 0)
		if tell {
			g.tell(Fact{
				Kind: PortFlat, Agent: p.agent.number, Sub: p.sub, Index: p.index, At: g.at,
				A: uint64(d), B: uint64(w.ms)<<32 | min(w.packets, 1<<32-1), C: uint64(1000 * max(nats, 0)),
			})
		}
	}
}

// spokeEvery is how often it is told that a port has received nothing yet.
const spokeEvery = 10 * second

// spoke tells whether an instance's port has ever received anything.
func (g *Gatherer) spoke(p *port, old *port) {
	if !p.instance || p.in != 0 && old.in != 0 {
		return
	}
	f := Fact{Kind: PortSpoke, Agent: p.agent.number, Sub: p.sub, Index: p.index, At: g.at}
	if p.in != 0 {
		f.A = 1
	} else if g.at-p.quietTold < spokeEvery {
		return
	}
	p.quietTold = g.at
	g.tell(f)
}

func known32(c sflow.Counter32) uint64 {
	if !c.Known() {
		return 0
	}
	return uint64(c)
}

// InstancePort reports whether an interface's name is one that hypervisors and
// container hosts give the host's side of an instance's interface.
func InstancePort(name string) bool {
	for _, p := range [...]string{"tap", "vnet", "qvo", "qvb", "vif", "vhu", "macvtap", "cali", "lxc"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// cleanName makes a name from the wire fit to be kept and shown.
func cleanName(b []byte) string { return clean(b, 128) }

func clean(b []byte, most int) string {
	s := strings.ToValidUTF8(string(b[:min(len(b), most)]), "")
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, s))
}
