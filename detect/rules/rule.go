package rules

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/detect/keys"
)

// Spec is a rule as it is written. Empty fields are their defaults.
type Spec struct {
	Name       string
	Key        []string // of a flow rule
	Filter     string
	Value      string
	Window     string
	Threshold  string
	At         string // best, sum or cut
	Keys       string // places of the table
	Watch      string // of a watch rule
	Agents     []string
	AgentNames []string
	Interfaces []string
	Severity   string
	Groups     []GroupSpec
	Never      []string
	Off        bool
}

// GroupSpec is a list of networks with their own threshold.
type GroupSpec struct {
	Name      string
	Networks  []string
	Threshold string
}

// Problem is a mistake in a Spec.
type Problem struct {
	Key     string // "filter", "key[1]", "groups[0].threshold"; "" is the rule as a whole
	Value   string // as written
	Problem string
	Fix     string
	Caret   string // two lines that show the place; "" without
}

// Rule is a compiled rule. It is never changed.
type Rule struct {
	Spec     Spec
	Name     string
	Severity string // info, warning or critical
	Off      bool

	key       keys.Definition
	filter    *Filter
	value     Value
	window    time.Duration
	threshold Threshold
	sum       bool // over all vantages
	cut       bool // of these, such as are not behind the cut
	instances bool // something asks for the instance
	entries   int
	groups    []group
	networks  []network // of all groups, the longest prefix first
	never     []netip.Prefix

	watch *watch
}

// defaultKeys is how many keys a rule has room for, in each shard.
const defaultKeys = 4096

// Bounds of a configuration.
const (
	MaxRules    = 64
	maxNetworks = 4096
)

// Watches reports that the rule watches a counter, a metric or an rtmetric.
func (r *Rule) Watches() bool { return r.watch != nil }

// Value returns what the rule counts.
func (r *Rule) Value() Value { return r.value }

// Filter returns the rule's filter as it is read, "" where everything passes.
func (r *Rule) Filter() string {
	if r.filter == nil {
		return ""
	}
	return r.filter.String()
}

// Metric returns the name of what the rule watches, "" where it counts traffic.
func (r *Rule) Metric() string {
	if r.watch == nil {
		return ""
	}
	return r.watch.name()
}

// Watch returns what the rule watches and the limit, as it is read.
func (r *Rule) Watch() string {
	if r.watch == nil {
		return ""
	}
	return r.watch.String()
}

// Compile reads a rule. Where there are problems the Rule is of no use.
func Compile(s Spec) (Rule, []Problem) {
	c := &compiler{r: Rule{Spec: s, Off: s.Off}}
	c.common(&s)
	if s.Watch != "" {
		c.watchRule(&s)
	} else {
		c.flowRule(&s)
	}
	return c.r, c.problems
}

type compiler struct {
	r        Rule
	problems []Problem
	unvalued bool // nobody knows what thresholds are of
}

func (c *compiler) add(key, value, problem, fix string) {
	c.problems = append(c.problems, Problem{Key: key, Value: value, Problem: problem, Fix: fix})
}

// maxName bounds a name, in bytes.
const maxName = 64

func (c *compiler) common(s *Spec) {
	r := &c.r
	switch r.Name = strings.TrimSpace(s.Name); {
	case r.Name == "":
		c.add("", "", "the rule has no name", `write one, such as name: "dns to servers"`)
	case len(r.Name) > maxName:
		c.add("name", s.Name, "is longer than 64 bytes", "write a shorter one")
	case strings.ContainsFunc(r.Name, func(c rune) bool { return c < ' ' || c == 0x7f }):
		c.add("name", s.Name, "has control characters", "write a plain name")
	}
	switch r.Severity = cmp.Or(s.Severity, "warning"); r.Severity {
	case "info", "warning", "critical":
	default:
		c.add("severity", s.Severity, "not one of the words", "write info, warning, critical")
	}
}

func (c *compiler) flowRule(s *Spec) {
	r := &c.r
	c.key(s)
	var problem, fix string
	if s.Value != "" {
		var fits []string
		if r.value, problem, fits = parseValue(s.Value); problem != "" {
			c.add("value", s.Value, problem, "write "+strings.Join(fits, ", "))
			c.unvalued = true
		}
	}
	if r.value.Unit == Distinct && problem == "" {
		if _, whole := r.key.Has(r.value.Field.String()); whole {
			c.add("value", s.Value, r.value.Field.String()+" is part of the key, so that there is always one", "count another field, or leave it out of the key")
		}
	}
	f, err := ParseFilter(s.Filter)
	if e, ok := err.(*SyntaxError); ok {
		c.problems = append(c.problems, Problem{Key: "filter", Value: s.Filter, Problem: firstPart(e), Fix: e.Fix(), Caret: e.Caret()})
	} else if r.filter = f; f.Never() {
		c.add("filter", s.Filter, "can never match: no packet is all of that", "remove one of the conditions, or join them with or")
	}
	r.window = defaultWindow
	if s.Window != "" {
		if r.window, problem, fix = parseWindow(s.Window); problem != "" {
			c.add("window", s.Window, problem, fix)
		}
	}
	if s.Threshold == "" {
		c.add("", "", "the rule has no threshold", "write one, such as threshold: 100Mbit/s")
	} else {
		r.threshold = c.threshold("threshold", s.Threshold)
	}
	switch s.At {
	case "", "best":
	case "sum":
		r.sum = true
	case "cut":
		r.sum, r.cut = true, true
	default:
		c.add("at", s.At, "not one of the words", "write best (the vantage that sees most), cut (each packet where it enters) or sum (of all)")
	}
	r.entries = defaultKeys
	if s.Keys != "" {
		n, err := strconv.Atoi(s.Keys)
		if err != nil || n < 64 || n > 1<<20 || n&(n-1) != 0 {
			c.add("keys", s.Keys, "is no power of two from 64 to 1048576", "write one such as 4096")
		} else {
			r.entries = n
		}
	}
	for i, list := range [][]string{s.Agents, s.AgentNames, s.Interfaces} {
		if len(list) > 0 {
			c.add([]string{"agents", "agent_names", "interfaces"}[i], "", "belongs to a rule that watches a counter", "use agent, input and output in the filter")
		}
	}
	c.networks(s)
}

func firstPart(e *SyntaxError) string {
	bare := *e
	bare.Fits = nil
	return bare.Error()
}

func (c *compiler) key(s *Spec) {
	if len(s.Key) == 0 {
		c.add("", "", "the rule has no key", "write what to tell apart, such as key: [dst]")
		return
	}
	bad := false
	for i, f := range s.Key {
		if strings.Contains(f, ",") {
			c.add(fmt.Sprintf("key[%d]", i), f, "is more than one field", "write each apart: key: [src, dst_port]")
			bad = true
			continue
		}
		if _, err := keys.Parse(f); err != nil {
			problem, fix, _ := strings.Cut(strings.TrimPrefix(err.Error(), fmt.Sprintf("key field %q: ", strings.TrimSpace(f))), "; ")
			c.add(fmt.Sprintf("key[%d]", i), f, problem, fix)
			bad = true
		}
	}
	if bad {
		return
	}
	list := strings.Join(s.Key, ",")
	d, err := keys.Parse(list)
	if err != nil {
		problem, fix, _ := strings.Cut(strings.TrimPrefix(err.Error(), fmt.Sprintf("key %q: ", list)), "; ")
		c.add("key", "", problem, fix)
		return
	}
	c.r.key = d
}

func (c *compiler) threshold(key, text string) Threshold {
	if c.unvalued {
		return Threshold{}
	}
	t, problem, fix := c.r.value.parse(text)
	if problem != "" {
		c.add(key, text, problem, fix)
		return t
	}
	if t.Share && !c.r.oneLink() {
		c.add(key, text, "is a share of a link, and the key does not name one", "add input or output to the key, or write a rate such as 50Mbit/s")
	}
	return t
}

// oneLink reports that a key of the rule belongs to one interface.
func (r *Rule) oneLink() bool {
	in, _ := r.key.Has("input")
	out, _ := r.key.Has("output")
	return in || out
}

// hasAddress reports that the key has an address that networks can hold.
func (r *Rule) hasAddress() bool {
	return slices.ContainsFunc(addressWords, func(w string) bool {
		has, _ := r.key.Has(w)
		return has
	})
}

// limit returns the threshold that holds for a key, and the group it is from;
// ok is false where there is never an alert.
func (r *Rule) limit(k *keys.Key) (t Threshold, groupName string, ok bool) {
	if len(r.networks)+len(r.never) == 0 {
		return r.threshold, "", true
	}
	all := addresses(k)
	for _, a := range all {
		if a.IsValid() && slices.ContainsFunc(r.never, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return t, "", false
		}
	}
	for _, a := range all {
		if !a.IsValid() {
			continue
		}
		if i := slices.IndexFunc(r.networks, func(n network) bool { return n.prefix.Contains(a) }); i >= 0 {
			g := r.groups[r.networks[i].group]
			return g.threshold, g.name, true
		}
	}
	return r.threshold, "", true
}

// least returns the least threshold of the rule and its groups.
func (r *Rule) least() Threshold {
	t := r.threshold
	for _, g := range r.groups {
		if g.threshold.Share == t.Share && g.threshold.Number < t.Number {
			t = g.threshold
		}
	}
	return t
}

// Bytes returns the memory the rule takes in each shard.
func (r *Rule) Bytes() int {
	if r.Off || r.Watches() {
		return 0
	}
	return r.config().Bytes(keySize)
}

// Check returns what is wrong with several rules together: problems by rule.
func Check(all []Rule) map[int][]Problem {
	out := map[int][]Problem{}
	for i := range all {
		for j := range i {
			if all[i].Name != "" && all[i].Name == all[j].Name {
				out[i] = append(out[i], Problem{Key: "name", Value: all[i].Name, Problem: fmt.Sprintf("is the name of rule %d too", j+1), Fix: "give each rule its own name: alerts are told apart by it"})
				break
			}
		}
	}
	return out
}
