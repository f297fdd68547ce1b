package flood

import (
	"encoding/binary"

	"weir/decoder"
	"weir/detect/prefetch"
	"weir/detect/window"
)

const (
	// minSamples is the fewest samples that a flood is told from chance by.
	minSamples = 8

	drainLoad = 0.125 // of the threshold: what the leaky bucket forgives
	bucketMax = 15    // seconds of drain that the bucket holds at most
	hotFor    = int64(15e9)

	sieveEvery = 64 // hand-overs

	lateAfter = int64(1e9) // ns behind the newest sample: not counted
	// maxFrame is 64 KiB of payload and room for the headers of all layers.
	maxFrame = 64<<10 + 512
)

// Counts are running totals of a Table.
type Counts struct {
	Samples     uint64 // counted
	BadLength   uint64 // frame length 0, or beyond 64 KiB and headers
	Late        uint64 // more than 1 s behind the newest
	Evicted     uint64 // keys that lost their place to another
	LostRecords uint64 // samples of hot keys, because the hand-over was full
}

// Table finds among all samples of one shard the hosts and prefixes that may
// be victims, in fixed memory. It is not safe for concurrent use.
type Table struct {
	Counts
	scales   *scales
	seed     [4]uint64
	hosts    places
	prefixes places
	newest   int64
	out      *Batch
	index    [2 * maxRecords]cell
	epoch    uint32
	urgent   bool
	seen     [4096]seen
}

// cell finds the record that a sample joins.
type cell struct {
	hash   uint64
	record int32
	epoch  uint32
}

// NewTable returns a table. All shards of a process have the same seed, so that
// they agree on what is the same flow.
func NewTable(cfg Config, seed uint64) *Table {
	t := &Table{
		scales: newScales(&cfg),
		hosts:  newPlaces(cfg.Hosts), prefixes: newPlaces(cfg.Hosts / 2),
		out: NewBatch(), epoch: 1,
	}
	x := seed
	for i := range t.seed { // SplitMix64
		x += 0x9e3779b97f4a7c15
		t.seed[i] = mix(x^x>>32, 0xd6e8feb86659fd93) | 1
	}
	return t
}

// SetConfig replaces the thresholds.
func (t *Table) SetConfig(cfg Config) { t.scales = newScales(&cfg) }

// Reset forgets everything but the counts.
func (t *Table) Reset() {
	t.hosts.reset()
	t.prefixes.reset()
	t.seen = [len(t.seen)]seen{}
	t.newest, t.urgent = 0, false
	t.out.Reset()
	t.epoch++
}

// Used returns how many places are taken, and how many there are.
func (t *Table) Used() (used, of int) {
	return t.hosts.used + t.prefixes.used, len(t.hosts.entries) + len(t.prefixes.entries)
}

// Urgent reports that since the last Take some key rose towards a flood.
func (t *Table) Urgent() bool { return t.urgent }

// Take gives what was gathered since the last Take and continues in spare,
// which is the table's from here on.
func (t *Table) Take(spare *Batch) *Batch {
	out := t.out
	spare.Reset()
	t.out, t.urgent = spare, false
	if t.epoch++; t.epoch%sieveEvery == 0 {
		t.hosts.sieve()
		t.prefixes.sieve()
	}
	t.Evicted = t.hosts.evicted + t.prefixes.evicted
	return out
}

// sample is what is needed of one while it is counted.
type sample struct {
	f        *decoder.Flow
	from, to uint64 // hashes of the prefixes
	hot      [3]*entry
	at       int64
	kind     Kind
	class    Class
	counts   bool // what it is, is known
	packets  float32
	load     float32
	src, dst uint64 // hashes
	flow     uint64
	detail   *Detail
}

// Sample counts one flow sample. It keeps nothing of f and allocates nothing.
func (t *Table) Sample(f *decoder.Flow) {
	var s sample
	if t.begin(&s, f) {
		t.count(&s)
	}
}

// SampleAll counts flow samples as Sample does, at most decoder.FlowsKept.
func (t *Table) SampleAll(all []*decoder.Flow) {
	var wait [decoder.FlowsKept]sample
	n := 0
	for _, f := range all {
		s := &wait[n%len(wait)]
		if !t.begin(s, f) {
			continue
		}
		n++
		if s.kind < Kinds {
			t.hosts.fetch(s.dst)
			t.prefixes.fetch(s.to)
		}
		prefetch.Line(t.sighted(s))
	}
	t.fetchHot(wait[:n])
	for i := range wait[:n] {
		t.count(&wait[i])
	}
}

// begin reads a sample; false where it is not counted.
func (t *Table) begin(s *sample, f *decoder.Flow) bool {
	h := &f.Header
	if !addressed(&f.Packet) || multicast(&h.Key.Dst) {
		return false
	}
	if f.FrameLength == 0 || f.FrameLength > maxFrame {
		t.BadLength++
		return false
	}
	*s = sample{f: f, at: f.At.UnixNano()}
	if s.at < t.newest-lateAfter {
		t.Late++
		return false
	}
	t.newest = max(t.newest, s.at)
	t.Samples++
	k := &h.Key
	s.src, s.dst = t.hash(&k.Src, k.Domain), t.hash(&k.Dst, k.Domain)
	s.flow = t.flow(s)
	s.from, s.to = t.prefixHash(&k.Src, k.V6, k.Domain), t.prefixHash(&k.Dst, k.V6, k.Domain)
	s.kind, s.class, s.counts = kindOf(h, f.FrameLength)
	return true
}

func (t *Table) count(s *sample) {
	f := s.f
	h := &f.Header
	if h.HasKey && !f.Est.Vantage.Egress() {
		t.sight(s)
	}
	if !s.counts {
		return
	}
	s.packets = float32(max(f.Est.SamplingRate, 1))
	s.load = t.scales.load(s.kind, s.class, s.packets, s.packets*float32(f.FrameLength))

	t.inbound(s, &t.hosts, s.dst, 1)
	t.inbound(s, &t.prefixes, s.to, t.scales.prefix)

	var out Kind
	switch h.Key.Proto {
	case protoTCP:
		if s.kind == RST {
			return // a stack refuses what nobody asked for
		}
		out = tcpOut
	case protoUDP:
		out = udpOut
	default:
		return
	}
	if t.hosts.hot > 0 {
		t.outbound(s, &t.hosts, s.src, out)
	}
	if t.prefixes.hot > 0 && s.from != s.to {
		t.outbound(s, &t.prefixes, s.from, out)
	}
}

// inbound counts a sample for the host or prefix it goes to.
func (t *Table) inbound(s *sample, p *places, hash uint64, prefix float32) {
	if s.kind >= Kinds {
		t.outbound(s, p, hash, s.kind)
		return
	}
	i := p.find(hash)
	load := s.load * prefix
	if i < 0 {
		p.admit(hash, load, s.at)
		return
	}
	e, began := p.add(i, load, s.at)
	if e == nil {
		return
	}
	if began != 0 {
		k := &s.f.Header.Key
		if e.key = hostKey(&k.Dst, k.Domain, k.V6); p == &t.prefixes {
			e.key = e.key.prefix()
		}
	}
	t.record(s, e, hash, s.kind, began)
	t.detail(s, e, p == &t.hosts)
	if e.rising(load, s.at) {
		t.urgent = true
	}
}

// outbound counts a sample for the host or prefix it comes from, which tells
// whether what that receives is answered.
func (t *Table) outbound(s *sample, p *places, hash uint64, kind Kind) {
	if i := p.findHot(hash); i >= 0 {
		t.record(s, &p.entries[i], hash, kind, 0)
	}
}

// record adds a sample to the record of its key, kind and port.
func (t *Table) record(s *sample, e *entry, hash uint64, kind Kind, began int64) {
	f := s.f
	slot := window.SlotOf(s.at)
	port := f.Sample.Input.Value | f.Sample.Input.Format<<30
	where := uint64(f.Est.Vantage.Agent)<<33 | uint64(port)<<1 | uint64(f.Est.Vantage.Source&1)
	id := mix(hash^where, t.seed[2]^uint64(slot)<<8^uint64(kind)<<56)
	if e.tag == id && e.in == t.epoch {
		t.out.Records[e.rec].add(s)
		return
	}
	c := &t.index[id%uint64(len(t.index))]
	for step := 0; c.epoch == t.epoch && c.hash != id; step++ {
		if step == 8 {
			t.LostRecords++
			return
		}
		id2 := (id + uint64(step) + 1) % uint64(len(t.index))
		c = &t.index[id2]
	}
	if c.epoch != t.epoch {
		if len(t.out.Records) == cap(t.out.Records) {
			t.LostRecords++
			return
		}
		*c = cell{hash: id, record: int32(len(t.out.Records)), epoch: t.epoch}
		t.out.Records = append(t.out.Records, Record{
			Key: e.key, Kind: kind, Egress: f.Est.Vantage.Egress(), Agent: f.Est.Vantage.Agent, Port: port,
			Slot: slot, First: s.at, Last: s.at, Began: began,
		})
	}
	e.tag, e.in, e.rec = id, t.epoch, c.record
	t.out.Records[c.record].add(s)
}

// add counts a sample.
func (r *Record) add(s *sample) {
	w := float64(s.packets)
	r.N++
	r.W += w
	r.W2 += w * w
	r.Load += float64(s.load)
	r.Octets += w * float64(s.f.FrameLength)
	r.First, r.Last = min(r.First, s.at), max(r.Last, s.at)
	r.Speed = s.f.Est.Speed
}

// detail hands on what the sample says beside its sums, once for host and
// prefix together, and for the first few of a key.
func (t *Table) detail(s *sample, e *entry, host bool) {
	if e.epoch != t.epoch {
		e.epoch, e.details = t.epoch, 0
	}
	if e.details >= keyDetails {
		return
	}
	if s.detail == nil {
		if len(t.out.Details) == cap(t.out.Details) {
			return
		}
		h := &s.f.Header
		t.out.Details = append(t.out.Details, Detail{
			Src: h.Key.Src, Dst: h.Key.Dst, Domain: h.Key.Domain, SrcPort: h.Key.SrcPort, DstPort: h.Key.DstPort,
			Proto: h.Key.Proto, Kind: s.kind, Class: s.class, V6: h.Key.V6, Flags: h.TCPFlags, TTL: h.TTL,
			Hash: s.flow, SrcHash: s.src, Frame: s.f.FrameLength,
		})
		s.detail = &t.out.Details[len(t.out.Details)-1]
		if s.kind == UDP && !h.HasKey {
			s.detail.SrcPort, s.detail.DstPort = 0, 0
		}
	}
	e.details++
	if host {
		s.detail.Host = true
	} else {
		s.detail.Prefix = true
	}
}

// flow returns the hash of the sample's flow.
func (t *Table) flow(s *sample) uint64 {
	k := &s.f.Header.Key
	return mix(s.src^t.seed[3], s.dst+(uint64(k.SrcPort)<<32|uint64(k.DstPort)<<16|uint64(k.Proto)))
}

func (t *Table) hash(a *[16]byte, domain uint32) uint64 {
	hi, lo := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	return mix(mix(lo^t.seed[0], hi^t.seed[1])^uint64(domain), t.seed[2])
}

func (t *Table) prefixHash(a *[16]byte, v6 bool, domain uint32) uint64 {
	hi, lo := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	if v6 {
		hi, lo = hi>>(64-prefixV6), 1
	} else {
		lo = lo >> (32 - prefixV4)
	}
	return mix(mix(lo^t.seed[1], hi^t.seed[3])^uint64(domain), t.seed[2])
}

// multicast reports whether traffic to the address is for many: no victim.
func multicast(a *[16]byte) bool {
	if a[0] == 0xff {
		return true
	}
	return a[10] == 0xff && a[11] == 0xff && a[0]|a[1]|a[2]|a[3] == 0 && a[12] >= 224
}
