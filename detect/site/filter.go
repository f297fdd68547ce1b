package site

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// filterSaid is a packet filter as the host agent tells of it.
type filterSaid struct {
	flushed        int64 // when it was emptied; 0 it was not
	before, policy string
	pid            uint64
	command        string
	told           bool
}

// flushWait is how long an empty packet filter may be a reload under way.
// Neutron, firewalld, docker and nft replace rules in one generation, which the
// agent never sees empty; scripts flush and fill.
const flushWait = 700 * millisecond

// legacyWait is the same for legacy iptables, which announces nothing: half a
// second may have passed until the agent looked.
const legacyWait = 350 * millisecond

// waitOf is how long the filter of a subject "<namespace>/<tool>/<table>" is
// given.
func waitOf(subject string) int64 {
	if _, rest, _ := strings.Cut(subject, "/"); strings.HasPrefix(rest, "nft/") {
		return flushWait
	}
	return legacyWait
}

// flushMore is for how long rules that come back take a flush back, as a reload
// that took its time.
const flushMore = 2 * second

// rulesEvent takes that a packet filter was changed or emptied. subject is
// "<namespace>/<tool>/<table>".
func (s *Site) rulesEvent(n *node, f *fact.Fact, flushed bool, subject string) {
	d, a := f.Detail, n.agentOf
	x := a.filters[subject]
	if x == nil {
		if len(a.filters) >= maxSaid {
			s.refused++
			return
		}
		x = &filterSaid{}
		a.filters[subject] = x
	}
	after, err := strconv.Atoi(d.Text(witness.After))
	if flushed && (err != nil || after == 0) {
		if x.flushed == 0 {
			x.flushed, x.before, x.told = f.At, d.Text(witness.Before), false
			x.pid, _ = d.Uint(witness.PID)
			x.command, x.policy = d.Text(witness.Command), d.Text(witness.Policy)
		}
		return
	}
	if err == nil && after > 0 {
		x.flushed, x.told = 0, false
		s.unsay(RulesFlushed, n.entity("filter", subject), "the rules are back")
	}
}

// filterSaid takes the state of all tables of a family: rules that are back
// take back a flush whose end was not heard of.
func (s *Site) filterSaid(n *node, f *fact.Fact) {
	netns, family, ok := strings.Cut(f.Detail.Entity, "/")
	rules, known := f.Detail.Uint(witness.Rules)
	if !ok || !known || rules == 0 {
		return
	}
	for subject, x := range n.agentOf.filters {
		if x.flushed != 0 && x.told && f.At-x.flushed > 60*second && strings.HasPrefix(subject, netns+"/") && strings.Contains(subject, family) {
			x.flushed = 0
			s.unsay(RulesFlushed, n.entity("filter", subject), "rules are there again")
		}
	}
}

// judgeFilters tells of packet filters that stay empty.
func (s *Site) judgeFilters(n *node) {
	for _, subject := range sortedKeys(n.agentOf.filters) {
		x := n.agentOf.filters[subject]
		if x.flushed == 0 || x.told {
			continue
		}
		wait := waitOf(subject)
		if s.now-x.flushed < wait {
			n.next = min(n.next, x.flushed+wait)
			continue
		}
		x.told = true
		netns, rest, _ := strings.Cut(subject, "/")
		effect := "what it does now depends on the policies of its chains"
		switch x.policy {
		case "ACCEPT":
			effect = "everything is let through: the node is exposed"
		case "DROP":
			effect = "everything is dropped: the node is cut off"
		}
		f := &finding{
			kind: RulesFlushed, entity: n.entity("filter", subject), subject: n.subject(TypeFilter, subject), severity: detect.Critical, onset: x.flushed,
			witness: Agent, sure: 0.999, above: n.above(), hold: second, confirm: flushMore - wait,
			summary: fmt.Sprintf("the packet filter %s was emptied, %s rules before; %s", rest, x.before, effect),
			facts:   []Noted{{At: at(x.flushed), Group: "filter", From: "weir-agent", What: "rules of " + subject, Before: x.before, After: "0"}},
		}
		if netns != witness.EntityRootNetns && netns != "" {
			f.summary += "; in the network namespace " + netns
		}
		if x.command != "" || x.pid != 0 {
			f.cause = fmt.Sprintf("%s, process %d", cmp.Or(x.command, "unknown"), x.pid)
		}
		s.raise(n, f)
	}
}
