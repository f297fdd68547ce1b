package series

import "weir/decoder/sflow"

// lacpBits says how to read the states of lag_port_stats.
const lacpBits = "bits from the lowest: active, short timeout, may aggregate, in sync, collecting, distributing, defaulted, expired"

var lagPortStats = &Class{
	Name: "lag_port_stats", Tags: portTags, Help: "a port of a bundle (lag_port_stats, 0:7)",
	Fields: fields(
		[]Field{{Name: "attached_agg_id", Unit: None, Help: "ifIndex of the bundle; 0 is none"}},
		[]Field{
			{Name: "actor_admin_state", Unit: None, Help: lacpBits}, {Name: "actor_oper_state", Unit: None, Help: "the same bits"},
			{Name: "partner_admin_state", Unit: None, Help: "the same bits"}, {Name: "partner_oper_state", Unit: None, Help: "the same bits"},
		},
		counters(Count, "lacpdus_rx", "marker_pdus_rx", "marker_response_pdus_rx", "unknown_rx", "illegal_rx",
			"lacpdus_tx", "marker_pdus_tx", "marker_response_pdus_tx"),
	),
}

var pfcCounters = &Class{
	Name: "pfc_counters", Tags: portTags, Help: "priority flow control of a port (pfc_counters, 0:11)",
	Fields: fields(
		[]Field{
			{Name: "requests", Unit: Count, Counter: true, Help: "PFC frames sent"},
			{Name: "indications", Unit: Count, Counter: true, Help: "PFC frames received"},
			{Name: "pause_duration", Unit: "µs", Counter: true, Help: "paused"},
		},
		counters(Count, "storm_detected", "storm_restored"),
	),
}

var mib2IP = &Class{
	Name: "mib2_ip_group", Tags: hostTags, Help: "IP of a host (mib2_ip_group, 0:2007)",
	Fields: fields(
		[]Field{{Name: "ip_forwarding", Unit: None, Help: "1 forwarding, 2 not"}}, gauges(Count, "ip_default_ttl"),
		counters(Packets, "ip_in_receives", "ip_in_hdr_errors", "ip_in_addr_errors", "ip_forw_datagrams", "ip_in_unknown_protos",
			"ip_in_discards", "ip_in_delivers", "ip_out_requests", "ip_out_discards", "ip_out_no_routes"),
		gauges(Seconds, "ip_reasm_timeout"),
		counters(Packets, "ip_reasm_reqds", "ip_reasm_oks", "ip_reasm_fails", "ip_frag_oks", "ip_frag_fails", "ip_frag_creates"),
	),
}

var mib2ICMP = &Class{
	Name: "mib2_icmp_group", Tags: hostTags, Help: "ICMP of a host (mib2_icmp_group, 0:2008)",
	Fields: counters(Packets, "icmp_in_msgs", "icmp_in_errors", "icmp_in_dest_unreachs", "icmp_in_time_excds", "icmp_in_param_probs",
		"icmp_in_src_quenchs", "icmp_in_redirects", "icmp_in_echos", "icmp_in_echo_reps", "icmp_in_timestamps", "icmp_in_addr_masks",
		"icmp_in_addr_mask_reps", "icmp_out_msgs", "icmp_out_errors", "icmp_out_dest_unreachs", "icmp_out_time_excds",
		"icmp_out_param_probs", "icmp_out_src_quenchs", "icmp_out_redirects", "icmp_out_echos", "icmp_out_echo_reps",
		"icmp_out_timestamps", "icmp_out_timestamp_reps", "icmp_out_addr_masks", "icmp_out_addr_mask_reps"),
}

var mib2TCP = &Class{
	Name: "mib2_tcp_group", Tags: hostTags, Help: "TCP of a host (mib2_tcp_group, 0:2009)",
	Fields: fields(
		[]Field{{Name: "tcp_rto_algorithm", Unit: None, Help: "1 other, 2 constant, 3 RFC 783, 4 Van Jacobson"}},
		gauges(Milliseconds, "tcp_rto_min", "tcp_rto_max"),
		[]Field{{Name: "tcp_max_conn", Unit: Count, Help: "left out where there is no limit"}},
		counters(Count, "tcp_active_opens", "tcp_passive_opens", "tcp_attempt_fails", "tcp_estab_resets"),
		[]Field{{Name: "tcp_curr_estab", Unit: Count, Help: "connections now"}},
		counters(Packets, "tcp_in_segs", "tcp_out_segs", "tcp_retrans_segs", "tcp_in_errs", "tcp_out_rsts", "tcp_in_csum_errs"),
	),
}

var mib2UDP = &Class{
	Name: "mib2_udp_group", Tags: hostTags, Help: "UDP of a host (mib2_udp_group, 0:2010)",
	Fields: counters(Packets, "udp_in_datagrams", "udp_no_ports", "udp_in_errors", "udp_out_datagrams",
		"udp_rcvbuf_errors", "udp_sndbuf_errors", "udp_in_csum_errors"),
}

// stackRecord makes the points of a host's protocols.
func (g *Gather) stackRecord(s *subject, r sflow.Record) (v []Value, ok bool) {
	c := &g.records
	switch r.Format {
	case sflow.FormatMIB2IPGroup:
		if c.ip.Decode(r) == nil {
			if v, ok = g.hostPoint(s, mib2IP); ok {
				v = mib2IPValues(v, &c.ip)
			}
		}
	case sflow.FormatMIB2ICMPGroup:
		if c.icmp.Decode(r) == nil {
			if v, ok = g.hostPoint(s, mib2ICMP); ok {
				v = mib2ICMPValues(v, &c.icmp)
			}
		}
	case sflow.FormatMIB2TCPGroup:
		if c.tcp.Decode(r) == nil {
			if v, ok = g.hostPoint(s, mib2TCP); ok {
				v = mib2TCPValues(v, &c.tcp)
			}
		}
	case sflow.FormatMIB2UDPGroup:
		if n := &c.udp; n.Decode(r) == nil {
			if v, ok = g.hostPoint(s, mib2UDP); ok {
				v = appendC32(v, n.InDatagrams, n.NoPorts, n.InErrors, n.OutDatagrams, n.RcvbufErrors, n.SndbufErrors, n.InCsumErrors)
			}
		}
	}
	return v, ok
}

// bundleRecord makes the points of a port's protocols.
func (g *Gather) bundleRecord(s *subject, r sflow.Record) (v []Value, ok bool) {
	switch r.Format {
	case sflow.FormatLAGPortStats:
		if c := &g.records.lag; c.Decode(r) == nil {
			if v, ok = g.portPoint(s, lagPortStats); ok {
				v = append(v, u32(c.AttachedAggID), u32(uint32(c.ActorAdminState)), u32(uint32(c.ActorOperState)),
					u32(uint32(c.PartnerAdminState)), u32(uint32(c.PartnerOperState)))
				v = appendC32(v, c.LACPDUsRx, c.MarkerPDUsRx, c.MarkerResponsePDUsRx, c.UnknownRx, c.IllegalRx,
					c.LACPDUsTx, c.MarkerPDUsTx, c.MarkerResponsePDUsTx)
			}
		}
	case sflow.FormatPFCCounters:
		if c := &g.records.pfc; c.Decode(r) == nil {
			if v, ok = g.portPoint(s, pfcCounters); ok {
				v = appendC32(v, c.Requests, c.Indications, c.PauseDuration, c.StormDetected, c.StormRestored)
			}
		}
	}
	return v, ok
}

func mib2IPValues(v []Value, c *sflow.MIB2IPGroup) []Value {
	v = appendC32(append(v, u32(c.Forwarding), u32(c.DefaultTTL)), c.InReceives, c.InHdrErrors, c.InAddrErrors, c.ForwDatagrams,
		c.InUnknownProtos, c.InDiscards, c.InDelivers, c.OutRequests, c.OutDiscards, c.OutNoRoutes)
	return appendC32(append(v, u32(c.ReasmTimeout)), c.ReasmReqds, c.ReasmOKs, c.ReasmFails, c.FragOKs, c.FragFails, c.FragCreates)
}

func mib2ICMPValues(v []Value, c *sflow.MIB2ICMPGroup) []Value {
	return appendC32(v, c.InMsgs, c.InErrors, c.InDestUnreachs, c.InTimeExcds, c.InParamProbs, c.InSrcQuenchs, c.InRedirects,
		c.InEchos, c.InEchoReps, c.InTimestamps, c.InAddrMasks, c.InAddrMaskReps, c.OutMsgs, c.OutErrors, c.OutDestUnreachs,
		c.OutTimeExcds, c.OutParamProbs, c.OutSrcQuenchs, c.OutRedirects, c.OutEchos, c.OutEchoReps, c.OutTimestamps,
		c.OutTimestampReps, c.OutAddrMasks, c.OutAddrMaskReps)
}

func mib2TCPValues(v []Value, c *sflow.MIB2TCPGroup) []Value {
	v = append(v, u32(c.RtoAlgorithm), u32(c.RtoMin), u32(c.RtoMax), c32(sflow.Counter32(c.MaxConn)))
	v = appendC32(v, c.ActiveOpens, c.PassiveOpens, c.AttemptFails, c.EstabResets)
	return appendC32(append(v, u32(c.CurrEstab)), c.InSegs, c.OutSegs, c.RetransSegs, c.InErrs, c.OutRsts, c.InCsumErrs)
}
