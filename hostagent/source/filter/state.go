package filter

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strconv"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// Table is one table of a packet filter.
type Table struct {
	Tool   string // nft, iptables, ip6tables
	Name   string // of nft with its family: "ip filter"
	Family string // ip, ip6, inet, bridge, netdev, arp; iptables, ip6tables
	Rules  int
	Digest [8]byte // of all rules, without their counters
	Policy string  // DROP where a base chain that filters drops what no rule takes, else ACCEPT; "" unknown
}

// State is the packet filter of one network namespace.
type State struct {
	Tables     []Table // sorted by tool and name
	Generation uint32  // of nftables; 0 unknown
}

func (s *State) sort() {
	slices.SortFunc(s.Tables, func(a, b Table) int {
		return cmp.Or(cmp.Compare(a.Tool, b.Tool), cmp.Compare(a.Name, b.Name))
	})
}

// who made a change; zero where the kernel does not say.
type who struct {
	pid     uint32
	uid     uint32
	hasUID  bool
	command string
}

// Policies of a table.
const (
	accept = "ACCEPT"
	drop   = "DROP"
)

// Compare calls emit for each table of a namespace that differs, with its rules
// before and after.
func Compare(netns string, before, after *State, emit func(source.Event)) {
	compare(netns, before, after, who{}, emit)
}

// compare calls emit for each table that differs, with its rules before and
// after.
func compare(netns string, before, after *State, by who, emit func(source.Event)) {
	old := map[string]*Table{}
	for i := range before.Tables {
		t := &before.Tables[i]
		old[t.Tool+"/"+t.Name] = t
	}
	for i := range after.Tables {
		t := &after.Tables[i]
		key := t.Tool + "/" + t.Name
		was := old[key]
		delete(old, key)
		switch {
		case was == nil && t.Rules > 0:
			emit(event(netns, &Table{}, t, after, by))
		case was != nil && (was.Rules != t.Rules || was.Digest != t.Digest || was.Policy != t.Policy):
			emit(event(netns, was, t, after, by))
		}
	}
	for i := range before.Tables { // in their order
		t := &before.Tables[i]
		if old[t.Tool+"/"+t.Name] != nil && t.Rules > 0 {
			gone := Table{Tool: t.Tool, Name: t.Name, Policy: accept}
			e := event(netns, t, &gone, after, by)
			e.Reason = "table deleted"
			emit(e)
		}
	}
}

func event(netns string, before, after *Table, s *State, by who) source.Event {
	e := source.Event{
		Name: witness.RulesChanged, Subject: netns + "/" + after.Tool + "/" + after.Name,
		Before: strconv.Itoa(before.Rules), After: strconv.Itoa(after.Rules),
		PID: by.pid, UID: by.uid, HasUID: by.hasUID, Command: by.command,
	}
	if before.Rules > 0 && after.Rules == 0 {
		e.Name = witness.RulesFlushed
	}
	if after.Tool == toolNFT && s.Generation != 0 {
		e.More = append(e.More, witness.Gauge32(witness.Generation, s.Generation))
	}
	if after.Policy != "" {
		e.More = append(e.More, witness.String(witness.Policy, after.Policy))
	}
	return e
}

// Append adds the state of each family to snap, as told of the namespace.
func (s *State) Append(netns string, st *witness.Statement, snap *source.Snapshot) {
	type sum struct {
		rules  uint64
		digest [8]byte
		policy string
		tables uint32
	}
	families := map[string]*sum{}
	var order []string
	for i := range s.Tables {
		t := &s.Tables[i]
		f := families[t.Family]
		if f == nil {
			f = &sum{}
			families[t.Family] = f
			order = append(order, t.Family)
		}
		f.rules += uint64(t.Rules)
		for k := range f.digest {
			f.digest[k] ^= t.Digest[k]
		}
		if f.policy != drop && t.Policy != "" {
			f.policy = t.Policy
		}
		f.tables++
	}
	for _, name := range order {
		f := families[name]
		st.BeginIn(witness.ClassFilter, netns, name)
		st.Add(witness.Gauge64(witness.Rules, f.rules), witness.String(witness.Digest, hex.EncodeToString(f.digest[:])),
			witness.Gauge32(witness.Tables, f.tables))
		if f.policy != "" {
			st.Add(witness.String(witness.Policy, f.policy))
		}
		if name != toolIPTables && name != toolIP6Tables && s.Generation != 0 {
			st.Add(witness.Gauge32(witness.Generation, s.Generation))
		}
		snap.State(st)
	}
}
