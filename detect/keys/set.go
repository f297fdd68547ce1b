package keys

import (
	"fmt"
	"slices"

	"weir/decoder"
	"weir/detect/heavy"
)

// MaxDefinitions is how many definitions a Set may have.
const MaxDefinitions = 64

// Set counts every flow sample under a list of definitions. It belongs to one
// goroutine.
type Set struct {
	lanes    []lane // every field that any definition has, once
	defs     []compiled
	agent    bool // some field asks for it
	byPort   bool // some key has the instance
	records  bool
	now      sample
	have     uint64              // lanes that the sample has
	value    [maxLanes][2]uint64 // of the sample's lanes
	hash     [64]uint64          // of these; from maxLanes on that of no lane, 0
	groups   []group             // every combination of lanes that is hashed, once
	waiting  block
	mark     uint64
	hashSeed [2]uint64
}

// compiled is a definition with the numbers of its lanes.
type compiled struct {
	need    uint64 // lanes of the key
	members uint64 // lanes counted once
	key     uint8  // group
	member  uint8  // group
	value   Value
	table   *heavy.Table
	lanes   [maxFields]uint8 // of the key, in the order of its fields
	missing uint64
	again   uint64
	col     column
	Definition
}

// group is a combination of lanes, filled up with the one that is 0.
type group struct {
	lanes [maxFields]uint8
	many  bool // more than three
	hash  uint64
}

const (
	maxLanes  = 62
	once      = 1 << 63 // in the place of a lane: the packet was not sampled before
	ownPort   = 1 << 62 // likewise: it was not, or was sampled at an instance's port now
	maxFields = 8       // that a key may have, with its domain
)

// NewSet returns a Set with a Summary of so many entries (0: the default) per
// definition. The seed keys its hashes: random in a live collector, because
// senders choose the keys; the same in all Sets whose digests merge, and fixed
// in a replay.
func NewSet(defs []Definition, entries int, seed uint64) (*Set, error) {
	if len(defs) > MaxDefinitions {
		return nil, fmt.Errorf("keys: %d definitions: at most %d", len(defs), MaxDefinitions)
	}
	s := &Set{}
	m := mixer(seed)
	s.hashSeed = [2]uint64{m.next(), m.next()}
	s.mark = fold(m.next()|1, m.next()|1)
	for _, d := range defs {
		if len(d.fields) == 0 {
			return nil, fmt.Errorf("keys: definition without fields: use Parse")
		}
		c := compiled{Definition: d}
		var err error
		if c.key, c.need, err = s.group(d.fields, seed); err != nil {
			return nil, err
		}
		if c.member, c.members, err = s.group(d.distinct, seed); err != nil {
			return nil, err
		}
		if c.col, err = newColumn(&d, entries, s.mark); err != nil {
			return nil, err
		}
		switch {
		case d.named(kindAgent):
		case d.named(kindInstance):
			c.need |= ownPort
			s.byPort = true
		default:
			c.need |= once
		}
		c.table, c.value, c.lanes = c.col.Table(), d.value, s.groups[c.key].lanes
		s.defs = append(s.defs, c)
	}
	s.waiting.init(len(s.lanes), len(s.groups))
	return s, nil
}

// group returns the number of the group of these fields, which it adds with
// their lanes where it is new, and the set of its lanes.
func (s *Set) group(fields []field, seed uint64) (at uint8, set uint64, err error) {
	var g group
	for i := range g.lanes {
		g.lanes[i] = maxLanes
	}
	g.many = len(fields) > 3
	for i, f := range fields {
		l, err := s.lane(f, seed)
		if err != nil {
			return 0, 0, err
		}
		g.lanes[i] = l
		set |= 1 << l
	}
	i := slices.Index(s.groups, g)
	if i < 0 {
		i = len(s.groups)
		s.groups = append(s.groups, g)
	}
	return uint8(i), set, nil
}

// lane returns the number of a field's lane, which it adds where it is new. Its
// hash depends on the seed and the field alone, so that sets with other
// definitions agree.
func (s *Set) lane(f field, seed uint64) (uint8, error) {
	i := slices.IndexFunc(s.lanes, func(l lane) bool { return l.field == f })
	if i >= 0 {
		return uint8(i), nil
	}
	if len(s.lanes) == maxLanes {
		return 0, fmt.Errorf("keys: more than %d different fields in all definitions", maxLanes)
	}
	m := mixer(seed ^ uint64(f.kind+1)<<32)
	s.lanes = append(s.lanes, lane{f, f.fast(), m.next(), m.next()})
	switch f.kind {
	case kindAgent:
		s.agent = true
	case kindSrcAS, kindDstAS, kindNextHop:
		s.records = true
	}
	return uint8(len(s.lanes) - 1), nil
}

// SetInstances says where instances are. Without, none is known. Call it before
// the first sample.
func (s *Set) SetInstances(in *Instances) { s.now.instances = in }

// Update counts a flow sample, whose Est the registry has filled, in a slot. It
// keeps nothing of f and allocates nothing.
func (s *Set) Update(f *decoder.Flow, slot int64) { s.UpdateTimes(f, slot, 1, false) }

// UpdateTimes is Update for a sample that stands for so many: the others were
// left out by chance. again says that its packet was sampled before, at another
// place: it then counts for keys of a place alone (Definition.Place), and for
// those of an instance at whose port it is sampled now.
func (s *Set) UpdateTimes(f *decoder.Flow, slot int64, times uint64, again bool) {
	s.read(f)
	switch {
	case !again:
		s.have |= once | ownPort
	case s.byPort:
		if hi, lo := s.now.instances.of(f); hi|lo != 0 {
			s.have |= ownPort
		}
	}
	s.waiting.put(s, f, slot, times)
	if s.waiting.n == blockSize {
		s.flush()
	}
}

// read hashes every field that the sample has, and the groups. The hash of a
// group of which it lacks a field means nothing. The fields that most
// definitions have are read here, without a call.
func (s *Set) read(f *decoder.Flow) {
	if s.agent {
		s.now.agent = f.Agent.As16()
	}
	if s.records {
		s.now.records(f)
	}
	k := &f.Header.Key
	addresses := hasAddresses(&f.Header)
	have := uint64(0)
	for i := range s.lanes {
		l := &s.lanes[i]
		hi, lo, ok := uint64(0), uint64(0), addresses
		switch l.fast {
		case fastSrc:
			hi, lo = be.Uint64(k.Src[:8]), be.Uint64(k.Src[8:])
		case fastDst:
			hi, lo = be.Uint64(k.Dst[:8]), be.Uint64(k.Dst[8:])
		case fastDomain:
			lo = uint64(k.Domain)
		case fastProto:
			lo = uint64(k.Proto)
		case fastSrcPort:
			lo, ok = uint64(k.SrcPort), f.Header.HasKey
		case fastDstPort:
			lo, ok = uint64(k.DstPort), f.Header.HasKey
		default:
			hi, lo, ok = s.now.value(&l.field, f)
		}
		if ok {
			have |= 1 << i
			s.value[i%maxLanes] = [2]uint64{hi, lo}
			s.hash[i&63] = fold(hi^l.k0, lo^l.k1)
		}
	}
	s.have = have
	s.combine()
}

// How read gets at a field.
const (
	slow = iota
	fastSrc
	fastDst
	fastDomain
	fastProto
	fastSrcPort
	fastDstPort
)

func (f *field) fast() uint8 {
	switch {
	case f.kind == kindSrc && f.v4 == wholeAddress:
		return fastSrc
	case f.kind == kindDst && f.v4 == wholeAddress:
		return fastDst
	case f.kind == kindDomain:
		return fastDomain
	case f.kind == kindProto:
		return fastProto
	case f.kind == kindSrcPort && !f.strict:
		return fastSrcPort
	case f.kind == kindDstPort && !f.strict:
		return fastDstPort
	}
	return slow
}

// combine hashes the hashes of each group's lanes. Sums of secret hashes meet by
// chance alone.
func (s *Set) combine() {
	for i := range s.groups {
		g := &s.groups[i]
		h := s.hash[g.lanes[0]&63] + s.hash[g.lanes[1]&63] + s.hash[g.lanes[2]&63]
		if g.many {
			for _, l := range g.lanes[3:] {
				h += s.hash[l&63]
			}
		}
		g.hash = fold(h^s.hashSeed[0], s.hashSeed[1]^h>>32)
	}
}

// Advance tells the time where no sample does.
func (s *Set) Advance(slot int64) {
	s.flush()
	for i := range s.defs {
		s.defs[i].col.Advance(slot)
	}
}

// Reset forgets all keys: the clock jumped.
func (s *Set) Reset() {
	s.flush() // what came before counts in the totals
	for i := range s.defs {
		s.defs[i].col.Reset()
	}
}

// Len returns the number of definitions.
func (s *Set) Len() int { return len(s.defs) }

// Now returns the newest slot of definition i.
func (s *Set) Now(i int) int64 {
	s.flush()
	return s.defs[i].col.Now()
}

// Item is a key of a definition with its estimate.
type Item struct {
	Key Key
	heavy.Estimate
}

// Top returns the n heaviest keys of definition i in a window, the heaviest
// first.
func (s *Set) Top(i, n int, w heavy.Window) []Item {
	s.flush()
	return items(&s.defs[i].Definition, s.defs[i].col.top(n, w))
}

// Total returns the weight of all samples that have a key of definition i.
func (s *Set) Total(i int, w heavy.Window) heavy.Estimate {
	s.flush()
	return s.defs[i].col.Total(w)
}

// Lookup returns the bounds of the key of a sample under definition i; false
// where the sample has none.
func (s *Set) Lookup(i int, f *decoder.Flow, w heavy.Window) (heavy.Estimate, bool) {
	s.flush()
	s.read(f)
	d := &s.defs[i]
	if (s.have|once|ownPort)&d.need != d.need {
		return heavy.Estimate{}, false
	}
	return d.col.Lookup(s.groups[d.key].hash, w), true
}

// Digest fills d with the n heaviest keys of definition i, for Merge.
func (s *Set) Digest(i int, d *Digest, n int, w heavy.Window) {
	s.flush()
	s.defs[i].col.digest(&d.Digest, n, w)
	d.def = &s.defs[i].Definition
}

// Digest is what a Set knows of a definition in a window, as plain data.
type Digest struct {
	heavy.Digest[[MaxSize]byte]
	def *Definition
}

// Merge adds digests of one definition and window.
func Merge(all ...*Digest) (*Digest, error) {
	out := &Digest{}
	var in []*heavy.Digest[bytes]
	for _, d := range all {
		if out.def == nil {
			out.def = d.def
		}
		if out.def.String() != d.def.String() {
			return nil, fmt.Errorf("keys: digests of %q and %q do not merge", out.def, d.def)
		}
		in = append(in, &d.Digest)
	}
	m, err := heavy.Merge(in...)
	if err != nil {
		return nil, err
	}
	out.Digest = *m
	return out, nil
}

// Keys returns the items with their keys readable.
func (d *Digest) Keys() []Item { return items(d.def, d.Items) }

func items(d *Definition, in []heavy.Item[bytes]) []Item {
	out := make([]Item, len(in))
	for i := range in {
		out[i] = Item{Key{def: d, b: in[i].Key}, in[i].Estimate}
	}
	return out
}

// Counts are the running counts of one definition.
type Counts struct {
	heavy.Counts
	Missing uint64 // samples without one of the key's fields
	Again   uint64 // samples of packets that were counted at another place
}

// Counts returns the counts of definition i.
func (s *Set) Counts(i int) Counts {
	s.flush()
	return Counts{s.defs[i].col.Counts(), s.defs[i].missing, s.defs[i].again}
}

// Bytes returns the memory of the Set's summaries.
func (s *Set) Bytes() (n int) {
	for i := range s.defs {
		n += s.defs[i].Bytes(s.defs[i].col.Counts().MaxKeys)
	}
	return n
}
