package link

import (
	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

const ifInfoLen = 16 // struct ifinfomsg

// Values of attributes that x/sys does not name.
const (
	tunTypeTap     = 2 // IFF_TAP
	bondMode8023AD = 4
)

// parsed is one interface of a dump, referring to its message.
type parsed struct {
	Info
	name      []byte
	driver    []byte
	slaveKind []byte
	tap       bool
	parent    bool // a device on a bus
	hasStats  bool
}

// parseLink reads the body of an RTM_NEWLINK; false where it is cut short or
// names nothing.
func parseLink(b []byte) (p parsed, ok bool) {
	if len(b) < ifInfoLen {
		return p, false
	}
	if b[0] != unix.AF_UNSPEC {
		return p, false // a bridge's port list, not an interface
	}
	p.Index = ne.Uint32(b[4:])
	flags := ne.Uint32(b[8:])
	p.Admin = flags&unix.IFF_UP != 0
	p.Carrier = flags&unix.IFF_LOWER_UP != 0
	hardware := ne.Uint16(b[2:])
	p.Ethernet = hardware == unix.ARPHRD_ETHER
	p.LowerNS = -1
	for kind, v := range attributes(b[ifInfoLen:]) {
		p.attribute(kind, v)
	}
	if p.Lower == p.Index {
		p.Lower = 0 // sysfs' iflink of what lies on nothing
	}
	p.Kind = p.kind(hardware)
	return p, p.Index != 0 && len(p.name) > 0
}

func (p *parsed) attribute(kind uint16, v []byte) {
	switch kind {
	case unix.IFLA_IFNAME:
		p.name = name(v)
	case unix.IFLA_ADDRESS:
		if len(v) == 6 {
			p.MAC = sflow.MAC(v)
		}
	case unix.IFLA_MTU:
		p.MTU = u32(v)
	case unix.IFLA_LINK:
		p.Lower = u32(v)
	case unix.IFLA_LINK_NETNSID:
		p.LowerNS = int32(u32(v))
	case unix.IFLA_MASTER:
		p.Master = u32(v)
	case unix.IFLA_OPERSTATE:
		p.Oper = Oper(u8(v))
	case unix.IFLA_PROMISCUITY:
		p.Promisc = u32(v) != 0
	case unix.IFLA_STATS64:
		p.hasStats = p.Stats.parse(v)
	case unix.IFLA_PARENT_DEV_NAME:
		p.parent = true
	case unix.IFLA_LINKINFO:
		p.linkInfo(v)
	}
}

// linkInfo reads what only interfaces of one kind have. The kernel writes the
// kind before its data.
func (p *parsed) linkInfo(b []byte) {
	for kind, v := range attributes(b) {
		switch kind {
		case unix.IFLA_INFO_KIND:
			p.driver = name(v)
		case unix.IFLA_INFO_SLAVE_KIND:
			p.slaveKind = name(v)
		case unix.IFLA_INFO_DATA:
			switch string(p.driver) {
			case "tun":
				p.tun(v)
			case "bond":
				p.bond(v)
			}
		case unix.IFLA_INFO_SLAVE_DATA:
			switch string(p.slaveKind) {
			case "bridge":
				p.bridgePort(v)
			case "bond":
				p.bondMember(v)
			}
		}
	}
}

func (p *parsed) tun(b []byte) {
	for kind, v := range attributes(b) {
		if kind == unix.IFLA_TUN_TYPE {
			p.tap = u8(v) == tunTypeTap
		}
	}
}

func (p *parsed) bridgePort(b []byte) {
	for kind, v := range attributes(b) {
		if s := u8(v); kind == unix.IFLA_BRPORT_STATE && s <= 4 {
			p.Port = PortState(s) + PortDisabled
		}
	}
}

func (p *parsed) bond(b []byte) {
	for kind, v := range attributes(b) {
		switch kind {
		case unix.IFLA_BOND_MODE:
			p.LACP.Bond8023AD = u8(v) == bondMode8023AD
		case unix.IFLA_BOND_AD_ACTOR_SYSTEM:
			if len(v) == 6 {
				p.LACP.ActorSystem = sflow.MAC(v)
			}
		case unix.IFLA_BOND_AD_INFO:
			for kind, v := range attributes(v) {
				if kind == unix.IFLA_BOND_AD_INFO_PARTNER_MAC && len(v) == 6 {
					p.LACP.PartnerMAC = sflow.MAC(v)
				}
			}
		}
	}
}

func (p *parsed) bondMember(b []byte) {
	for kind, v := range attributes(b) {
		switch kind {
		case unix.IFLA_BOND_SLAVE_STATE:
			p.LACP.ActiveMember = u8(v) == 0
		case unix.IFLA_BOND_SLAVE_AD_AGGREGATOR_ID:
			p.LACP.Aggregator, p.LACP.Member = u16(v), true
		case unix.IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE:
			p.LACP.ActorOper, p.LACP.Member = u8(v), true
		case unix.IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE:
			p.LACP.PartnerOper, p.LACP.Member = uint8(u16(v)), true
		}
	}
}

// kind says what the interface is.
func (p *parsed) kind(hardware uint16) Kind {
	switch string(p.driver) {
	case "bond", "team":
		return Bond
	case "bridge":
		return Bridge
	case "tun":
		if p.tap {
			return Tap
		}
		return Other
	case "macvtap":
		return Tap
	case "veth":
		return Veth
	case "vlan":
		return VLAN
	case "vxlan", "geneve", "gretap", "ip6gretap":
		return VXLAN
	case "openvswitch":
		return OVS
	case "":
		switch {
		case hardware == unix.ARPHRD_LOOPBACK:
			return Loopback
		case p.parent && p.Ethernet:
			return Physical
		}
	}
	return Other
}
