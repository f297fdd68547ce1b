package drops

import "weir/decoder/sflow"

// reasons maps the kernel's reasons (enum skb_drop_reason, without its prefix) to
// the names that sFlow has for them. What is not here is unknown to sFlow, and
// still told by the kernel's own word.
var reasons = map[string]string{
	"NO_SOCKET":                  "port_unreachable",
	"PKT_TOO_SMALL":              "ip_header_corrupted",
	"TCP_CSUM":                   "unknown_l4",
	"UDP_CSUM":                   "unknown_l4",
	"ICMP_CSUM":                  "unknown_l4",
	"IP_CSUM":                    "ip_header_corrupted",
	"IP_INHDR":                   "ip_header_corrupted",
	"SOCKET_FILTER":              "acl",
	"NETFILTER_DROP":             "acl",
	"TC_INGRESS":                 "acl",
	"TC_EGRESS":                  "acl",
	"XDP":                        "acl",
	"BPF_CGROUP_EGRESS":          "acl",
	"IP_RPFILTER":                "uc_reverse_path_forwarding",
	"IP_LOCAL_SOURCE":            "uc_reverse_path_forwarding",
	"IP_INNOROUTES":              "net_unreachable",
	"IP_OUTNOROUTES":             "net_unreachable",
	"IP_INADDRERRORS":            "dst_host_unknown",
	"UNICAST_IN_L2_MULTICAST":    "uc_dip_over_mc_dmac",
	"NEIGH_CREATEFAIL":           "unresolved_neigh",
	"NEIGH_FAILED":               "unresolved_neigh",
	"NEIGH_QUEUEFULL":            "unresolved_neigh",
	"NEIGH_DEAD":                 "unresolved_neigh",
	"QDISC_DROP":                 "traffic_shaping",
	"QDISC_CONGESTED":            "red",
	"SOCKET_RCVBUFF":             "no_buffer_space",
	"SOCKET_BACKLOG":             "no_buffer_space",
	"PROTO_MEM":                  "no_buffer_space",
	"CPU_BACKLOG":                "no_buffer_space",
	"FULL_RING":                  "no_buffer_space",
	"NOMEM":                      "no_buffer_space",
	"PKT_TOO_BIG":                "pkt_too_big",
	"UNHANDLED_PROTO":            "protocol_unreachable",
	"IP_NOPROTO":                 "protocol_unreachable",
	"IPV6_NDISC_BAD_CODE":        "unknown_l4",
	"VXLAN_INVALID_HDR":          "decap_error",
	"VXLAN_VNI_NOT_FOUND":        "decap_error",
	"VXLAN_NO_REMOTE":            "unknown_tunnel",
	"MAC_INVALID_SOURCE":         "src_mac_is_multicast",
	"LOCAL_MAC":                  "src_mac_is_dmac",
	"BRIDGE_INGRESS_STP_STATE":   "ingress_spanning_tree_filter",
	"BRIDGE_NO_EGRESS_PORT":      "port_list_is_empty",
	"INVALID_PROTO":              "unknown_l3",
	"OPENVSWITCH_EXPLICIT_DROP":  "acl",
	"OPENVSWITCH_LAST_ACTION":    "acl",
	"OPENVSWITCH_METER":          "traffic_shaping",
	"OPENVSWITCH_RECURSION":      "unknown",
	"NOT_SPECIFIED":              "unknown",
	"TTL_EXPIRED":                "ttl_exceeded",
	"ttl_value_is_too_small":     "ttl_exceeded", // devlink's traps, where their names differ
	"mtu_value_is_too_small":     "pkt_too_big",
	"ingress_flow_action_drop":   "acl",
	"egress_flow_action_drop":    "acl",
	"early_drop":                 "red",
	"tail_drop":                  "no_buffer_space",
	"unresolved_neigh":           "unresolved_neigh",
	"port_list_is_empty":         "port_list_is_empty",
	"blackhole_route":            "blackhole_route",
	"vlan_tag_mismatch":          "vlan_tag_mismatch",
	"source_mac_is_multicast":    "src_mac_is_multicast",
	"multipoint_port_is_missing": "unknown",
}

// symbols are functions of kernels that do not tell a reason.
var symbols = map[string]string{
	"nf_hook_slow": "acl", "ip_forward": "ttl_exceeded", "ip_error": "net_unreachable",
	"unix_dgram_sendmsg": "no_buffer_space", "__udp4_lib_rcv": "port_unreachable", "__udp6_lib_rcv": "port_unreachable",
	"tcp_v4_rcv": "port_unreachable", "tcp_v6_rcv": "port_unreachable", "neigh_invalidate": "unresolved_neigh",
	"arp_error_report": "unresolved_neigh", "qdisc_drop": "traffic_shaping", "sch_handle_ingress": "acl",
}

// codes are the numbers of sFlow's names.
func codes() map[string]uint32 {
	m := map[string]uint32{}
	const known = 512 // beyond the last name
	for r := range uint32(known) {
		if n := sflow.DropReasonName(r); n != "" {
			m[n] = r
		}
	}
	return m
}

// reason returns the drop_reason of an alert.
func (s *Source) reason(a *alert) uint32 {
	for _, name := range [...]string{reasons[string(a.trap)], string(a.trap), reasons[string(a.reason)], symbols[symbol(a.symbol)]} {
		if code, ok := s.codes[name]; ok {
			return code
		}
	}
	return sflow.DropUnknown
}

// symbol is a function's name without the offset in it.
func symbol(b []byte) string {
	for i, c := range b {
		if c == '+' || c == '.' {
			return string(b[:i])
		}
	}
	return string(b)
}
