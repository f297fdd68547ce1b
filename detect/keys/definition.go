package keys

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir/detect/heavy"
)

// Value is what a definition adds up.
type Value uint8

// The values.
const (
	Bytes   Value = iota // frame length × sampling rate
	Packets              // sampling rate
)

// String returns bytes or packets.
func (v Value) String() string {
	if v == Packets {
		return "packets"
	}
	return "bytes"
}

// Definition is a key and the value counted by it.
type Definition struct {
	fields   []field // ascending
	distinct []field // counted once per key; empty without
	value    Value
	size     int
}

// MaxSize is the most bytes that the fields of a key may have: two addresses
// inside and two outside of a tunnel, with their domain.
const MaxSize = 72

// Parse reads a key, a list of fields such as "src,dst_port". It counts bytes.
func Parse(key string) (Definition, error) {
	var d Definition
	fields, err := parseFields("key", key)
	if err != nil {
		return d, err
	}
	d.fields = fields
	for _, f := range fields {
		d.size += words[f.kind].size
	}
	if len(fields) > maxFields {
		return d, fmt.Errorf("key %q: has %d fields with domain and agent, at most %d; leave fields out", key, len(fields), maxFields)
	}
	if d.size > MaxSize {
		return d, fmt.Errorf("key %q: has %d bytes, at most %d; leave fields out", key, d.size, MaxSize)
	}
	return d, nil
}

// ParseWith reads a key and its value: "bytes", "packets", "distinct(src)",
// "bytes distinct(src)".
func ParseWith(key, value string) (Definition, error) {
	d, err := Parse(key)
	if err != nil {
		return d, err
	}
	words := strings.Fields(value)
	if len(words) == 0 {
		return d, fmt.Errorf("key %q: value is empty; use bytes, packets or distinct(field)", key)
	}
	d.value = Packets
	for i, w := range words {
		inside, isDistinct := strings.CutPrefix(w, "distinct(")
		switch {
		case w == "bytes" && i == 0:
			d.value = Bytes
		case w == "packets" && i == 0:
		case isDistinct && strings.HasSuffix(inside, ")") && i == len(words)-1:
			d.distinct, err = parseFields("value", strings.TrimSuffix(inside, ")"))
			if err == nil && len(d.distinct) > maxFields {
				err = fmt.Errorf("value %q: has more than %d fields; leave fields out", value, maxFields)
			}
		default:
			err = fmt.Errorf("value %q: %q is unknown; use bytes, packets, distinct(field), or both", value, w)
		}
		if err != nil {
			return d, err
		}
	}
	for _, f := range d.distinct {
		same := func(g field) bool { return g.kind == f.kind && g.v4 == f.v4 && g.v6 == f.v6 }
		if f.kind != kindDomain && f.kind != kindAgent && slices.ContainsFunc(d.fields, same) {
			return d, fmt.Errorf("value %q: %v is part of the key %q, so that there is always one; use another field", value, f, key)
		}
	}
	return d, nil
}

func mustParse(key, value string) Definition {
	d, err := ParseWith(key, value)
	if err != nil {
		panic(err)
	}
	return d
}

// parseFields reads a list and adds what belongs to its fields.
func parseFields(what, list string) ([]field, error) {
	var fields []field
	proto := false
	for text := range strings.SplitSeq(list, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			return nil, fmt.Errorf("%s %q: a field is empty; write fields such as src,dst_port", what, list)
		}
		f, err := parseField(text)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(fields, func(g field) bool { return g.kind == f.kind }) {
			return nil, fmt.Errorf("%s %q: %s is there twice; leave one out", what, list, words[f.kind].name)
		}
		proto = proto || f.kind == kindProto
		fields = append(fields, f)
	}
	for i := range fields {
		switch fields[i].kind {
		case kindSrcPort, kindDstPort:
			fields[i].strict = !proto
		case kindInstance:
			fields[i].strict = what == "value"
		}
	}
	implied := func(k kind, by func(kind) bool) {
		has := func(f field) bool { return f.kind == k }
		if !slices.ContainsFunc(fields, has) && slices.ContainsFunc(fields, func(f field) bool { return by(f.kind) }) {
			fields = append(fields, field{kind: k, v4: wholeAddress, v6: wholeAddress})
		}
	}
	implied(kindDomain, kind.tenant)
	implied(kindAgent, func(k kind) bool { return k == kindInput || k == kindOutput })
	slices.SortFunc(fields, func(a, b field) int { return cmp.Compare(a.kind, b.kind) })
	return fields, nil
}

// Key returns the fields in their canonical order, without the domain that
// every address has.
func (d *Definition) Key() string { return join(d.fields) }

func join(fields []field) string {
	var names []string
	tenant := slices.ContainsFunc(fields, func(f field) bool { return f.kind.tenant() })
	for _, f := range fields {
		if f.kind != kindDomain || !tenant {
			names = append(names, f.String())
		}
	}
	return strings.Join(names, ",")
}

// Value returns what is added up.
func (d *Definition) Value() Value { return d.value }

// named reports that the key has the word.
func (d *Definition) named(k kind) bool {
	return slices.ContainsFunc(d.fields, func(f field) bool { return f.kind == k })
}

// Instances reports that the key, or what is counted once in it, tells instances
// apart.
func (d *Definition) Instances() bool {
	return d.named(kindInstance) || slices.ContainsFunc(d.distinct, func(f field) bool { return f.kind == kindInstance })
}

// Distinct returns the fields counted once, "" without.
func (d *Definition) Distinct() string { return join(d.distinct) }

// String returns key and value as they are configured.
func (d *Definition) String() string {
	s := d.Key() + ": " + d.value.String()
	if len(d.distinct) > 0 {
		s += " distinct(" + d.Distinct() + ")"
	}
	return s
}

// Config returns the size of the definition's Summary.
func (d *Definition) Config(entries int) heavy.Config {
	return heavy.Config{Entries: entries, Spread: len(d.distinct) > 0}
}

// Bytes returns the memory of one shard's Summary with so many entries; 0 is
// the default number.
func (d *Definition) Bytes(entries int) int { return d.Config(entries).Bytes(d.stored()) }

// stored is the size in which keys are kept: the least of three.
func (d *Definition) stored() int {
	switch {
	case d.size <= 24:
		return 24
	case d.size <= 44:
		return 44
	}
	return MaxSize
}

// Default returns the definitions of a collector without configured ones.
//
//   - a flow, for large flows;
//   - a destination in bytes: floods that fill a line;
//   - a destination in packets, with its sources: floods that fill a table or a
//     processor, spoofed or not;
//   - a service, for floods at one port;
//   - a prefix with its addresses, for attacks spread over many of them;
//   - a destination by the port it is answered from, for amplification (DNS
//     53, NTP 123, …);
//   - a source with its destinations, for sweeps and spreaders;
//   - a pair with its ports, for port scans;
//   - the port of a switch with the sources behind it: where spoofed packets
//     come in.
func Default() []Definition {
	return []Definition{
		mustParse("src,dst,proto,src_port,dst_port", "bytes"),
		mustParse("dst", "bytes"),
		mustParse("dst", "packets distinct(src)"),
		mustParse("dst,proto,dst_port", "packets"),
		mustParse("dst/24/48", "packets distinct(dst)"),
		mustParse("dst,proto,src_port", "bytes"),
		mustParse("src", "packets distinct(dst)"),
		mustParse("src,dst", "packets distinct(dst_port)"),
		mustParse("input", "packets distinct(src)"),
	}
}
