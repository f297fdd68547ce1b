package dump

import (
	"net/netip"

	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// tunnels names the tunnels looked into.
var tunnels = map[packet.Tunnel]string{
	packet.TunnelVXLAN: "vxlan", packet.TunnelGeneve: "geneve", packet.TunnelGRE: "gre",
	packet.TunnelNVGRE: "nvgre", packet.TunnelIPIP: "ipip",
}

// header appends what the header parser found in a sampled header. For a
// tunnelled packet the outer addresses come first and "inner" holds the rest.
func (o *writer) header(s *sflow.SampledHeader) {
	p := packet.Protocol(s.Protocol)
	if p == 0 { // some switches send 0 for Ethernet
		p = packet.ProtocolEthernet
	}
	var h packet.Header
	if h.Decode(p, s.Header) == packet.DepthNone {
		return
	}
	if p == packet.ProtocolEthernet {
		o.str("dst_mac", sflow.MAC(h.DstMAC).String())
		o.str("src_mac", sflow.MAC(h.SrcMAC).String())
	}
	if h.VLANTags > 0 {
		o.num("vlan", uint64(h.VLAN))
		o.num("priority", uint64(h.PCP))
		o.num("vlan_tags", uint64(h.VLANTags))
	}
	if h.VLANTags > 1 {
		o.num("inner_vlan", uint64(h.InnerVLAN))
	}
	if h.MPLSLabels > 0 {
		o.num("mpls_label", uint64(h.MPLSLabel))
		o.num("mpls_labels", uint64(h.MPLSLabels))
	}
	if h.Tunnel == packet.TunnelNone {
		o.innermost(&h)
		return
	}
	o.addresses(&h.Outer)
	o.str("tunnel", tunnels[h.Tunnel])
	if h.HasVNI {
		o.num("vni", uint64(h.VNI))
	}
	o.key("inner")
	in := object(o.b)
	if h.InnerDstMAC != ([6]byte{}) || h.InnerSrcMAC != ([6]byte{}) {
		in.str("dst_mac", sflow.MAC(h.InnerDstMAC).String())
		in.str("src_mac", sflow.MAC(h.InnerSrcMAC).String())
	}
	in.innermost(&h)
	o.b = in.end()
}

func (o *writer) addresses(k *packet.Key) {
	o.str("src_ip", k.SrcAddr().String())
	o.str("dst_ip", k.DstAddr().String())
	o.num("proto", uint64(k.Proto))
	if k.Proto != 1 && k.Proto != 58 && (k.SrcPort != 0 || k.DstPort != 0) {
		o.num("src_port", uint64(k.SrcPort))
		o.num("dst_port", uint64(k.DstPort))
	}
}

// innermost appends the innermost packet's facts.
func (o *writer) innermost(h *packet.Header) {
	if h.EtherType != 0 {
		o.num("ether_type", uint64(h.EtherType))
	}
	if h.Depth >= packet.DepthNetwork && (h.HasKey || h.Fragment) {
		o.addresses(&h.Key)
		o.num("ip_length", uint64(h.IPLength))
		o.num("tos", uint64(h.TOS))
		o.num("ttl", uint64(h.TTL))
		if h.Fragment {
			o.key("fragment")
			f := object(o.b)
			f.num("offset", uint64(h.FragOff))
			f.key("more")
			if h.MoreFrags {
				f.b = append(f.b, "true"...)
			} else {
				f.b = append(f.b, "false"...)
			}
			o.b = f.end()
		}
	}
	if h.HasTCP {
		o.num("tcp_flags", uint64(h.TCPFlags))
		o.num("tcp_seq", uint64(h.TCPSeq))
		o.num("tcp_ack", uint64(h.TCPAck))
		o.num("tcp_window", uint64(h.TCPWindow))
	}
	if h.Depth == packet.DepthTransport && (h.Key.Proto == 1 || h.Key.Proto == 58) {
		o.num("icmp_type", uint64(h.ICMPType))
		o.num("icmp_code", uint64(h.ICMPCode))
	}
	switch h.DHCP {
	case packet.DHCPRequest:
		o.str("dhcp", "request")
	case packet.DHCPResponse:
		o.str("dhcp", "response")
	}
	if h.ARP.Op != 0 {
		o.key("arp")
		a := object(o.b)
		a.num("op", uint64(h.ARP.Op))
		a.str("sender_mac", sflow.MAC(h.ARP.SenderMAC).String())
		a.str("sender_ip", netip.AddrFrom4(h.ARP.SenderIP).String())
		a.str("target_mac", sflow.MAC(h.ARP.TargetMAC).String())
		a.str("target_ip", netip.AddrFrom4(h.ARP.TargetIP).String())
		o.b = a.end()
	}
	if h.ND.Type != 0 {
		o.key("nd")
		n := object(o.b)
		n.num("type", uint64(h.ND.Type))
		n.str("target", netip.AddrFrom16(h.ND.Target).String())
		o.b = n.end()
	}
}
