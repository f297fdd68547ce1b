package ovs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/decoder/witness"
)

// Bounds of what one node may have.
const (
	maxBridges = 256
	maxPorts   = 16384
	// maxChanges bounds the events of one change of the database.
	maxChanges = 256
	maxText    = 128 // octets of a name or an identifier
)

// view is the database as it is told.
type view struct {
	bridges map[string]*bridge
	size    int // ports of all of them
	left    int // bridges and ports that were too many
}

// bridge is one bridge.
type bridge struct {
	id     string // of its row
	name   string
	netdev bool // a userspace datapath: nothing is forwarded without vswitchd
	sflow  string
	local  *port // the bridge's own interface
	ports  map[string]*port
}

// port is one interface of a bridge.
type port struct {
	name, kind       string
	ifIndex          int
	admin, link      string // up, down, "" unknown
	ifaceID, vm, mac string
	bond             string // that it is a member of
	err              string

	network, networkType string // of Neutron: its UUID, and vlan, vxlan, gre, geneve, flat or local
	segment              uint32 // VLAN or VNI of the network; 0 unknown
}

func newView() *view { return &view{bridges: map[string]*bridge{}} }

// builder joins the tables.
type builder struct {
	ports      map[string]*portRow
	interfaces map[string]*interfaceRow
	sflows     map[string]*sflowRow
}

func (b *builder) bridge(v *view, r *bridgeRow) {
	if len(v.bridges) >= maxBridges {
		v.left++
		return
	}
	name := clean(r.Name)
	br := &bridge{id: r.UUID, name: name, netdev: r.DatapathType == "netdev", ports: map[string]*port{}}
	v.bridges[name] = br
	if r.SFlow != nil {
		if s := b.sflows[*r.SFlow]; s != nil {
			br.sflow = s.String()
		}
	}
	for _, id := range r.Ports {
		p := b.ports[id]
		if p == nil {
			continue
		}
		for _, i := range p.Interfaces {
			if row := b.interfaces[i]; row != nil {
				b.port(v, br, p, row)
			}
		}
	}
}

func (b *builder) port(v *view, br *bridge, of *portRow, r *interfaceRow) {
	if v.size >= maxPorts {
		v.left++
		return
	}
	v.size++
	p := &port{
		name: clean(r.Name), kind: clean(r.Type), admin: value(r.AdminState), link: value(r.LinkState), err: value(r.Error),
		ifaceID: clean(r.ExternalIDs["iface-id"]), vm: clean(r.ExternalIDs["vm-id"]), mac: clean(r.ExternalIDs["attached-mac"]),
	}
	if p.vm == "" {
		p.vm = clean(r.ExternalIDs["vm-uuid"]) // as Nova writes it
	}
	if len(of.Interfaces) > 1 {
		p.bond = clean(of.Name)
	}
	p.network, p.networkType = clean(of.OtherConfig["net_uuid"]), clean(of.OtherConfig["network_type"])
	if id, err := strconv.ParseUint(of.OtherConfig["segmentation_id"], 10, 32); err == nil {
		p.segment = uint32(id)
	}
	if r.IfIndex != nil {
		p.ifIndex = *r.IfIndex
	}
	if p.name == br.name {
		br.local = p
		return
	}
	br.ports[p.name] = p
}

// value returns an optional column, "" where it is empty.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return clean(*s)
}

// clean returns text without control characters, cut to maxText octets.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return '?'
		}
		return r
	}, s[:min(len(s), maxText)])
}

// String returns the row as text that is the same for the same row.
func (r *sflowRow) String() string {
	var parts []string
	if r.Agent != nil {
		parts = append(parts, "agent="+clean(*r.Agent))
	}
	number := func(name string, n *int) {
		if n != nil {
			parts = append(parts, name+"="+strconv.Itoa(*n))
		}
	}
	number("header", r.Header)
	number("polling", r.Polling)
	number("sampling", r.Sampling)
	targets := slices.Clone(r.Targets)
	slices.Sort(targets)
	for i := range targets {
		targets[i] = clean(targets[i])
	}
	return strings.Join(append(parts, "targets="+strings.Join(targets, ",")), " ")
}

// String returns the port as text.
func (p *port) String() string {
	var b strings.Builder
	for _, f := range [...]struct{ name, text string }{
		{"type", p.kind}, {"bond", p.bond}, {"iface-id", p.ifaceID}, {"vm-id", p.vm}, {"mac", p.mac}, {"admin", p.admin}, {"link", p.link}, {"error", p.err},
	} {
		if f.text != "" {
			fmt.Fprintf(&b, "%s=%s ", f.name, f.text)
		}
	}
	if p.ifIndex > 0 {
		fmt.Fprintf(&b, "ifindex=%d", p.ifIndex)
	}
	return strings.TrimSpace(b.String())
}

// instance reports whether a virtual machine is behind the port.
func (p *port) instance() bool {
	return p.vm != "" || p.ifaceID != "" && p.mac != ""
}

// uplink reports whether the port leads out of the node: a device of the
// kernel or of DPDK that nobody claims.
func (p *port) uplink() bool {
	return (p.kind == "" || p.kind == "dpdk") && p.ifaceID == "" && !p.instance()
}

// change is one event to tell.
type change struct {
	name          string // of the event
	bridge        *bridge
	port          string
	before, after string
	cause         string
}

// since returns what changed from old, which is nil for the first view: then
// nothing did.
func (v *view) since(old *view) []change {
	if old == nil {
		return nil
	}
	var all []change
	for _, name := range sorted(old.bridges) {
		if v.bridges[name] == nil {
			b := old.bridges[name]
			all = append(all, change{name: witness.OVSBridgeRemoved, bridge: b, before: fmt.Sprintf("ports=%d instance_ports=%d", len(b.ports), b.count().instances)})
		}
	}
	for _, name := range sorted(v.bridges) {
		b, was := v.bridges[name], old.bridges[name]
		if was == nil {
			all = append(all, change{name: witness.OVSBridgeAdded, bridge: b})
			was = &bridge{}
		}
		if b.sflow != was.sflow {
			all = append(all, change{name: witness.OVSSFlowChanged, bridge: b, before: was.sflow, after: b.sflow})
		}
		all = append(all, b.portsSince(was)...)
	}
	return all[:min(len(all), maxChanges)]
}

func (b *bridge) portsSince(was *bridge) []change {
	var all []change
	for _, name := range sorted(was.ports) {
		if b.ports[name] == nil {
			all = append(all, change{name: witness.OVSPortRemoved, bridge: b, port: name, before: was.ports[name].String()})
		}
	}
	for _, name := range sorted(b.ports) {
		p, before := b.ports[name], was.ports[name]
		switch {
		case before == nil:
			all = append(all, change{name: witness.OVSPortAdded, bridge: b, port: name, after: p.String()})
		case p.userspace() && p.link != before.link && p.link != "" && before.link != "":
			// The kernel tells of its own devices.
			event := witness.LinkDown
			if p.link == "up" {
				event = witness.LinkUp
			}
			all = append(all, change{name: event, bridge: b, port: name, before: before.link, after: p.link})
		}
	}
	return all
}

// userspace reports whether the kernel does not know the interface.
func (p *port) userspace() bool { return strings.HasPrefix(p.kind, "dpdk") }

// counts are how many ports of a kind a bridge has, its own not among them.
type counts struct{ instances, uplinks, carrier, uplinksUp int }

func (b *bridge) count() (c counts) {
	for _, p := range b.ports {
		if p.instance() {
			c.instances++
		}
		up := p.link == "up"
		if p.uplink() {
			c.uplinks++
			if up {
				c.uplinksUp++
			}
		}
		if up {
			c.carrier++
		}
	}
	return c
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
