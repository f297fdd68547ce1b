package rules

import (
	"fmt"
	"slices"

	"weir/decoder/sflow"
	"weir/detect/heavy"
)

// Set is a compiled list of rules. It is never changed; a reload makes another.
type Set struct {
	rules   []Rule
	formats []sflow.Format // of the counter records that are watched
	records bool           // some rule asks for the router or gateway records
	flows   int            // rules that count flow samples
	cut     bool           // some rule leaves out what was sampled before

	instances bool // some rule asks for the instance
}

// NewSet returns the rules that are not off, in their order.
func NewSet(all []Rule) *Set {
	s := &Set{}
	for _, r := range all {
		if r.Off {
			continue
		}
		if r.watch == nil {
			r.instances = r.key.Instances() || r.filter.instances || r.value.Unit == Distinct && r.value.Field == Instance
			s.instances = s.instances || r.instances
		}
		s.rules = append(s.rules, r)
		if w := r.watch; w != nil {
			if w.metric >= 0 && !slices.Contains(s.formats, metrics[w.metric].format) {
				s.formats = append(s.formats, metrics[w.metric].format)
			}
			continue
		}
		s.flows++
		s.cut = s.cut || r.cut
		s.records = s.records || r.filter.records || r.key.Records() || r.value.Unit == Distinct && r.value.Field.records()
	}
	return s
}

// Instances reports that some rule asks for the instance of packets.
func (s *Set) Instances() bool { return s.instances }

// Len returns the number of rules.
func (s *Set) Len() int { return len(s.rules) }

// Bytes returns the memory of the rules in each shard.
func (s *Set) Bytes() (n int) {
	for i := range s.rules {
		n += s.rules[i].Bytes()
	}
	return n
}

// config is the size of the rule's table. A generation of members is half the
// window, so that two are the window.
func (r *Rule) config() heavy.Config {
	c := heavy.Config{Entries: r.entries, Spread: r.value.Unit == Distinct}
	if c.Spread {
		c.Members = r.window / 2
	}
	return c
}

// counting is the part of a rule that its table depends on: a rule that changes
// in other parts keeps its table.
func (r *Rule) counting() string {
	return fmt.Sprint(r.key.Key(), "|", r.filter, "|", r.value, "|", r.threshold.Share, "|", r.window, "|", r.sum, r.cut, "|", r.entries)
}
