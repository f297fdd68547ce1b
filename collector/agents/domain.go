package agents

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// Domains of a key, equal in every collector. Zero is the underlay: addresses
// that switches route. The others are networks in which the same addresses may
// stand for other nodes.
const (
	domainUnderlay uint32 = 0
	domainVNI      uint32 = 1 << 24 // with a VNI of 24 bits
	domainTunnel   uint32 = 1 << 30 // with 30 bits of a hash: inside a tunnel without a VNI, or inside another network
	domainLocal    uint32 = 1 << 31 // with 31 bits of a hash: a network known at one agent only
)

// vniDomain returns the domain of a virtual network: of VXLAN, Geneve and
// NVGRE alike.
func vniDomain(vni uint32) uint32 { return domainVNI | vni&0xffffff }

// localDomain returns the domain of a VLAN at a hypervisor's bridge, as long as
// nobody knows which network it is. source is the zero Addr unless the agent's
// address names several. bridge is the index of the data source.
func localDomain(agent, source netip.Addr, bridge uint32, vlan uint16) uint32 {
	h := hashAddr(fnvBasis, agent)
	if source.IsValid() {
		h = hashAddr(h, source)
	}
	return domainLocal | fold(hashWord(hashWord(h, bridge), uint32(vlan)))>>1
}

// Domain returns the name of a key's domain: "underlay", "vni:42",
// "local:1a2b3c4d", "tunnel:1a2b3c4d".
func (sh *Shared) Domain(domain uint32) string {
	switch {
	case domain == domainUnderlay:
		return "underlay"
	case domain&domainLocal != 0:
		return "local:" + strconv.FormatUint(uint64(domain), 16)
	case domain&domainTunnel != 0:
		return "tunnel:" + strconv.FormatUint(uint64(domain), 16)
	}
	return "vni:" + strconv.FormatUint(uint64(domain&0xffffff), 10)
}

// FNV-1a (RFC 9923), chosen because its result is the same everywhere.
const (
	fnvBasis uint64 = 14695981039346656037
	fnvPrime uint64 = 1099511628211
)

func hashWord(h uint64, v uint32) uint64 {
	for range 4 {
		h = (h ^ uint64(v&0xff)) * fnvPrime
		v >>= 8
	}
	return h
}

func hashAddr(h uint64, a netip.Addr) uint64 { b := a.As16(); return hashBytes(h, &b) }

func hashBytes(h uint64, b *[16]byte) uint64 {
	for i := 0; i < 16; i += 4 {
		h = hashWord(h, binary.BigEndian.Uint32(b[i:]))
	}
	return h
}

func fold(h uint64) uint32 { return uint32(h>>32) ^ uint32(h) }

// networks maps what a hypervisor's port says to what a network is.
type networks struct {
	gen atomic.Uint32 // changes with every mapping
	mu  sync.RWMutex
	vni map[networkKey]uint32 // 0 is the underlay
}

// networkKey is a VLAN of a bridge, or a port where port is set.
type networkKey struct {
	agent netip.Addr
	index uint32 // bridge's data source, or ifIndex
	vlan  uint16
	port  bool
}

// SetNetwork says that a VLAN at a bridge of a hypervisor is the virtual
// network vni, 0 the underlay. agent is the agent's address, or its source
// address where the agent's own names nobody; bridge is the index of the data
// source its flow samples come from (the port's ifIndex where a port is itself
// the source); vlan is 0 for untagged. It reports false at Limits.Networks.
func (sh *Shared) SetNetwork(agent netip.Addr, bridge uint32, vlan uint16, vni uint32) bool {
	return sh.setNetwork(networkKey{agent: agent.Unmap(), index: bridge, vlan: vlan}, vni)
}

// SetPortNetwork says that a port of a hypervisor is in the virtual network
// vni, whatever bridge and VLAN; it goes before SetNetwork.
func (sh *Shared) SetPortNetwork(agent netip.Addr, ifIndex, vni uint32) bool {
	return sh.setNetwork(networkKey{agent: agent.Unmap(), index: ifIndex, port: true}, vni)
}

func (sh *Shared) setNetwork(k networkKey, vni uint32) bool {
	n := &sh.networks
	n.mu.Lock()
	defer n.mu.Unlock()
	old, had := n.vni[k]
	if had && old == vni {
		return true
	}
	if !had && len(n.vni) >= sh.limits.Networks {
		return false
	}
	if n.vni == nil {
		n.vni = map[networkKey]uint32{}
	}
	n.vni[k] = vni
	n.gen.Add(1)
	return true
}

// UnsetNetwork takes back SetNetwork.
func (sh *Shared) UnsetNetwork(agent netip.Addr, bridge uint32, vlan uint16) {
	sh.unsetNetwork(networkKey{agent: agent.Unmap(), index: bridge, vlan: vlan})
}

// UnsetPortNetwork takes back SetPortNetwork.
func (sh *Shared) UnsetPortNetwork(agent netip.Addr, ifIndex uint32) {
	sh.unsetNetwork(networkKey{agent: agent.Unmap(), index: ifIndex, port: true})
}

func (sh *Shared) unsetNetwork(k networkKey) {
	n := &sh.networks
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, had := n.vni[k]; had {
		delete(n.vni, k)
		n.gen.Add(1)
	}
}

// networksChanged voids what data sources remember.
func (sh *Shared) networksChanged() { sh.networks.gen.Add(1) }

// localDomains remembers the latest answers for one data source.
type localDomains [8]struct {
	gen, port, domain uint32
	vlan              uint16
	set               bool
}

// domain returns the domain of a packet's key.
func (r *Registry) domain(src *source, p *decoder.Packet, in, out sflow.Port) uint32 {
	h := &p.Header
	if !h.HasKey {
		return domainUnderlay
	}
	around := r.around(src, p, in, out)
	switch {
	case h.Tunnel == packet.TunnelNone:
		return around
	case h.HasVNI && h.Tunnel != packet.TunnelGRE && around == domainUnderlay:
		return vniDomain(h.VNI)
	}
	// A GRE key or the two ends tell a tunnel from others; both directions agree.
	id := hashWord(hashWord(fnvBasis, around), uint32(h.Tunnel))
	if h.HasVNI {
		id = hashWord(id, h.VNI)
	} else {
		id += hashBytes(fnvBasis, &h.Outer.Src) + hashBytes(fnvBasis, &h.Outer.Dst)
	}
	return domainTunnel | fold(id)>>2
}

// around returns the domain of the outermost packet.
func (r *Registry) around(src *source, p *decoder.Packet, in, out sflow.Port) uint32 {
	if p.Seen&decoder.SeenVNIIn != 0 {
		return vniDomain(p.InVNI)
	}
	a := r.cur
	// Bridges and virtual machines are entities; so a source is one until the
	// agent's ports are known.
	young := src.id.Class >= sflow.ClassEntity && len(a.ifaces) == 0
	if !a.virtual && !a.taps && !young {
		if p.Seen&decoder.SeenVNIOut != 0 {
			return vniDomain(p.OutVNI)
		}
		return domainUnderlay
	}
	// At a hypervisor the VNI on the way out is sent with some packets only
	// (Open vSwitch): the port decides.
	port, ok := r.tenantPort(src, in, out)
	if !ok {
		return domainUnderlay
	}
	return r.local(src, port, vlanOf(p))
}

// tenantPort reports whether the packet passes a port of an instance, and
// which: its ifIndex, or 0 where the bridge does not say.
func (r *Registry) tenantPort(src *source, in, out sflow.Port) (ifIndex uint32, ok bool) {
	if src.id.Class == sflow.ClassInterface && r.leadsToInstances(src.iface) {
		return src.id.Index, true
	}
	physical := false
	for _, p := range [2]sflow.Port{in, out} {
		index, single := p.Single()
		if !single {
			continue
		}
		if i := r.portIface(src, index); i != nil {
			if i.kind == portInstance {
				return index, true
			}
			physical = physical || i.kind == portPhysical
		}
	}
	// A bridge that names neither side: patch and tunnel ports have no ifIndex.
	some := r.cur.virtual || len(r.cur.ifaces) == 0
	return 0, some && src.id.Class >= sflow.ClassEntity && !physical
}

// leadsToInstances reports whether traffic at an interface may be a tenant's:
// it is an instance's port; or a bridge or a port without a name, at a node
// that has instances.
func (r *Registry) leadsToInstances(i *iface) bool {
	switch {
	case i == nil || i.kind == portUnknown || i.kind == portBridge:
		return r.cur.virtual
	}
	return i.kind == portInstance
}

// vlanOf returns the VLAN the agent says the packet is in, else that of its tag.
func vlanOf(p *decoder.Packet) uint16 {
	if p.Seen&decoder.SeenSwitch != 0 && p.InVLAN-1 < 4094 {
		return uint16(p.InVLAN)
	}
	if p.Header.VLANTags > 0 {
		return p.Header.VLAN
	}
	return 0
}

// local returns the domain of a port and VLAN of the current agent.
func (r *Registry) local(src *source, port uint32, vlan uint16) uint32 {
	if src.local == nil {
		src.local = &localDomains{}
	}
	gen := r.sh.networks.gen.Load()
	e := &src.local[(port^uint32(vlan))&7]
	if !e.set || e.gen != gen || e.port != port || e.vlan != vlan {
		e.set, e.gen, e.port, e.vlan = true, gen, port, vlan
		e.domain = r.sh.lookup(r.cur, src.id.Index, port, vlan)
	}
	return e.domain
}

func (sh *Shared) lookup(a *agent, bridge, port uint32, vlan uint16) uint32 {
	n := &sh.networks
	n.mu.RLock()
	defer n.mu.RUnlock()
	apart := a.local || a.contested.Load()
	for _, addr := range [2]netip.Addr{a.identity(), a.source} {
		vni, ok := n.vni[networkKey{agent: addr, index: port, port: true}]
		if !ok {
			vni, ok = n.vni[networkKey{agent: addr, index: bridge, vlan: vlan}]
		}
		if ok && vni == 0 {
			return domainUnderlay
		} else if ok {
			return vniDomain(vni)
		}
		if !apart {
			break // another agent's source address means nothing here
		}
	}
	source := netip.Addr{}
	if apart {
		source = a.source
	}
	return localDomain(a.addr, source, bridge, vlan)
}
