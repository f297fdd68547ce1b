package series

import (
	"strconv"
	"time"

	"weir/collector/agents"
	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// sampleClasses are what packet samples add up to, in an interval.
func sampleClasses() []*Class { return []*Class{flowSamples, protocols, vnis, discardedPackets} }

var trafficFields = []Field{
	{Name: "bits_per_second", Unit: BitsPerSecond, Help: "estimate"},
	{Name: "packets_per_second", Unit: PacketsPerSecond, Help: "estimate"},
	{Name: "samples", Unit: Count, Help: "in the interval; an estimate from n samples is off by about 100/√n percent"},
}

var flowSamples = &Class{
	Name: "flow_samples", Tags: []string{"agent", "agent_name", "source", "if_index", "if_name", "direction"},
	Help: "what the packet samples of a data source add up to, to be compared with if_counters", Fields: trafficFields,
}

var protocols = &Class{
	Name: "protocols", Tags: []string{"agent", "agent_name", "protocol"},
	Help: "traffic by protocol, as one agent samples it: a packet that passes several agents is in each", Fields: trafficFields,
}

var vnis = &Class{
	Name: "vni", Tags: []string{"agent", "agent_name", "vni"},
	Help: "traffic by tunnelled network, as one agent samples it; other is what found no place", Fields: trafficFields,
}

var discardedPackets = &Class{
	Name: "discarded_packets", Tags: []string{"agent", "agent_name", "reason"},
	Help: "packets that a switch discarded and told of (discarded_packet, 0:5)",
	Fields: []Field{
		{Name: "packets_per_second", Unit: PacketsPerSecond},
		{Name: "packets", Unit: Packets, Help: "in the interval; an agent tells of some only, see data_source"},
	},
}

// sum is what was counted of one thing since it was last written.
type sum struct {
	octets  uint64 // estimates
	packets uint64
	samples uint32
	idle    uint8 // intervals without a sample, up to silentIntervals
	used    bool
}

func (e *sum) add(octets, packets uint64) {
	e.octets += octets
	e.packets += packets
	e.samples++
	e.idle, e.used = 0, true
}

// sourceSum is the sum of a data source in one direction.
type sourceSum struct {
	sum
	source    sflow.DataSource
	direction uint8
}

// agentSums are the sums of one agent. All samples of a datagram are of one
// agent, so that they are found once for it.
type agentSums struct {
	number    uint32
	idle      uint8
	used      bool
	since     int64 // ns, when last written
	protocols [protocolClasses]sum
	sources   []sourceSum
	places    []int32 // 1 + index in sources, by Vantage.Source
	vnis      map[uint32]*sum
	reasons   map[uint32]*sum
}

// samples are the sums of one shard. The agents are written in turn, some at
// each tick, so that each is written once in an interval.
type samples struct {
	cur    *agentSums // of the last sample
	agents map[uint32]*agentSums
	turn   []*agentSums
	next   int
	lastAt int64 // ns, last tick
}

// maxVNIs bounds the tunnelled networks of one agent that are told apart.
const maxVNIs = 256

// otherVNI stands for the rest.
const otherVNI = 1 << 31

func newSamples() samples { return samples{agents: map[uint32]*agentSums{}} }

// agent returns the sums of the agent with this number.
func (s *samples) agent(number uint32, at int64) *agentSums {
	if s.cur != nil && s.cur.number == number {
		return s.cur
	}
	a := s.agents[number]
	if a == nil {
		a = &agentSums{number: number, since: at}
		s.agents[number] = a
		s.turn = append(s.turn, a)
	}
	s.cur = a
	return a
}

// Flow counts a flow sample, whose Est the registry has filled.
func (g *Gather) Flow(f *decoder.Flow) {
	v := f.Est.Vantage
	if v.Agent == 0 {
		return
	}
	a := g.samples.cur
	if a == nil || a.number != v.Agent {
		a = g.samples.agent(v.Agent, f.At.UnixNano())
	}
	a.used = true
	packets := uint64(f.Est.SamplingRate)
	octets := packets * uint64(min(f.FrameLength, maxFrame))
	a.protocols[protocolOf(&f.Header)].add(octets, packets)
	if v.Source > 1 { // else the registry has no place for the data source
		a.source(v.Source, f.Sample.Source).add(octets, packets)
	}
	if f.Header.HasVNI || f.Seen&(decoder.SeenVNIIn|decoder.SeenVNIOut) != 0 {
		a.vni(vniOf(f)).add(octets, packets)
	}
}

func vniOf(f *decoder.Flow) uint32 {
	switch {
	case f.Header.HasVNI:
		return f.Header.VNI &^ otherVNI
	case f.Seen&decoder.SeenVNIIn != 0:
		return f.InVNI &^ otherVNI
	}
	return f.OutVNI &^ otherVNI
}

// maxFrame is 64 KiB of payload and room for the headers of all layers: more
// is a lie.
const maxFrame = 64<<10 + 512

// source returns the sum of a data source and direction. The registry bounds
// how many there are, and numbers them without gaps.
func (a *agentSums) source(number uint32, id sflow.DataSource) *sum {
	if int(number) < len(a.places) {
		if i := a.places[number]; i > 0 {
			return &a.sources[i-1].sum
		}
	} else {
		a.places = append(a.places, make([]int32, int(number)+1-len(a.places))...)
	}
	a.sources = append(a.sources, sourceSum{source: id, direction: uint8(number & 1)})
	a.places[number] = int32(len(a.sources))
	return &a.sources[len(a.sources)-1].sum
}

// vni returns the sum of a tunnelled network.
func (a *agentSums) vni(vni uint32) *sum {
	e := a.vnis[vni]
	if e == nil && len(a.vnis) >= maxVNIs {
		vni = otherVNI
		e = a.vnis[vni]
	}
	if e == nil {
		if a.vnis == nil {
			a.vnis = map[uint32]*sum{}
		}
		e = &sum{}
		a.vnis[vni] = e
	}
	return e
}

// Discard counts a discarded packet.
func (g *Gather) Discard(d *decoder.Discard) {
	number := g.registry.CurrentAgent()
	if number == 0 {
		return
	}
	a := g.samples.agent(number, d.At.UnixNano())
	a.used = true
	reason := reasonClass(d.Sample.DropReason)
	e := a.reasons[reason]
	if e == nil {
		if a.reasons == nil {
			a.reasons = map[uint32]*sum{}
		}
		e = &sum{}
		a.reasons[reason] = e
	}
	e.add(uint64(d.FrameLength), 1)
}

// reasonClass maps the reasons nobody has named to one.
func reasonClass(reason uint32) uint32 {
	if sflow.DropReasonName(reason) == "" {
		return ^uint32(0)
	}
	return reason
}

// silentIntervals is for how many intervals what has no samples is still
// written, as zero.
const silentIntervals = 30

// sweep writes the agents whose turn it is.
func (g *Gather) sweep(now time.Time) {
	s, ns := &g.samples, now.UnixNano()
	elapsed := ns - s.lastAt
	s.lastAt = ns
	if len(s.turn) == 0 || elapsed <= 0 {
		return
	}
	share := min(float64(elapsed)/float64(g.cfg.Interval), 1)
	for range int(share*float64(len(s.turn))) + 1 {
		if s.next >= len(s.turn) {
			s.next = 0
		}
		a := s.turn[s.next]
		span := ns - a.since
		if span < 0 { // the clock was set back
			a.since = ns
		}
		if span >= int64(g.cfg.Interval)-int64(g.cfg.Interval)/8 {
			if !g.writeAgent(a, ns, span) {
				s.remove(s.next)
				if len(s.turn) == 0 {
					return
				}
				continue
			}
			a.since = ns
		}
		s.next++
	}
}

// remove forgets the agent whose turn is i; the last takes its place.
func (s *samples) remove(i int) {
	delete(s.agents, s.turn[i].number)
	last := len(s.turn) - 1
	s.turn[i], s.turn[last] = s.turn[last], nil
	s.turn, s.cur = s.turn[:last], nil
}

// writeAgent makes the points of an agent for the span ns until now. It is false
// where there is nothing left of it.
func (g *Gather) writeAgent(a *agentSums, now, span int64) bool {
	l, ok := g.shared.Caption(a.number)
	if a.idle++; a.used {
		a.idle, a.used = 0, false
	}
	if !ok || a.idle > silentIntervals {
		return false
	}
	w := sumWriter{g: g, Caption: l, now: now, seconds: float64(span) / 1e9}
	for i := range a.protocols {
		if e := &a.protocols[i]; w.due(e) {
			w.write(protocols, e, protocolNames[i])
		}
	}
	for i := range a.sources {
		if e := &a.sources[i]; w.due(&e.sum) {
			index, name := "", ""
			if e.source.Class == sflow.ClassInterface {
				index, name = portNames(e.source.Index, g.shared.Interface(a.number, e.source.Index))
			}
			w.write(flowSamples, &e.sum, e.source.String(), index, name, [2]string{"ingress", "egress"}[e.direction])
		}
	}
	for vni, e := range a.vnis {
		if name := "other"; w.due(e) {
			if vni != otherVNI {
				name = strconv.FormatUint(uint64(vni), 10)
			}
			w.write(vnis, e, name)
		} else {
			delete(a.vnis, vni)
		}
	}
	for reason, e := range a.reasons {
		if w.due(e) {
			w.write(discardedPackets, e, reasonName(reason))
		} else {
			delete(a.reasons, reason)
		}
	}
	return true
}

// sumWriter makes points of the sums of an agent.
type sumWriter struct {
	agents.Caption
	g       *Gather
	now     int64
	seconds float64
}

// due reports whether the sum is to be written: not if it never counted
// anything, or nothing for long.
func (w *sumWriter) due(e *sum) bool {
	if e.samples == 0 && e.used {
		e.idle++
		e.used = e.idle <= silentIntervals
	}
	return e.used
}

// write makes a point and begins the sum anew.
func (w *sumWriter) write(c *Class, e *sum, tags ...string) {
	if len(w.g.filling.Points) >= w.g.cfg.Points {
		w.g.dropped++
		return
	}
	p, v := w.g.filling.Add(c, w.now)
	p.Tags[0], p.Tags[1] = w.Agent, w.Name
	copy(p.Tags[2:], tags)
	pps := Number(float64(e.packets) / w.seconds)
	if c == discardedPackets {
		v = append(v, pps, Whole(e.packets))
	} else {
		v = append(v, Number(8*float64(e.octets)/w.seconds), pps, Whole(uint64(e.samples)))
	}
	w.g.filling.Done(v)
	e.octets, e.packets, e.samples = 0, 0, 0
}

func reasonName(reason uint32) string {
	if name := sflow.DropReasonName(reason); name != "" {
		return name
	}
	return "other"
}

// protocolNames are the classes of protocols, in the order of protocolOf.
var protocolNames = [...]string{
	"not ip", "other ip", "arp", "lldp", "icmp", "igmp", "tcp", "udp", "gre", "esp", "icmp6", "ospf", "vrrp", "sctp",
}

const protocolClasses = len(protocolNames)

// The first classes: those that no protocol number of IP tells.
const (
	classNotIP = iota
	classOtherIP
	classARP
	classLLDP
)

// ipClasses gives the class of a protocol number of IP.
var ipClasses = func() (c [256]uint8) {
	for i := range c {
		c[i] = classOtherIP
	}
	for i, proto := range []uint8{1, 2, 6, 17, 47, 50, 58, 89, 112, 132} {
		c[proto] = uint8(classLLDP + 1 + i)
	}
	return c
}()

// protocolOf returns the class of the innermost packet.
func protocolOf(h *packet.Header) uint8 {
	switch {
	case h.HasKey, h.EtherType == 0x0800, h.EtherType == 0x86dd:
		return ipClasses[h.Key.Proto]
	case h.EtherType == 0x0806:
		return classARP
	case h.EtherType == 0x88cc:
		return classLLDP
	}
	return classNotIP
}
