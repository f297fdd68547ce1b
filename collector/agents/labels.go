package agents

import "net/netip"

// Label is what somebody else than the agent says of one of its interfaces: a
// names file, an import, SNMP. Zero fields are unknown.
type Label struct {
	Name  string // used where the agent itself sends none
	Alias string // what the operator wrote about it, such as "to spine2"
	Speed uint64 // bit/s, believed instead of what the agent says
	Fixed bool   // Speed holds whatever the agent says later
}

// Labels knows names that agents do not send. Its methods are called from the
// goroutines of the registries and must answer at once. A Labels never changes:
// another one replaces it.
type Labels interface {
	// AgentLabel returns the name of the agent at this address, "" if unknown.
	AgentLabel(agent netip.Addr) string
	// InterfaceLabel returns what is known of an interface, by its ifIndex and
	// by the name that the agent says, "" if none.
	InterfaceLabel(agent netip.Addr, ifIndex uint32, said string) Label
	// Indexes returns the ifIndexes of an agent whose speed is known: a switch
	// that sends no counters says nothing of them itself.
	Indexes(agent netip.Addr) []uint32
}

// labelled is an interface's label, kept apart because most have none.
type labelled struct {
	said string // by the agent
	Label
}

// SetLabels replaces what others say. Each registry applies it at its next
// ticks, some interfaces at each.
func (sh *Shared) SetLabels(l Labels) {
	sh.labels.Store(&l)
	sh.labelGen.Add(1)
}

// LabelsNow returns the labels set last, nil without, and how often they were set.
func (sh *Shared) LabelsNow() (Labels, uint64) {
	gen := sh.labelGen.Load() // first: at worst those that follow are taken twice
	return sh.currentLabels(), gen
}

// Alias returns what the operator wrote about an agent's interface, "" if
// nothing is known.
func (sh *Shared) Alias(number, ifIndex uint32) string {
	alias := ""
	if !sh.withInterface(number, ifIndex, func(i *iface) { alias = i.alias() }) {
		alias = sh.labelOf(number, ifIndex).Alias
	}
	return alias
}

// labelOf returns the label of an interface that sends no counters.
func (sh *Shared) labelOf(number, ifIndex uint32) Label {
	l, a := sh.currentLabels(), sh.find(number)
	if l == nil || a == nil {
		return Label{}
	}
	return l.InterfaceLabel(a.identity(), ifIndex, "")
}

func (sh *Shared) currentLabels() Labels {
	if l := sh.labels.Load(); l != nil {
		return *l
	}
	return nil
}

// Identity returns the address by which Labels know an agent: its own, or its
// source where its own names nobody.
func Identity(agent, source netip.Addr) netip.Addr {
	if namesNobody(agent) {
		return source
	}
	return agent
}

// Addresses returns the identities of all agents, some of them twice.
func (sh *Shared) Addresses() []netip.Addr {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	all := make([]netip.Addr, 0, sh.agents)
	for _, claims := range sh.claims {
		for _, a := range claims {
			all = append(all, a.identity())
		}
	}
	return all
}

// saidName is the name as the agent says it.
func (i *iface) saidName() string {
	if i.label != nil {
		return i.label.said
	}
	return i.name
}

func (i *iface) alias() string {
	if i.label != nil {
		return i.label.Alias
	}
	return ""
}

// labelStep is how many interfaces get their new label at one tick.
const labelStep = 2000

// relabel applies the labels set last to the next agents, when they are new.
func (r *Registry) relabel() {
	if gen := r.sh.labelGen.Load(); gen != r.labelGen {
		r.labelGen = gen
		r.toLabel = r.toLabel[:0]
		for _, a := range r.agents {
			r.toLabel = append(r.toLabel, a)
		}
	}
	for n := labelStep; n > 0 && len(r.toLabel) > 0; {
		last := len(r.toLabel) - 1
		a := r.toLabel[last]
		r.toLabel[last] = nil
		r.toLabel = r.toLabel[:last]
		if a.gone {
			continue
		}
		r.labelAgent(a)
		for _, i := range a.ifaces {
			r.label(a, i, i.saidName())
		}
		n -= 1 + len(a.ifaces)
	}
}

// labelAgent names an agent.
func (r *Registry) labelAgent(a *agent) {
	l := r.sh.currentLabels()
	if l == nil {
		return
	}
	if name := l.AgentLabel(a.identity()); name != a.label {
		a.mu.Lock()
		a.label = name
		a.mu.Unlock()
		r.labelChanged(a)
	}
	for _, index := range l.Indexes(a.identity()) {
		if a.ifaces[index] == nil && len(a.ifaces) < r.sh.limits.AgentInterfaces {
			r.addIface(a, index)
		}
	}
}

// label gives an interface of a, which calls itself said, its name, alias and
// speed.
func (r *Registry) label(a *agent, i *iface, said string) {
	var now Label
	if l := r.sh.currentLabels(); l != nil {
		now = l.InterfaceLabel(a.identity(), i.index, said)
	}
	name := said
	if name == "" {
		name = now.Name
	}
	var was Label
	if i.label != nil {
		was = i.label.Label
	}
	if i.name == name && was == now && i.saidName() == said {
		return
	}
	a.mu.Lock()
	i.name, i.label = name, nil
	if now != (Label{}) {
		i.label = &labelled{said, now}
	}
	a.mu.Unlock()
	if was.Speed != now.Speed {
		i.override.Store(now.Speed)
	}
	i.kind = kindOf(name)
	a.taps = a.taps || i.kind == portInstance
	r.labelChanged(a)
}

// labelChanged has a published anew though it may be silent.
func (r *Registry) labelChanged(a *agent) {
	if !a.dirty {
		a.dirty = true
		r.changed = append(r.changed, a)
	}
}

// speedChanged is called when the agent says another speed: it is newer than
// what was learned, unless that is fixed.
func (i *iface) speedChanged(was uint64) {
	if was != 0 && i.label != nil && i.label.Speed != 0 && !i.label.Fixed {
		i.override.Store(0)
	}
}

// shownName is the agent's label, else how it calls itself.
func (a *agent) shownName() string {
	if a.label != "" {
		return a.label
	}
	return a.name
}
