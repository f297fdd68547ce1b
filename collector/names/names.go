// Package names keeps what is known of switches and their interfaces beside
// what they send themselves: names, what the operator wrote about them, and
// true speeds. It comes from files, from an import over HTTP and from SNMP.
//
// An interface is known by its ifName. Its ifIndex is a number that the agent
// gives anew when it restarts: what was learned by SNMP is then forgotten until
// it is learned anew, since no name is better than a wrong one.
package names

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"weir/collector/agents"
)

// Device is one agent as one source knows it.
type Device struct {
	Agent      netip.Addr  `json:"agent"`
	Name       string      `json:"name,omitempty"`
	Interfaces []Interface `json:"interfaces,omitempty"`
	Learned    time.Time   `json:"learned,omitzero"` // by SNMP
}

// Interface is one interface of a Device: known by its name, its ifIndex or
// both.
type Interface struct {
	Index uint32 `json:"index,omitempty"` // ifIndex; 0 unknown
	Name  string `json:"name,omitempty"`  // ifName; "" unknown
	Alias string `json:"alias,omitempty"` // what the operator wrote about it
	Speed uint64 `json:"speed,omitempty"` // bit/s; 0 unknown
}

// Layer is a source of names. What a lower one says holds.
type Layer int

// The layers.
const (
	Files Layer = iota
	Import
	SNMP
	numLayers
)

// Layers is how many layers there are.
const Layers = numLayers

var layerNames = [numLayers]string{"files", "import", "snmp"}

// String names the layer.
func (l Layer) String() string { return layerNames[l] }

// Bounds of one layer.
const (
	MaxDevices    = 1 << 16
	MaxInterfaces = 1 << 20 // over all devices
	maxText       = 128     // octets of a name or an alias
)

// Book is what all layers know. It is safe for concurrent use.
type Book struct {
	mu     sync.Mutex
	layers [numLayers]map[netip.Addr]*node
	viewed [numLayers]bool // a View has the map: copy it before a change
	count  [numLayers]int  // interfaces
	gen    uint64          // counts changes
}

// node is a Device, indexed. It never changes.
type node struct {
	Device
	byIndex map[uint32]*Interface
	byName  map[string]*Interface
	fast    []uint32 // ifIndexes with a speed
}

func newNode(d Device) *node {
	n := &node{Device: d, byIndex: map[uint32]*Interface{}, byName: map[string]*Interface{}}
	for i := range d.Interfaces {
		x := &d.Interfaces[i]
		if x.Index != 0 {
			n.byIndex[x.Index] = x
			if x.Speed != 0 {
				n.fast = append(n.fast, x.Index)
			}
		}
		if x.Name != "" {
			n.byName[x.Name] = x
		}
	}
	return n
}

// Replace puts devices in the place of everything the layer knew. Book keeps
// them.
func (b *Book) Replace(l Layer, devices []Device) {
	m := make(map[netip.Addr]*node, len(devices))
	count := 0
	for _, d := range devices {
		if len(m) < MaxDevices && count+len(d.Interfaces) <= MaxInterfaces {
			m[d.Agent] = newNode(d)
			count += len(d.Interfaces)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.layers[l], b.count[l], b.viewed[l] = m, count, false
	b.gen++
}

// Put replaces what the layer knows of one device. It reports whether there
// was room. Book keeps d.
func (b *Book) Put(l Layer, d Device) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := 0
	old := b.layers[l][d.Agent]
	if old != nil {
		before = len(old.Interfaces)
	}
	if old == nil && len(b.layers[l]) >= MaxDevices || b.count[l]-before+len(d.Interfaces) > MaxInterfaces {
		return false
	}
	b.own(l)[d.Agent] = newNode(d)
	b.count[l] += len(d.Interfaces) - before
	return true
}

// Forget drops what the layer knows of one device.
func (b *Book) Forget(l Layer, agent netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.layers[l][agent]
	if old == nil {
		return
	}
	delete(b.own(l), agent)
	b.count[l] -= len(old.Interfaces)
}

// own returns the layer's map to be changed.
func (b *Book) own(l Layer) map[netip.Addr]*node {
	switch {
	case b.layers[l] == nil:
		b.layers[l] = map[netip.Addr]*node{}
	case b.viewed[l]:
		b.layers[l] = maps.Clone(b.layers[l])
	}
	b.viewed[l] = false
	b.gen++
	return b.layers[l]
}

// Changes counts the changes so far.
func (b *Book) Changes() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gen
}

// Devices returns what a layer knows, by agent.
func (b *Book) Devices(l Layer) []Device {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Device, 0, len(b.layers[l]))
	for _, n := range b.layers[l] {
		all = append(all, n.Device)
	}
	slices.SortFunc(all, func(x, y Device) int { return x.Agent.Compare(y.Agent) })
	return all
}

// Count returns how many devices and interfaces a layer knows.
func (b *Book) Count(l Layer) (devices, interfaces int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.layers[l]), b.count[l]
}

// View returns what is known now. It never changes.
func (b *Book) View() *View {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.viewed = [numLayers]bool{true, true, true}
	return &View{b.layers}
}

// View is a Book at one moment. It implements agents.Labels.
type View struct {
	layers [numLayers]map[netip.Addr]*node
}

// AgentLabel implements agents.Labels.
func (v *View) AgentLabel(agent netip.Addr) string {
	for _, m := range v.layers {
		if n := m[agent]; n != nil && n.Name != "" {
			return n.Name
		}
	}
	return ""
}

// Indexes implements agents.Labels; an ifIndex may be there twice.
func (v *View) Indexes(agent netip.Addr) (all []uint32) {
	for _, m := range v.layers {
		if n := m[agent]; n != nil {
			all = append(all, n.fast...)
		}
	}
	return all
}

// InterfaceLabel implements agents.Labels. The name that the agent says finds
// the interface in every layer; without one the layers' own ifIndex does, and
// the name that any of them has for it.
func (v *View) InterfaceLabel(agent netip.Addr, ifIndex uint32, said string) agents.Label {
	var nodes [numLayers]*node
	known := false
	name := said
	for l, m := range v.layers {
		n := m[agent]
		if n == nil {
			continue
		}
		nodes[l], known = n, true
		if x := n.byIndex[ifIndex]; name == "" && x != nil {
			name = x.Name
		}
	}
	if !known {
		return agents.Label{}
	}
	label := agents.Label{Name: name}
	for l, n := range nodes {
		x := n.find(name, ifIndex)
		if x == nil {
			continue
		}
		if label.Alias == "" {
			label.Alias = x.Alias
		}
		if label.Speed == 0 && x.Speed != 0 {
			label.Speed, label.Fixed = x.Speed, Layer(l) != SNMP
		}
	}
	return label
}

// find returns the interface with this name, or with this ifIndex where that
// has no other name.
func (n *node) find(name string, ifIndex uint32) *Interface {
	if n == nil {
		return nil
	}
	if x := n.byName[name]; x != nil && name != "" {
		return x
	}
	if x := n.byIndex[ifIndex]; x != nil && (x.Name == "" || name == "") {
		return x
	}
	return nil
}

// Clean makes a text from outside fit to be shown: printable, one line, short.
func Clean(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case c == unicode.ReplacementChar:
			return -1
		case unicode.IsPrint(c):
			return c
		case unicode.IsSpace(c):
			return ' '
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return strings.TrimSpace(s)
}
