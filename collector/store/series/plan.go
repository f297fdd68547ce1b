package series

import (
	"strings"

	points "weir/collector/series"
)

// plan says what is kept of a class.
type plan struct {
	class    *points.Class
	fields   []int // in class.Fields
	metrics  []points.Metric
	labels   []string // of class.Tags; "" is left out
	ofAgent  bool     // Tags[0] is the agent
	names    []int    // tags that name what the others identify
	key      int      // field whose text is the label key; -1 none
	share    int      // field that must be leastShare; -1 none
	shareTag int      // tag that the key takes the place of
	traffic  []int    // of an interface: fields that are more than 0 where it carries something
}

// leastShare is the percentage of all keys that one must have to be kept: there
// are at most a hundred of them at a time, whatever a flood invents.
const leastShare = 1

func plansOf(more []string) map[*points.Class]*plan {
	words := append(points.KeptByDefault(), more...)
	all := map[*points.Class]*plan{}
	for _, c := range points.Classes() {
		p := &plan{class: c, fields: c.Chosen(words), key: -1, share: -1}
		if len(p.fields) == 0 {
			continue
		}
		for _, f := range p.fields {
			m, _ := points.NameOf(c, &c.Fields[f]) // text is not kept
			p.metrics = append(p.metrics, m)
		}
		for i, t := range c.Tags {
			p.labels = append(p.labels, points.LabelOf(t))
			if strings.HasSuffix(t, "_name") {
				p.names = append(p.names, i)
			}
			if t == "slot" { // stands for a key, which is text
				p.labels[i], p.shareTag = "key", i
				for j := range c.Fields {
					switch c.Fields[j].Name {
					case "key":
						p.key = j
					case "share":
						p.share = j
					}
				}
				if c.Name != "top" {
					p.key = -1
				}
			}
		}
		if c.Name == "if_counters" {
			p.traffic = c.Chosen([]string{"if_counters.in_bits_per_second", "if_counters.out_bits_per_second", "if_counters.in_packets_per_second", "if_counters.out_packets_per_second"})
		}
		p.ofAgent = len(c.Tags) > 0 && c.Tags[0] == "agent"
		all[c] = p
	}
	return all
}

// known returns how many values of a point would be kept.
func (pl *plan) known(p *points.Point) (n int) {
	for _, f := range pl.fields {
		if f < len(p.Values) && p.Values[f].Kind() != points.Unknown {
			n++
		}
	}
	return n
}

// named puts the key of a point in the place of its slot, false where the point
// is not kept.
func (pl *plan) named(p *points.Point, k *entryKey) bool {
	if pl.share >= len(p.Values) || p.Values[pl.share].Kind() != points.Float || p.Values[pl.share].Float() < leastShare {
		return false
	}
	if k.tags[pl.shareTag] = p.Values[pl.key].Text(); k.tags[pl.shareTag] == "" {
		return false
	}
	return true
}
