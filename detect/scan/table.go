package scan

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/detect/distinct"
)

const (
	ways      = 8
	lateAfter = int64(1e9)
	reportGap = int64(1e9)
	// smallFrame is the longest frame that a UDP probe has, in octets.
	smallFrame = 200
	// maxFrame is 64 KiB of payload and room for the headers of all layers.
	maxFrame = 64<<10 + 512

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// HandOver is how many findings wait for the tracker at most.
const HandOver = 256

// Finding is what a Table knows of a source that scans.
type Finding struct {
	Key     Key
	Type    Type
	First   int64 // ns of the first probe and the newest
	Last    int64
	Probes  uint64 // samples
	Sampled uint32 // of the minute that the following rests on
	Other   uint32
	Rate    float64 // packets per sample
	PerSec  float64 // probes per second, estimated
	Targets distinct.Estimate
	Hosts   distinct.Estimate
	Ports   distinct.Estimate
	Host    netip.Addr // most probes go to, the share HostAll of them
	HostAll float64
	Port    uint16 // likewise, with PortAll
	PortAll float64
	Flags   uint8 // of TCP
	Vantage decoder.Vantage
}

// Counts are running totals of a Table.
type Counts struct {
	Probes  uint64
	Late    uint64
	Evicted uint64 // sources that lost their place to another
	Lost    uint64 // findings, because the hand-over was full
}

// Table finds the sources that scan among all samples of one shard, in fixed
// memory. It is not safe for concurrent use.
type Table struct {
	Counts
	least   int
	seed    [3]uint64
	tags    [][ways]uint64
	sources []source
	mask    uint64
	used    int
	newest  int64
	out     []Finding
	urgent  bool
}

// NewTable returns a table.
func NewTable(cfg Config, seed uint64) *Table {
	buckets := buckets(cfg.Sources)
	t := &Table{
		least: cfg.MinTargets, tags: make([][ways]uint64, buckets), sources: make([]source, buckets*ways),
		mask: uint64(buckets - 1), out: make([]Finding, 0, HandOver),
	}
	x := seed ^ 0x5ca9
	for i := range t.seed { // SplitMix64
		x += 0x9e3779b97f4a7c15
		t.seed[i] = mix(x^x>>32, 0xd6e8feb86659fd93) | 1
	}
	return t
}

// SetConfig replaces the threshold.
func (t *Table) SetConfig(cfg Config) { t.least = cfg.MinTargets }

// Reset forgets everything but the counts.
func (t *Table) Reset() {
	clear(t.tags)
	clear(t.sources)
	t.used, t.newest, t.urgent = 0, 0, false
	t.out = t.out[:0]
}

// Used returns how many places are taken, and how many there are.
func (t *Table) Used() (used, of int) { return t.used, len(t.sources) }

// Urgent reports that since the last Take a source was found.
func (t *Table) Urgent() bool { return t.urgent }

// Take gives the findings since the last Take and continues in spare, a slice
// of capacity HandOver that is the table's from here on.
func (t *Table) Take(spare []Finding) []Finding {
	out := t.out
	t.out, t.urgent = spare[:0], false
	return out
}

// role is what a packet is to its source and to its destination.
type role uint8

const (
	nothing role = iota
	probe        // of the source
	opened       // of a connection of the source
	answer       // to the destination
)

// Sample counts one flow sample. It keeps nothing of f and allocates nothing.
func (t *Table) Sample(f *decoder.Flow) {
	h := &f.Header
	if !h.HasKey || h.Fragment {
		return
	}
	proto, is := roleOf(h, f.FrameLength)
	if is == nothing || f.FrameLength == 0 || f.FrameLength > maxFrame {
		return
	}
	at := f.At.UnixNano()
	if at < t.newest-lateAfter {
		t.Late++
		return
	}
	t.newest = max(t.newest, at)
	k := &h.Key
	if proto != TCP {
		// A packet may be a probe to one and an answer to another.
		if s := t.find(t.hash(&k.Dst, k.Domain, proto)); s != nil {
			s.other++
		}
	}
	if is == answer {
		return
	}
	hash := t.hash(&k.Src, k.Domain, proto)
	s := t.find(hash)
	if is == opened {
		if s != nil {
			s.other++
		}
		return
	}
	if multicast(&k.Dst) {
		return
	}
	t.Probes++
	if s == nil {
		s = t.admit(hash, at)
		s.key = Key{Addr: k.Src, Domain: k.Domain, V6: k.V6, Proto: proto}
	}
	t.probe(s, f, at)
}

// probe counts a probe.
func (t *Table) probe(s *source, f *decoder.Flow, at int64) {
	if at-s.began > minute {
		if s.active != 0 && at-s.last > minute {
			s.active = 0
		}
		s.renew(at)
	}
	k := &f.Header.Key
	if s.active == 0 && s.probes == 0 {
		s.first, s.total = at, 0
	}
	s.last = max(s.last, at)
	s.probes++
	s.total++
	s.packets += float64(max(f.Est.SamplingRate, 1))
	s.flags = f.Header.TCPFlags
	host := mix(binary.BigEndian.Uint64(k.Dst[8:])^t.seed[0], binary.BigEndian.Uint64(k.Dst[:8])^t.seed[1])
	port := k.DstPort
	if s.key.Proto == ICMP {
		port = 0
	}
	fresh := s.targets.Add(mix(host, uint64(port)|t.seed[2]<<16))
	s.hosts.Add(host)
	s.ports.Add(mix(uint64(port)^t.seed[2], t.seed[0]))
	s.host.add(k.Dst)
	s.port.add(port)
	s.agent.add(f.Est.Vantage)
	if int(s.probes) < t.least || !fresh && s.active == 0 || s.active != 0 && at-s.told < reportGap {
		return
	}
	if s.active == 0 && s.probes%4 != 0 && int(s.probes) > 2*t.least {
		return
	}
	if is := s.judge(t.least); is != 0 {
		t.found(s, is, at)
	}
}

// found tells the tracker.
func (t *Table) found(s *source, is Type, at int64) {
	if len(t.out) == cap(t.out) {
		t.Lost++
		return
	}
	if s.active != is {
		t.urgent = true
	}
	s.active, s.told = is, at
	n := float64(s.probes)
	rate := s.packets / n
	// Of several vantage points only one tells how many packets there are.
	once := rate * float64(max(s.agent.count, 1)) / n
	f := Finding{
		Key: s.key, Type: is, First: s.first, Last: s.last, Probes: s.total, Sampled: s.probes, Other: s.other,
		Rate: rate, PerSec: n * once * 1e9 / float64(max(s.last-s.began, 1e8)),
		Host: address(s.host.value, s.key.V6), HostAll: float64(s.host.count) / n,
		Port: s.port.value, PortAll: float64(s.port.count) / n, Flags: s.flags, Vantage: s.agent.value,
	}
	f.Targets = distinct.FromSamples(n, s.targets.Count(), once, 0)
	f.Hosts = distinct.FromSamples(n, s.hosts.Count(), once, 0)
	f.Ports = distinct.FromSamples(n, s.ports.Count(), once, 1<<16)
	t.out = append(t.out, f)
}

func (t *Table) find(hash uint64) *source {
	hash |= 1
	b := hash >> 32 & t.mask
	for i, tag := range &t.tags[b] {
		if tag == hash {
			return &t.sources[int(b)*ways+i]
		}
	}
	return nil
}

// admit gives a new source a place: a free one, else that of the one with the
// fewest probes, silent ones first.
func (t *Table) admit(hash uint64, at int64) *source {
	hash |= 1
	b := hash >> 32 & t.mask
	best, least := 0, ^uint32(0)
	for i, tag := range &t.tags[b] {
		if tag == 0 {
			best = i
			t.used++
			break
		}
		s := &t.sources[int(b)*ways+i]
		n := s.probes + 1
		if at-s.last > minute {
			n = 0
		}
		if n < least {
			best, least = i, n
		}
	}
	if t.tags[b][best] != 0 {
		t.Evicted++
	}
	t.tags[b][best] = hash
	s := &t.sources[int(b)*ways+best]
	*s = source{began: at, last: at}
	return s
}

func (t *Table) hash(a *[16]byte, domain uint32, proto Protocol) uint64 {
	hi, lo := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	return mix(mix(lo^t.seed[0], hi^t.seed[1])^uint64(domain)^uint64(proto)<<40, t.seed[2])
}

// mix folds the product of two words: all bits of both reach all of the result.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// roleOf tells what a packet is.
func roleOf(h *packet.Header, frame uint32) (Protocol, role) {
	switch h.Key.Proto {
	case protoTCP:
		return TCP, tcpRole(h)
	case protoUDP:
		switch {
		case h.Depth < packet.DepthTransport:
			return UDP, nothing
		case frame > smallFrame || h.Key.SrcPort < 1024:
			return UDP, answer
		}
		return UDP, probe
	case protoICMP:
		switch h.ICMPType {
		case 8:
			return ICMP, probe
		case 0:
			return ICMP, answer
		}
	case protoICMPv6:
		switch h.ICMPType {
		case 128:
			return ICMP, probe
		case 129:
			return ICMP, answer
		}
	}
	return 0, nothing
}

func tcpRole(h *packet.Header) role {
	const syn, rst, ack = 2, 4, 16
	switch f := h.TCPFlags; {
	case !h.HasTCP && f == 0, f&rst != 0, f&(syn|ack) == syn|ack:
		return nothing
	case f&ack == 0:
		return probe
	}
	return opened
}

// multicast reports whether an address is for many.
func multicast(a *[16]byte) bool {
	if a[0] == 0xff {
		return true
	}
	return a[10] == 0xff && a[11] == 0xff && a[0]|a[1]|a[2]|a[3] == 0 && a[12] >= 224
}
