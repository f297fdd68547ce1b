package agents

import (
	"encoding/binary"
	"net/netip"
	"strconv"

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

// localDomain returns the domain of a VLAN at a hypervisor's bridge: an agent does
// not say with its samples which network it is. source is the zero Addr unless the agent's
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

// localDomains remembers the latest answers for one data source.
type localDomains [8]struct {
	gen, domain uint32
	vlan        uint16
	set         bool
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
	if !r.ofTenant(src, in, out) {
		return domainUnderlay
	}
	return r.local(src, vlanOf(p))
}

// ofTenant reports whether the packet passes a port of an instance.
func (r *Registry) ofTenant(src *source, in, out sflow.Port) bool {
	if src.id.Class == sflow.ClassInterface && r.leadsToInstances(src.iface) {
		return true
	}
	physical := false
	for _, p := range [2]sflow.Port{in, out} {
		index, single := p.Single()
		if !single {
			continue
		}
		if i := r.portIface(src, index); i != nil {
			if i.kind == portInstance {
				return true
			}
			physical = physical || i.kind == portPhysical
		}
	}
	// A bridge that names neither side: patch and tunnel ports have no ifIndex.
	some := r.cur.virtual || len(r.cur.ifaces) == 0
	return some && src.id.Class >= sflow.ClassEntity && !physical
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

// local returns the domain of a VLAN at a data source of the current agent.
func (r *Registry) local(src *source, vlan uint16) uint32 {
	if src.local == nil {
		src.local = &localDomains{}
	}
	gen := r.sh.contests.Load()
	e := &src.local[vlan&7]
	if !e.set || e.gen != gen || e.vlan != vlan {
		a, from := r.cur, netip.Addr{}
		if a.local || a.contested.Load() {
			from = a.source
		}
		e.set, e.gen, e.vlan = true, gen, vlan
		e.domain = localDomain(a.addr, from, src.id.Index, vlan)
	}
	return e.domain
}
