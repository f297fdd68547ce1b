package sflow

// FlowRecordName returns the specification's name of a flow record format in
// lower snake case, "" where it is not registered. Formats that are known by
// name only are skipped by their length.
func FlowRecordName(f Format) string {
	switch n := f.Number(); f.Enterprise() {
	case 0:
		switch {
		case n < uint32(len(packetRecordNames)):
			return packetRecordNames[n]
		case n >= 1001 && n-1001 < uint32(len(extendedRecordNames)):
			return extendedRecordNames[n-1001]
		}
		return applicationRecordName(n)
	default:
		return vendorFlowRecordName(f)
	}
}

// packetRecordNames are 0:1 to 0:4 (sflow_version_5.txt).
var packetRecordNames = [...]string{
	1: "sampled_header", 2: "sampled_ethernet", 3: "sampled_ipv4", 4: "sampled_ipv6",
}

// extendedRecordNames are 0:1001 to 0:1043.
var extendedRecordNames = [...]string{
	1001 - 1001: "extended_switch",
	1002 - 1001: "extended_router",
	1003 - 1001: "extended_gateway",
	1004 - 1001: "extended_user",
	1005 - 1001: "extended_url",
	1006 - 1001: "extended_mpls",
	1007 - 1001: "extended_nat",
	1008 - 1001: "extended_mpls_tunnel",
	1009 - 1001: "extended_mpls_vc",
	1010 - 1001: "extended_mpls_ftn",
	1011 - 1001: "extended_mpls_ldp_fec",
	1012 - 1001: "extended_vlantunnel",
	1013 - 1001: "extended_80211_payload",
	1014 - 1001: "extended_80211_rx",
	1015 - 1001: "extended_80211_tx",
	1016 - 1001: "extended_80211_aggregation",
	1017 - 1001: "extended_openflow_v1",
	1018 - 1001: "extended_fc",
	1019 - 1001: "extended_queue_length",
	1020 - 1001: "extended_nat_port",
	1021 - 1001: "extended_l2_tunnel_egress",
	1022 - 1001: "extended_l2_tunnel_ingress",
	1023 - 1001: "extended_ipv4_tunnel_egress",
	1024 - 1001: "extended_ipv4_tunnel_ingress",
	1025 - 1001: "extended_ipv6_tunnel_egress",
	1026 - 1001: "extended_ipv6_tunnel_ingress",
	1027 - 1001: "extended_decapsulate_egress",
	1028 - 1001: "extended_decapsulate_ingress",
	1029 - 1001: "extended_vni_egress",
	1030 - 1001: "extended_vni_ingress",
	1031 - 1001: "extended_ib_lrh",
	1032 - 1001: "extended_ib_grh",
	1033 - 1001: "extended_ib_bth",
	1034 - 1001: "extended_vlanin",
	1035 - 1001: "extended_vlanout",
	1036 - 1001: "extended_egress_queue",
	1037 - 1001: "extended_acl",
	1038 - 1001: "extended_function",
	1039 - 1001: "extended_transit",
	1040 - 1001: "extended_queue",
	1041 - 1001: "extended_hw_trap",
	1042 - 1001: "extended_linux_drop_reason",
	1043 - 1001: "extended_timestamp",
}

// applicationRecordName names 0:2000 and above: transactions, sockets,
// application layer operations. 2201 is the deprecated form of 2206.
func applicationRecordName(n uint32) string {
	switch n {
	case 2000:
		return "transaction"
	case 2001:
		return "extended_nfs_storage_transaction"
	case 2002:
		return "extended_scsi_storage_transaction"
	case 2003:
		return "extended_http_transaction"
	case 2100:
		return "extended_socket_ipv4"
	case 2101:
		return "extended_socket_ipv6"
	case 2102:
		return "extended_proxy_socket_ipv4"
	case 2103:
		return "extended_proxy_socket_ipv6"
	case 2200:
		return "memcache_operation"
	case 2201:
		return "http_request"
	case 2202:
		return "app_operation"
	case 2203:
		return "app_parent_context"
	case 2204:
		return "app_initiator"
	case 2205:
		return "app_target"
	case 2206:
		return "http_request"
	case 2207:
		return "extended_proxy_request"
	case 2208:
		return "extended_nav_timing"
	case 2209:
		return "extended_tcp_info"
	case 2210:
		return "extended_entities"
	}
	return ""
}

// vendorFlowRecordName names records of other enterprises: Foundry (1991),
// Broadcom (4413), pmacct (43874, and 8800 before it had its own number).
func vendorFlowRecordName(f Format) string {
	switch f {
	case 1991<<12 | 1:
		return "foundry_acl"
	case 4413<<12 | 1:
		return "extended_bst_egress_queue"
	case 8800<<12 | 1, 43874<<12 | 1:
		return "pmacct_class"
	case 8800<<12 | 2, 43874<<12 | 2:
		return "pmacct_tag"
	case 43874<<12 | 3:
		return "pmacct_class2"
	}
	return ""
}
