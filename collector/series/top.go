package series

import (
	"slices"
	"strconv"
	"time"

	"weir/detect"
)

var topClass = &Class{
	Name: "top", Tags: []string{"definition", "slot"},
	Help: "the heaviest keys of a definition (top.keys). A key keeps its slot while it is among them, so that there are no more series than slots",
	Fields: fields([]Field{{Name: "rank", Unit: Count, Help: "1 is the heaviest"}, {Name: "key", Unit: Text}, {Name: "domain", Unit: Text, Help: "of a tenant's network; left out for the underlay"}},
		gauges(BitsPerSecond, "bits_per_second", "bits_per_second_low", "bits_per_second_high"),
		gauges(PacketsPerSecond, "packets_per_second", "packets_per_second_low", "packets_per_second_high"),
		[]Field{{Name: "share", Unit: Percent, Help: "of all keys"}, {Name: "samples", Unit: Count}, {Name: "distinct", Unit: Count, Help: "where the definition counts distinct values"}},
		gauges(Text, topFields...)),
}

// topFields are the fields of keys, as text.
var topFields = []string{"src", "dst", "proto", "src_port", "dst_port", "agent", "input", "output", "instance", "vlan", "vni"}

var topTotal = &Class{
	Name: "top_total", Tags: []string{"definition"}, Help: "all keys of a definition together",
	Fields: fields(gauges(BitsPerSecond, "bits_per_second"), gauges(PacketsPerSecond, "packets_per_second"),
		[]Field{{Name: "absent", Unit: None, Help: "the most that a key which is not among the heaviest has, in the same unit"}, {Name: "exact", Unit: Flag}}),
}

// Tops gives keys their slots.
type Tops struct {
	slots map[string][]string // of a definition: the key in each; "" is free
}

// Add adds the heaviest keys of a definition as of now.
func (t *Tops) Add(b *Batch, definition string, top *detect.Top, now time.Time) {
	at, bits := now.UnixNano(), top.Unit == "bits_per_second"
	p, v := b.Add(topTotal, at)
	p.Tags[0] = definition
	v = append(v, Value{}, Value{}, Number(top.Absent), Yes(top.Exact))
	v[unit(bits)] = Number(top.Total)
	b.Done(v)
	keys := make([]string, len(top.Items))
	for i := range top.Items {
		keys[i] = top.Items[i].Key.String()
		if d := top.Items[i].Domain; d != "" {
			keys[i] += " in " + d
		}
		if u := top.Items[i].InstanceUUID; u != "" { // names change, and what is erased is found by it
			keys[i] += " uuid=" + u
		}
	}
	slots := t.assign(definition, keys)
	for i := range top.Items {
		it := &top.Items[i]
		p, v := b.Add(topClass, at)
		p.Tags[0], p.Tags[1] = definition, strconv.Itoa(slots[i])
		b.Done(topValues(v, it, keys[i], i+1, top.Total, bits))
	}
}

func unit(bits bool) int {
	if bits {
		return 0
	}
	return 1
}

func topValues(v []Value, it *detect.TopItem, key string, rank int, total float64, bits bool) []Value {
	v = append(v, Whole(uint64(rank)), Words(key), Words(it.Domain))
	rates := []Value{Number(it.Rate), Number(it.Low), Number(it.High)}
	none := make([]Value, len(rates))
	if bits {
		v = append(append(v, rates...), none...)
	} else {
		v = append(append(v, none...), rates...)
	}
	share, distinct := Value{}, Value{}
	if total > 0 {
		share = Number(100 * it.Rate / total)
	}
	if it.Distinct != nil {
		distinct = Number(it.Distinct.Estimate)
	}
	v = append(v, share, Whole(it.Samples), distinct)
	fields := it.Key.Fields()
	for _, f := range topFields {
		v = append(v, Words(fields[f]))
	}
	return v
}

// assign gives each key the slot it had, else a free one.
func (t *Tops) assign(definition string, keys []string) []int {
	if t.slots == nil {
		t.slots = map[string][]string{}
	}
	held := t.slots[definition]
	for i, k := range held {
		if !slices.Contains(keys, k) {
			held[i] = ""
		}
	}
	out := make([]int, len(keys))
	for i, k := range keys {
		if out[i] = slices.Index(held, k); out[i] >= 0 {
			continue
		}
		if out[i] = slices.Index(held, ""); out[i] < 0 {
			out[i] = len(held)
			held = append(held, "")
		}
		held[out[i]] = k
	}
	t.slots[definition] = held
	return out
}
