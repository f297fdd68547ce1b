package packet

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// view is what both parsers can tell.
type view struct {
	Src, Dst               netip.Addr
	Proto                  uint8
	SrcPort, DstPort       uint16
	OuterSrc, OuterDst     netip.Addr
	Tunnels                bool
	VNI                    uint32
	SrcMAC, InnerSrcMAC    [6]byte
	Tags                   uint8
	VLAN, InnerVLAN        uint16
	PCP                    uint8
	Labels                 uint8
	Label                  uint32
	TOS, TTL               uint8
	Fragment               bool
	FragOff                uint16
	TCPFlags               uint8
	TCPSeq, TCPAck         uint32
	TCPWindow, UDPLength   uint16
	ICMPType, ICMPCode     uint8
	ARPOp                  uint16
	ARPSender, ARPTarget   netip.Addr
	NDTarget               netip.Addr
	HasKey, HasTCP, HasARP bool
}

func viewOf(h *Header) view {
	v := view{
		Proto: h.Key.Proto, SrcPort: h.Key.SrcPort, DstPort: h.Key.DstPort,
		Tunnels: h.Tunnel != TunnelNone, VNI: h.VNI,
		SrcMAC: h.SrcMAC, InnerSrcMAC: h.InnerSrcMAC,
		Tags: h.VLANTags, VLAN: h.VLAN, InnerVLAN: h.InnerVLAN, PCP: h.PCP,
		Labels: h.MPLSLabels, Label: h.MPLSLabel,
		TOS: h.TOS, TTL: h.TTL, Fragment: h.Fragment, FragOff: h.FragOff,
		TCPFlags: h.TCPFlags, TCPSeq: h.TCPSeq, TCPAck: h.TCPAck, TCPWindow: h.TCPWindow, UDPLength: h.UDPLength,
		ICMPType: h.ICMPType, ICMPCode: h.ICMPCode,
		HasKey: h.HasKey, HasTCP: h.HasTCP,
	}
	if h.Depth >= DepthNetwork {
		v.Src, v.Dst = h.Key.SrcAddr(), h.Key.DstAddr()
	}
	if v.Tunnels {
		v.OuterSrc, v.OuterDst = h.Outer.SrcAddr(), h.Outer.DstAddr()
	}
	if h.ARP.Op != 0 {
		v.HasARP, v.ARPOp = true, h.ARP.Op
		v.ARPSender, v.ARPTarget = netip.AddrFrom4(h.ARP.SenderIP), netip.AddrFrom4(h.ARP.TargetIP)
	}
	if h.ND.Type != 0 {
		v.NDTarget = netip.AddrFrom16(h.ND.Target)
	}
	return v
}

// peerView is the same from gopacket's layers.
func peerView(p gopacket.Packet) view {
	var v view
	ips, ethers := 0, 0
	ip := func(src, dst net.IP, proto layers.IPProtocol, tos, ttl uint8) {
		if ips > 0 && !v.Tunnels {
			v.OuterSrc, v.OuterDst, v.Tunnels = v.Src, v.Dst, true
		}
		ips++
		v.Src, _ = netip.AddrFromSlice(src)
		v.Dst, _ = netip.AddrFromSlice(dst)
		v.Proto, v.TOS, v.TTL, v.HasKey = uint8(proto), tos, ttl, true
		v.SrcPort, v.DstPort, v.UDPLength = 0, 0, 0
	}
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			if ethers++; ethers == 1 {
				v.SrcMAC = [6]byte(l.SrcMAC)
			} else {
				v.InnerSrcMAC = [6]byte(l.SrcMAC)
			}
		case *layers.Dot1Q:
			if ethers > 1 {
				break
			}
			if v.Tags++; v.Tags == 1 {
				v.VLAN, v.PCP = l.VLANIdentifier, l.Priority
			} else {
				v.InnerVLAN = l.VLANIdentifier
			}
		case *layers.MPLS:
			if v.Labels++; v.Labels == 1 {
				v.Label = l.Label
			}
		case *layers.IPv4:
			ip(l.SrcIP, l.DstIP, l.Protocol, l.TOS, l.TTL)
			v.FragOff = l.FragOffset * 8
			v.Fragment = v.FragOff != 0 || l.Flags&layers.IPv4MoreFragments != 0
			v.HasKey = v.FragOff == 0
		case *layers.IPv6:
			ip(l.SrcIP, l.DstIP, l.NextHeader, l.TrafficClass, l.HopLimit)
			v.Fragment, v.FragOff = false, 0
		case *layers.IPv6HopByHop:
			v.Proto = uint8(l.NextHeader)
		case *layers.IPv6Destination:
			v.Proto = uint8(l.NextHeader)
		case *layers.IPv6Routing:
			v.Proto = uint8(l.NextHeader)
		case *layers.IPSecAH:
			v.Proto = uint8(l.NextHeader)
		case *layers.IPv6Fragment:
			v.Proto = uint8(l.NextHeader)
			v.FragOff = l.FragmentOffset * 8
			v.Fragment = v.FragOff != 0 || l.MoreFragments
			v.HasKey = v.FragOff == 0
		case *layers.TCP:
			v.SrcPort, v.DstPort = uint16(l.SrcPort), uint16(l.DstPort)
			v.TCPSeq, v.TCPAck, v.TCPWindow, v.HasTCP = l.Seq, l.Ack, l.Window, true
			v.TCPFlags = l.Contents[13]
		case *layers.UDP:
			v.SrcPort, v.DstPort, v.UDPLength = uint16(l.SrcPort), uint16(l.DstPort), l.Length
		case *layers.SCTP:
			v.SrcPort, v.DstPort = uint16(l.SrcPort), uint16(l.DstPort)
		case *layers.ICMPv4:
			v.ICMPType, v.ICMPCode, v.DstPort = l.TypeCode.Type(), l.TypeCode.Code(), uint16(l.TypeCode)
		case *layers.ICMPv6:
			v.ICMPType, v.ICMPCode, v.DstPort = l.TypeCode.Type(), l.TypeCode.Code(), uint16(l.TypeCode)
		case *layers.ICMPv6NeighborSolicitation:
			v.NDTarget, _ = netip.AddrFromSlice(l.TargetAddress)
		case *layers.ICMPv6NeighborAdvertisement:
			v.NDTarget, _ = netip.AddrFromSlice(l.TargetAddress)
		case *layers.VXLAN:
			v.VNI = l.VNI
		case *layers.Geneve:
			v.VNI = l.VNI
		case *layers.GRE:
			if l.KeyPresent {
				v.VNI = l.Key
			}
			if l.KeyPresent && !l.ChecksumPresent && !l.SeqPresent && l.Protocol == 0x6558 && l.Key>>8 >= nvgreFirst {
				v.VNI >>= 8 // gopacket has no NVGRE
			}
		case *layers.ARP:
			if ips > 0 {
				if !v.Tunnels {
					v.OuterSrc, v.OuterDst, v.Tunnels = v.Src, v.Dst, true
				}
				v.Src, v.Dst, v.HasKey = netip.Addr{}, netip.Addr{}, false
				v.Proto, v.TOS, v.TTL, v.SrcPort, v.DstPort, v.UDPLength = 0, 0, 0, 0, 0, 0
				v.Fragment = false
			}
			v.HasARP, v.ARPOp = true, l.Operation
			v.ARPSender, _ = netip.AddrFromSlice(l.SourceProtAddress)
			v.ARPTarget, _ = netip.AddrFromSlice(l.DstProtAddress)
		}
	}
	return v
}

// generator makes random packets with gopacket's serializer.
type generator struct{ *rand.Rand }

func (g generator) mac() net.HardwareAddr {
	return net.HardwareAddr{2, byte(g.Uint32()), byte(g.Uint32()), 0, 0, byte(g.Uint32())}
}

func (g generator) ip4() net.IP {
	return net.IP{10, byte(g.Uint32()), byte(g.Uint32()), byte(g.Uint32())}
}

func (g generator) ip6() net.IP {
	b := binary.BigEndian.AppendUint64([]byte{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0}, g.Uint64())
	return net.IP(b)
}

// frame is an Ethernet frame with tags and a packet.
func (g generator) frame(tunnels int) []gopacket.SerializableLayer {
	tags := max(0, g.IntN(5)-2)
	out, next := g.packet(tunnels)
	var tagLayers []gopacket.SerializableLayer
	if next != layers.EthernetTypeARP && g.IntN(6) == 0 {
		n := g.IntN(3)
		var stack []gopacket.SerializableLayer
		for i := range n + 1 {
			stack = append(stack, &layers.MPLS{Label: uint32(g.IntN(1 << 20)), StackBottom: i == n, TTL: 9})
		}
		out, next = append(stack, out...), layers.EthernetTypeMPLSUnicast
	}
	for range tags {
		tagLayers = append([]gopacket.SerializableLayer{&layers.Dot1Q{
			Priority: uint8(g.IntN(8)), VLANIdentifier: uint16(g.IntN(4096)), Type: next}}, tagLayers...)
		next = layers.EthernetTypeDot1Q
		if g.IntN(3) == 0 {
			next = layers.EthernetTypeQinQ
		}
	}
	e := &layers.Ethernet{SrcMAC: g.mac(), DstMAC: g.mac(), EthernetType: next}
	return append(append([]gopacket.SerializableLayer{e}, tagLayers...), out...)
}

// packet is a packet and its EtherType.
func (g generator) packet(tunnels int) ([]gopacket.SerializableLayer, layers.EthernetType) {
	switch g.IntN(8) {
	case 0:
		return []gopacket.SerializableLayer{&layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4,
			HwAddressSize: 6, ProtAddressSize: 4, Operation: uint16(1 + g.IntN(2)),
			SourceHwAddress: g.mac(), SourceProtAddress: g.ip4(), DstHwAddress: g.mac(), DstProtAddress: g.ip4()}}, layers.EthernetTypeARP
	case 1, 2, 3:
		return g.packet6(tunnels), layers.EthernetTypeIPv6
	}
	return g.packet4(tunnels), layers.EthernetTypeIPv4
}

func (g generator) packet4(tunnels int) []gopacket.SerializableLayer {
	l := &layers.IPv4{Version: 4, TOS: uint8(g.Uint32()), TTL: uint8(g.Uint32()), Id: uint16(g.Uint32()), SrcIP: g.ip4(), DstIP: g.ip4()}
	if g.IntN(4) == 0 {
		l.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
	}
	var rest []gopacket.SerializableLayer
	l.Protocol, rest = g.transport(l, tunnels, layers.IPProtocolICMPv4)
	if g.IntN(10) == 0 {
		l.Flags = layers.IPv4MoreFragments
		l.FragOffset = 185
		rest = []gopacket.SerializableLayer{gopacket.Payload("in the middle of something")}
	}
	return append([]gopacket.SerializableLayer{l}, rest...)
}

func (g generator) packet6(tunnels int) []gopacket.SerializableLayer {
	l := &layers.IPv6{Version: 6, TrafficClass: uint8(g.Uint32()), HopLimit: uint8(g.Uint32()), FlowLabel: g.Uint32() >> 12, SrcIP: g.ip6(), DstIP: g.ip6()}
	next, rest := g.transport(l, tunnels, layers.IPProtocolICMPv6)
	l.NextHeader = next
	switch g.IntN(5) {
	case 0: // gopacket cannot write a fragment header, and reads nothing behind the first fragment's
		h := []byte{byte(next), 0, 0, 0, 0, 0, 1, 2}
		binary.BigEndian.PutUint16(h[2:], 185<<3|1)
		l.NextHeader = layers.IPProtocolIPv6Fragment
		rest = []gopacket.SerializableLayer{gopacket.Payload(h), gopacket.Payload("in the middle of something")}
	case 1:
		d := &layers.IPv6Destination{Options: []*layers.IPv6DestinationOption{{OptionType: 1, OptionLength: 12, OptionData: make([]byte, 12)}}}
		d.NextHeader = next
		l.NextHeader = layers.IPProtocolIPv6Destination
		rest = append([]gopacket.SerializableLayer{d}, rest...)
	}
	return append([]gopacket.SerializableLayer{l}, rest...)
}

// transport is what an IP packet carries, and its protocol.
func (g generator) transport(ip gopacket.NetworkLayer, tunnels int, icmp layers.IPProtocol) (layers.IPProtocol, []gopacket.SerializableLayer) {
	data := gopacket.Payload(make([]byte, g.IntN(40)))
	if tunnels > 0 && g.IntN(2) == 0 {
		return g.tunnel(ip, tunnels)
	}
	switch g.IntN(5) {
	case 0, 1:
		t := &layers.TCP{SrcPort: layers.TCPPort(g.Uint32()), DstPort: layers.TCPPort(g.Uint32()), Seq: g.Uint32(), Ack: g.Uint32(),
			SYN: g.IntN(2) == 0, ACK: g.IntN(2) == 0, FIN: g.IntN(2) == 0, RST: g.IntN(2) == 0, CWR: g.IntN(2) == 0, Window: uint16(g.Uint32())}
		if g.IntN(2) == 0 {
			t.Options = []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 0xb4}}}
		}
		_ = t.SetNetworkLayerForChecksum(ip)
		return layers.IPProtocolTCP, []gopacket.SerializableLayer{t, data}
	case 2:
		u := &layers.UDP{SrcPort: layers.UDPPort(g.Uint32()), DstPort: layers.UDPPort(20000 + g.IntN(20000))}
		_ = u.SetNetworkLayerForChecksum(ip)
		return layers.IPProtocolUDP, []gopacket.SerializableLayer{u, data}
	case 3:
		return layers.IPProtocolSCTP, []gopacket.SerializableLayer{&layers.SCTP{SrcPort: layers.SCTPPort(g.Uint32()), DstPort: layers.SCTPPort(g.Uint32())}}
	}
	if icmp == layers.IPProtocolICMPv4 {
		return icmp, []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, uint8(g.IntN(3)))}, data}
	}
	i := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(uint8(135+g.IntN(2)), 0)}
	_ = i.SetNetworkLayerForChecksum(ip)
	if i.TypeCode.Type() == 135 {
		return icmp, []gopacket.SerializableLayer{i, &layers.ICMPv6NeighborSolicitation{TargetAddress: g.ip6()}}
	}
	return icmp, []gopacket.SerializableLayer{i, &layers.ICMPv6NeighborAdvertisement{Flags: 0x60, TargetAddress: g.ip6()}}
}

func (g generator) tunnel(ip gopacket.NetworkLayer, tunnels int) (layers.IPProtocol, []gopacket.SerializableLayer) {
	u := &layers.UDP{SrcPort: layers.UDPPort(g.Uint32())}
	_ = u.SetNetworkLayerForChecksum(ip)
	vni := uint32(g.IntN(1 << 24))
	switch g.IntN(5) {
	case 0:
		u.DstPort = 4789
		return layers.IPProtocolUDP, append([]gopacket.SerializableLayer{u, &layers.VXLAN{ValidIDFlag: true, VNI: vni}}, g.frame(tunnels-1)...)
	case 1: // gopacket cannot write Geneve
		u.DstPort = 6081
		h := append(binary.BigEndian.AppendUint32([]byte{1, 0, 0x65, 0x58}, vni<<8), 1, 2, 3, 0)
		return layers.IPProtocolUDP, append([]gopacket.SerializableLayer{u, gopacket.Payload(h)}, g.frame(tunnels-1)...)
	case 2:
		gre := &layers.GRE{Protocol: layers.EthernetTypeTransparentEthernetBridging, KeyPresent: g.IntN(2) == 0, SeqPresent: g.IntN(2) == 0}
		if gre.KeyPresent {
			gre.Key = g.Uint32() >> g.IntN(32)
		}
		return layers.IPProtocolGRE, append([]gopacket.SerializableLayer{gre}, g.frame(tunnels-1)...)
	case 3:
		gre := &layers.GRE{Protocol: layers.EthernetTypeIPv4, ChecksumPresent: g.IntN(2) == 0, KeyPresent: true, Key: g.Uint32()}
		return layers.IPProtocolGRE, append([]gopacket.SerializableLayer{gre}, g.packet4(tunnels-1)...)
	}
	if g.IntN(2) == 0 {
		return layers.IPProtocolIPv4, g.packet4(tunnels - 1)
	}
	return layers.IPProtocolIPv6, g.packet6(tunnels - 1)
}

// TestHeaderAgreesWithGopacket decodes random packets, made by gopacket's
// serializer, with both parsers.
func TestHeaderAgreesWithGopacket(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	tunnels := 0
	for i := range 20000 {
		buf := gopacket.NewSerializeBuffer()
		opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
		if err := gopacket.SerializeLayers(buf, opts, g.frame(2)...); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		b := buf.Bytes()
		var h Header
		h.Decode(ProtocolEthernet, b)
		p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy)
		if diff := cmp.Diff(peerView(p), viewOf(&h), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Fatalf("packet %d: %x\n%v(-gopacket +header)\n%s", i, b, p, diff)
		}
		if h.Tunnel != TunnelNone {
			tunnels++
		}
	}
	if tunnels < 2000 {
		t.Errorf("only %d of the packets had tunnels", tunnels)
	}
}
