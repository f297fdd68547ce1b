package series

import (
	"strconv"
	"time"

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

// what an entry counts.
type what uint8

const (
	ofSource what = iota
	ofProtocol
	ofVNI
	ofReason
	whats
)

// place is the key of an entry.
type place struct {
	agent uint32
	what  what
	id    uint32 // vantage, protocol class, VNI, reason
}

// sum is one entry: what was counted since it was last written.
type sum struct {
	place
	source  sflow.DataSource // of ofSource
	octets  uint64           // estimates
	packets uint64
	samples uint64
	at      int64 // ns, of the last sample
}

// samples are the sums of one shard: a table that grows to its bound, read in
// turn, some at each tick, so that all are read once in an interval.
type samples struct {
	index   map[place]int32
	sums    []sum
	recent  [512]int32 // index+1 of entries by their place, in front of index
	vnis    map[uint32]int
	next    int
	since   []int64 // when each was last written, beside sums
	refused uint64
	lastAt  int64 // ns, last tick
}

// Bounds of the entries of a shard.
const (
	maxSums = 1 << 18
	maxVNIs = 256 // of one agent; the others are one
)

// otherVNI stands for those without a place.
const otherVNI = 1 << 31

func newSamples() samples { return samples{index: map[place]int32{}, vnis: map[uint32]int{}} }

// Flow counts a flow sample, whose Est the registry has filled.
func (g *Gather) Flow(f *decoder.Flow) {
	v := f.Est.Vantage
	if v.Agent == 0 {
		return
	}
	s, at := &g.samples, f.At.UnixNano()
	packets := uint64(f.Est.SamplingRate)
	octets := packets * uint64(min(f.FrameLength, maxFrame))
	if v.Source > 1 { // else the registry has no place for the data source
		if e := s.entry(place{v.Agent, ofSource, v.Source}, at); e != nil {
			e.source = f.Sample.Source
			e.add(octets, packets, at)
		}
	}
	if e := s.entry(place{v.Agent, ofProtocol, protocolOf(&f.Header)}, at); e != nil {
		e.add(octets, packets, at)
	}
	vni, ok := f.Header.VNI, f.Header.HasVNI
	if !ok && f.Seen&decoder.SeenVNIIn != 0 {
		vni, ok = f.InVNI, true
	}
	if !ok && f.Seen&decoder.SeenVNIOut != 0 {
		vni, ok = f.OutVNI, true
	}
	if ok {
		if e := s.vni(v.Agent, vni, at); e != nil {
			e.add(octets, packets, at)
		}
	}
}

// maxFrame is 64 KiB of payload and room for the headers of all layers: more
// is a lie.
const maxFrame = 64<<10 + 512

// Discard counts a discarded packet.
func (g *Gather) Discard(d *decoder.Discard) {
	number := g.registry.CurrentAgent()
	if number == 0 {
		return
	}
	at := d.At.UnixNano()
	if e := g.samples.entry(place{number, ofReason, reasonClass(d.Sample.DropReason)}, at); e != nil {
		e.add(uint64(d.FrameLength), 1, at)
	}
}

// reasonClass maps the reasons nobody has named to one.
func reasonClass(reason uint32) uint32 {
	if sflow.DropReasonName(reason) == "" {
		return ^uint32(0)
	}
	return reason
}

func (e *sum) add(octets, packets uint64, at int64) {
	e.octets += octets
	e.packets += packets
	e.samples++
	e.at = max(e.at, at)
}

// entry returns the entry of p, nil where there is no room. A pointer is valid
// until the next call.
func (s *samples) entry(p place, at int64) *sum {
	slot := &s.recent[(p.id*0x9e3779b1^p.agent*0x85ebca6b^uint32(p.what)<<7)>>3%uint32(len(s.recent))]
	if i := *slot; i > 0 && s.sums[i-1].place == p {
		return &s.sums[i-1]
	}
	i, ok := s.index[p]
	if !ok {
		if len(s.sums) >= maxSums {
			s.refused++
			return nil
		}
		i = int32(len(s.sums))
		s.index[p] = i
		s.sums = append(s.sums, sum{place: p, at: at})
		s.since = append(s.since, at)
	}
	*slot = i + 1
	return &s.sums[i]
}

// vni returns the entry of a tunnelled network of an agent.
func (s *samples) vni(agent, vni uint32, at int64) *sum {
	p := place{agent, ofVNI, vni &^ otherVNI}
	if _, ok := s.index[p]; !ok {
		if s.vnis[agent] >= maxVNIs {
			p.id = otherVNI
		} else {
			s.vnis[agent]++
		}
	}
	return s.entry(p, at)
}

// silentIntervals is for how many intervals an entry without samples is still
// written, as zero.
const silentIntervals = 30

// sweep writes the entries whose turn it is.
func (g *Gather) sweep(now time.Time) {
	s, ns := &g.samples, now.UnixNano()
	n := len(s.sums)
	elapsed := ns - s.lastAt
	s.lastAt = ns
	if n == 0 || elapsed <= 0 {
		return
	}
	some := int(float64(n)*min(float64(elapsed)/float64(g.cfg.Interval), 1)) + 1
	for range min(some, n) {
		if s.next >= len(s.sums) {
			s.next = 0
		}
		i := s.next
		span := ns - s.since[i]
		if span < int64(g.cfg.Interval)-int64(g.cfg.Interval)/8 {
			s.next++
			continue
		}
		e := &s.sums[i]
		if ns-e.at > silentIntervals*int64(g.cfg.Interval) {
			s.remove(i)
			if len(s.sums) == 0 {
				return
			}
			continue
		}
		g.write(e, ns, span)
		e.octets, e.packets, e.samples = 0, 0, 0
		s.since[i] = ns
		s.next++
	}
}

// remove takes entry i out; the last takes its place.
func (s *samples) remove(i int) {
	e := &s.sums[i]
	if e.what == ofVNI && e.id != otherVNI {
		if s.vnis[e.agent]--; s.vnis[e.agent] == 0 {
			delete(s.vnis, e.agent)
		}
	}
	delete(s.index, e.place)
	last := len(s.sums) - 1
	if i != last {
		s.sums[i], s.since[i] = s.sums[last], s.since[last]
		s.index[s.sums[i].place] = int32(i)
	}
	s.sums, s.since = s.sums[:last], s.since[:last]
	s.recent = [512]int32{}
}

// write makes the point of an entry that covers span ns until now.
func (g *Gather) write(e *sum, now, span int64) {
	l, ok := g.shared.Caption(e.agent)
	if !ok || len(g.filling.Points) >= g.cfg.Points {
		if ok {
			g.dropped++
		}
		return
	}
	classes := [whats]*Class{flowSamples, protocols, vnis, discardedPackets}
	p, v := g.filling.Add(classes[e.what], now)
	p.Tags[0], p.Tags[1] = l.Agent, l.Name
	seconds := float64(span) / 1e9
	if e.what == ofReason {
		p.Tags[2] = reasonName(e.id)
		g.filling.Done(append(v, Number(float64(e.packets)/seconds), Whole(e.packets)))
		return
	}
	switch e.what {
	case ofSource:
		p.Tags[2], p.Tags[5] = e.source.String(), [2]string{"ingress", "egress"}[e.id&1]
		if e.source.Class == sflow.ClassInterface {
			p.Tags[3], p.Tags[4] = portNames(e.source.Index, g.shared.Interface(e.agent, e.source.Index))
		}
	case ofProtocol:
		p.Tags[2] = protocolName(e.id)
	case ofVNI:
		p.Tags[2] = "other"
		if e.id != otherVNI {
			p.Tags[2] = strconv.FormatUint(uint64(e.id), 10)
		}
	}
	g.filling.Done(append(v, Number(8*float64(e.octets)/seconds), Number(float64(e.packets)/seconds), Whole(e.samples)))
}

func reasonName(reason uint32) string {
	if name := sflow.DropReasonName(reason); name != "" {
		return name
	}
	return "other"
}

// Protocols that have their own name. Numbers are those of IP; from 256 on
// they are EtherTypes, from 1<<16 on ours.
const (
	protoARP   = 256 + 0x0806
	protoLLDP  = 256 + 0x88cc
	protoOther = 1 << 16 // no IP
	protoIP    = 1<<16 + 1
)

// protocolOf returns the class of the innermost packet.
func protocolOf(h *packet.Header) uint32 {
	if h.HasKey || h.EtherType == 0x0800 || h.EtherType == 0x86dd {
		switch h.Key.Proto {
		case 1, 2, 6, 17, 47, 50, 58, 89, 112, 132:
			return uint32(h.Key.Proto)
		}
		return protoIP
	}
	if h.EtherType == 0x0806 || h.EtherType == 0x88cc {
		return 256 + uint32(h.EtherType)
	}
	return protoOther
}

func protocolName(p uint32) string {
	switch p {
	case 1:
		return "icmp"
	case 2:
		return "igmp"
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 47:
		return "gre"
	case 50:
		return "esp"
	case 58:
		return "icmp6"
	case 89:
		return "ospf"
	case 112:
		return "vrrp"
	case 132:
		return "sctp"
	case protoARP:
		return "arp"
	case protoLLDP:
		return "lldp"
	case protoIP:
		return "other ip"
	}
	return "not ip"
}
