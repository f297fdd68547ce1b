package rules

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
	"weir/detect/keys"
)

var be = binary.BigEndian

// Field is something a flow sample tells, by which it is filtered, keyed or
// counted.
type Field uint8

// kind is how a field's values are written.
type kind uint8

const (
	kindNumber kind = iota
	kindAddr
	kindMAC
	kindProto
	kindFlags
	kindYesNo
	kindUUID
)

// The fields.
const (
	Src Field = iota
	Dst
	SrcPort
	DstPort
	Proto
	TCPFlags
	DSCP
	TTL
	Length
	IPVersion
	Fragment
	ICMPType
	ICMPCode
	EtherType
	MACSrc
	MACDst
	VLAN
	InnerVLAN
	VNI
	MPLSLabel
	InnerSrc
	InnerDst
	OuterSrc
	OuterDst
	Domain
	Agent
	Input
	Output
	Instance
	SamplingRate
	NextHop
	SrcAS
	DstAS
	numFields
)

// fieldInfo describes a field; most is the greatest number.
var fieldInfo = [numFields]struct {
	name string
	kind kind
	most uint64
	help string
}{
	Src:          {"src", kindAddr, 0, "source address"},
	Dst:          {"dst", kindAddr, 0, "destination address"},
	SrcPort:      {"src_port", kindNumber, 65535, "source port of TCP, UDP and SCTP"},
	DstPort:      {"dst_port", kindNumber, 65535, "destination port"},
	Proto:        {"proto", kindProto, 255, "IP protocol"},
	TCPFlags:     {"tcp_flags", kindFlags, 255, "TCP flags"},
	DSCP:         {"dscp", kindNumber, 63, "differentiated services code point"},
	TTL:          {"ttl", kindNumber, 255, "time to live, hop limit"},
	Length:       {"length", kindNumber, 1<<32 - 1, "octets of the frame"},
	IPVersion:    {"ip_version", kindNumber, 15, "4 or 6"},
	Fragment:     {"fragment", kindYesNo, 1, "an IP fragment"},
	ICMPType:     {"icmp_type", kindNumber, 255, "ICMP type"},
	ICMPCode:     {"icmp_code", kindNumber, 255, "ICMP code"},
	EtherType:    {"ether_type", kindNumber, 65535, "EtherType"},
	MACSrc:       {"mac_src", kindMAC, 1<<48 - 1, "outermost source MAC address"},
	MACDst:       {"mac_dst", kindMAC, 1<<48 - 1, "outermost destination MAC address"},
	VLAN:         {"vlan", kindNumber, 4095, "outermost VLAN"},
	InnerVLAN:    {"inner_vlan", kindNumber, 4095, "innermost VLAN"},
	VNI:          {"vni", kindNumber, 1<<32 - 1, "network of a VXLAN, Geneve or NVGRE tunnel"},
	MPLSLabel:    {"mpls_label", kindNumber, 1<<20 - 1, "outermost MPLS label"},
	InnerSrc:     {"inner_src", kindAddr, 0, "source address of a packet in a tunnel"},
	InnerDst:     {"inner_dst", kindAddr, 0, "destination address of a packet in a tunnel"},
	Domain:       {"domain", kindNumber, 1<<32 - 1, "tenant network; 0 is the underlay"},
	OuterSrc:     {"outer_src", kindAddr, 0, "source address of the tunnel"},
	OuterDst:     {"outer_dst", kindAddr, 0, "destination address of the tunnel"},
	Agent:        {"agent", kindAddr, 0, "address of the agent"},
	Input:        {"input", kindNumber, 1<<32 - 1, "ifIndex the packet entered at"},
	Output:       {"output", kindNumber, 1<<32 - 1, "ifIndex the packet left at"},
	Instance:     {"instance", kindUUID, 0, "instance at whose port the packet was sampled"},
	SamplingRate: {"sampling_rate", kindNumber, 1<<32 - 1, "packets per sample"},
	NextHop:      {"next_hop", kindAddr, 0, "next hop the router said"},
	SrcAS:        {"src_as", kindNumber, 1<<32 - 1, "autonomous system of the source"},
	DstAS:        {"dst_as", kindNumber, 1<<32 - 1, "autonomous system of the destination"},
}

// String returns the name of the field.
func (f Field) String() string { return fieldInfo[f].name }

// fieldNames returns the names of all fields, in a fixed order.
func fieldNames() []string {
	names := make([]string, numFields)
	for f := range names {
		names[f] = fieldInfo[f].name
	}
	return names
}

func fieldOf(name string) (Field, bool) {
	for f := range fieldInfo {
		if fieldInfo[f].name == name {
			return Field(f), true
		}
	}
	return 0, false
}

// all is the range of the field's values.
func (f Field) all() span {
	if k := fieldInfo[f].kind; k == kindAddr || k == kindUUID {
		return span{u128{}, greatest}
	}
	return span{u128{}, number(fieldInfo[f].most)}
}

// shared holds, for the fields that keys have too, how those read them.
var shared = func() (all [numFields]struct {
	field keys.Field
	ok    bool
}) {
	for f := range all {
		if k, err := keys.ParseField(fieldInfo[f].name); err == nil {
			all[f].field, all[f].ok = k, true
		}
	}
	return all
}()

// records reports that the field is in the router and gateway records.
func (f Field) records() bool { return shared[f].ok && shared[f].field.Records() }

// view reads the fields of one flow sample.
type view struct {
	keys.Reader
	f *decoder.Flow
}

// set points the view at a sample. Route records are read only where needed.
func (v *view) set(f *decoder.Flow, records bool) {
	v.f = f
	v.Set(f, records)
}

// value returns a field of the sample, false where the sample does not tell.
func (v *view) value(f Field) (u128, bool) {
	if s := &shared[f]; s.ok {
		hi, lo, ok := v.Value(&s.field)
		return u128{hi, lo}, ok
	}
	h := &v.f.Header
	addressed := h.HasKey || h.FragOff > 0 && h.Depth == packet.DepthNetwork
	switch f {
	case TTL:
		return number(uint64(h.TTL)), addressed
	case IPVersion:
		if h.Key.V6 {
			return number(6), addressed
		}
		return number(4), addressed
	case Fragment:
		if h.Fragment {
			return number(1), addressed
		}
		return number(0), addressed
	case ICMPType:
		return number(uint64(h.ICMPType)), h.HasKey && h.Depth == packet.DepthTransport && isICMP(h.Key.Proto)
	case ICMPCode:
		return number(uint64(h.ICMPCode)), h.HasKey && h.Depth == packet.DepthTransport && isICMP(h.Key.Proto)
	case EtherType:
		return number(uint64(h.EtherType)), h.EtherType != 0
	case InnerVLAN:
		return number(uint64(h.InnerVLAN)), h.VLANTags > 1
	case MPLSLabel:
		return number(uint64(h.MPLSLabel)), h.MPLSLabels > 0
	case Length:
		return number(uint64(v.f.FrameLength)), v.f.FrameLength > 0
	case SamplingRate:
		return number(uint64(v.f.Est.SamplingRate)), true
	}
	return u128{}, false
}

const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132
)

func isICMP(p uint8) bool { return p == protoICMP || p == protoICMPv6 }

// protoWords are the protocols that have a name in rules.
var protoWords = []struct {
	name string
	n    uint8
}{
	{"icmp", 1}, {"igmp", 2}, {"ipip", 4}, {"tcp", 6}, {"udp", 17}, {"gre", 47}, {"esp", 50}, {"ah", 51},
	{"icmp6", 58}, {"ospf", 89}, {"pim", 103}, {"vrrp", 112}, {"sctp", 132}, {"udplite", 136},
}

// flagWords are the TCP flags by bit.
var flagWords = [8]string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"}

// text writes a value as the parser reads it.
func (f Field) text(v u128) string {
	n := v.lo
	switch fieldInfo[f].kind {
	case kindAddr:
		return netip.AddrFrom16(v.bytes()).Unmap().String()
	case kindMAC:
		b := v.bytes()
		return sflow.MAC(b[10:]).String()
	case kindProto:
		for _, p := range protoWords {
			if uint64(p.n) == n {
				return p.name
			}
		}
	case kindFlags:
		return flagText(uint8(n))
	case kindUUID:
		if v == (u128{}) {
			return "none"
		}
		return keys.UUID(v.bytes()).String()
	case kindYesNo:
		if n == 1 {
			return "yes"
		}
		return "no"
	}
	return strconv.FormatUint(n, 10)
}

func flagText(n uint8) string {
	if n == 0 {
		return "none"
	}
	var words []string
	for bit, w := range flagWords {
		if n>>bit&1 != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, "+")
}
