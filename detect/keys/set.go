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
	records  bool
	now      sample
	key      bytes                // of the key that gets a place
	have     uint64               // lanes that the sample has
	hash     [maxLanes + 1]uint64 // of the sample's lanes; the last is that of no lane, 0
	groups   []group              // every combination of lanes that is hashed, once
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
	place   int // of the sample's key
	missing uint64
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
	maxLanes  = 63
	maxFields = 8 // that a key may have, with its domain
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
		c.table, c.value = c.col.Table(), d.value
		s.defs = append(s.defs, c)
	}
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

// Update counts a flow sample, whose Est the registry has filled, in a slot. It
// keeps nothing of f and allocates nothing.
func (s *Set) Update(f *decoder.Flow, slot int64) { s.UpdateSome(f, slot, ^uint64(0)) }

// UpdateSome counts a flow sample under the definitions whose bit is set, the
// first being the lowest.
func (s *Set) UpdateSome(f *decoder.Flow, slot int64, which uint64) {
	s.read(f)
	rate := uint64(f.Est.SamplingRate)
	weight := [2]uint64{Bytes: rate * uint64(f.FrameLength), Packets: rate}
	for i := range s.defs {
		d := &s.defs[i]
		d.place = d.table.Locate(s.groups[d.key].hash)
	}
	for i := range s.defs {
		d := &s.defs[i]
		if which>>i&1 == 0 {
			continue
		}
		if s.have&d.need != d.need {
			d.missing++
			continue
		}
		place, admitted := d.table.Count(d.place, s.groups[d.key].hash, slot, weight[d.value&1])
		if admitted {
			s.name(d, place, f)
		}
		if d.members != 0 && place >= 0 && s.have&d.members == d.members {
			d.table.Member(place, slot, s.groups[d.member].hash)
		}
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
		default:
			hi, lo, ok = s.now.value(&l.field, f)
		}
		if ok {
			have |= 1 << i
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

// name writes the key of a place that was given to the sample just now.
func (s *Set) name(d *compiled, place int, f *decoder.Flow) {
	s.key = bytes{}
	b := s.key[:]
	for i := range d.fields {
		x := &d.fields[i]
		size := words[x.kind].size
		hi, lo, _ := s.now.value(x, f)
		put(b, size, hi, lo)
		b = b[size:]
	}
	d.col.setKey(place, &s.key)
}

// Advance tells the time where no sample does.
func (s *Set) Advance(slot int64) {
	for i := range s.defs {
		s.defs[i].col.Advance(slot)
	}
}

// Reset forgets all keys: the clock jumped.
func (s *Set) Reset() {
	for i := range s.defs {
		s.defs[i].col.Reset()
	}
}

// Len returns the number of definitions.
func (s *Set) Len() int { return len(s.defs) }

// Definition returns definition i.
func (s *Set) Definition(i int) *Definition { return &s.defs[i].Definition }

// Now returns the newest slot of definition i.
func (s *Set) Now(i int) int64 { return s.defs[i].col.Now() }

// Item is a key of a definition with its estimate.
type Item struct {
	Key  Key
	Hash uint64
	heavy.Estimate
}

// Top returns the n heaviest keys of definition i in a window, the heaviest
// first.
func (s *Set) Top(i, n int, w heavy.Window) []Item {
	return items(&s.defs[i].Definition, s.defs[i].col.top(n, w))
}

// Total returns the weight of all samples that have a key of definition i.
func (s *Set) Total(i int, w heavy.Window) heavy.Estimate { return s.defs[i].col.Total(w) }

// Lookup returns the bounds of the key of a sample under definition i; false
// where the sample has none.
func (s *Set) Lookup(i int, f *decoder.Flow, w heavy.Window) (heavy.Estimate, bool) {
	s.read(f)
	d := &s.defs[i]
	if s.have&d.need != d.need {
		return heavy.Estimate{}, false
	}
	return d.col.Lookup(s.groups[d.key].hash, w), true
}

// LookupKey returns the bounds of a key.
func (s *Set) LookupKey(i int, hash uint64, w heavy.Window) heavy.Estimate {
	return s.defs[i].col.Lookup(hash, w)
}

// Digest fills d with the n heaviest keys of definition i, for Merge.
func (s *Set) Digest(i int, d *Digest, n int, w heavy.Window) {
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
		out[i] = Item{Key{d, in[i].Key}, in[i].Hash, in[i].Estimate}
	}
	return out
}

// Counts are the running counts of one definition.
type Counts struct {
	heavy.Counts
	Missing uint64 // samples without one of the key's fields
}

// Counts returns the counts of definition i.
func (s *Set) Counts(i int) Counts { return Counts{s.defs[i].col.Counts(), s.defs[i].missing} }

// Bytes returns the memory of the Set's summaries.
func (s *Set) Bytes() (n int) {
	for i := range s.defs {
		n += s.defs[i].Bytes(s.defs[i].col.Counts().MaxKeys)
	}
	return n
}
