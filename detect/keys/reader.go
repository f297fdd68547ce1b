package keys

import (
	"slices"

	"weir/decoder"
)

// Reader reads fields and keys of single samples, for those who count on their
// own. It belongs to one goroutine.
type Reader struct {
	f *decoder.Flow
	s sample
}

// Field is one word of the vocabulary, with prefix lengths where it has them.
type Field struct{ f field }

// ParseField reads a word such as dst or src/24. Ports are those of transports
// that have ports.
func ParseField(text string) (Field, error) {
	f, err := parseField(text)
	f.strict = f.kind == kindSrcPort || f.kind == kindDstPort
	return Field{f}, err
}

// Words returns every word of the vocabulary.
func Words() []string {
	all := make([]string, 0, kinds)
	for _, w := range words {
		all = append(all, w.name)
	}
	return all
}

// Records reports that the field is in the router and gateway records.
func (f Field) Records() bool { return f.f.kind >= kindSrcAS }

// Records reports that some field of the key is in the router and gateway
// records.
func (d *Definition) Records() bool {
	return slices.ContainsFunc(d.fields, func(f field) bool { return f.kind >= kindSrcAS })
}

// Has reports that the word is a field of the key, and whether all of it is:
// false for a prefix.
func (d *Definition) Has(word string) (has, whole bool) {
	for _, f := range d.fields {
		if words[f.kind].name == word {
			return true, f.v4 == wholeAddress
		}
	}
	return false, false
}

// SetInstances says where instances are. Without, none is known.
func (r *Reader) SetInstances(in *Instances) { r.s.instances = in }

// Set points the reader at a sample, whose Est the registry has filled. The
// router and gateway records are read where records says that they are asked
// for.
func (r *Reader) Set(f *decoder.Flow, records bool) {
	r.f = f
	r.s.agent = f.Agent.As16()
	if records {
		r.s.records(f)
	}
}

// Value returns a field as two words of 64 bits, an IPv4 address in its
// IPv4-mapped form; false where the sample does not have it.
func (r *Reader) Value(f *Field) (hi, lo uint64, ok bool) { return r.s.value(&f.f, r.f) }

// Instance reports whether the packet was sampled at an instance's port.
func (r *Reader) Instance() bool {
	hi, lo := r.s.instances.of(r.f)
	return hi|lo != 0
}

// Key writes the sample's key to b; false where the sample lacks a field, or its
// instance is not known.
func (r *Reader) Key(d *Definition, b *[MaxSize]byte) bool {
	*b = [MaxSize]byte{}
	rest := b[:]
	for i := range d.fields {
		f := &d.fields[i]
		hi, lo, ok := r.s.value(f, r.f)
		if !ok || f.kind == kindInstance && hi|lo == 0 {
			return false
		}
		size := words[f.kind].size
		put(rest, size, hi, lo)
		rest = rest[size:]
	}
	return true
}

// TakeDomain returns the domain of the key's addresses and leaves the underlay's
// in its place, which the key does not show beside addresses: the number is this
// process' own. ok is false where the key has none, or nothing else.
func (k *Key) TakeDomain() (domain uint32, ok bool) {
	if k.def == nil || len(k.def.fields) < 2 || k.def.fields[0].kind != kindDomain {
		return 0, false
	}
	domain = be.Uint32(k.b[:])
	be.PutUint32(k.b[:], 0)
	return domain, true
}

// Read returns the key that Reader.Key wrote.
func (d *Definition) Read(b *[MaxSize]byte) Key { return Key{def: d, b: *b} }
