package main

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// named are the reference's members of a record that are not in the order or
// form of the wire, with weir's name for each. Records not listed are compared
// member by member in the order of the wire.
var named = map[string][][2]string{
	"flow 0:1": {{"headerProtocol", "protocol"}, {"sampledPacketSize", "frame_length"}, {"strippedBytes", "stripped"}, {"headerBytes", "header"},
		{"dstMAC", "dst_mac"}, {"srcMAC", "src_mac"}, {"srcIP", "src_ip"}, {"dstIP", "dst_ip"}, {"srcIP6", "src_ip"}, {"dstIP6", "dst_ip"},
		{"IPProtocol", "proto"}, {"IPTOS", "tos"}, {"IPTTL", "ttl"}, {"TCPSrcPort", "src_port"}, {"TCPDstPort", "dst_port"}, {"TCPFlags", "tcp_flags"},
		{"UDPSrcPort", "src_port"}, {"UDPDstPort", "dst_port"}, {"ICMPType", "icmp_type"}, {"ICMPCode", "icmp_code"},
		{"decodedVLAN", "vlan"}, {"decodedPriority", "priority"}, {"ip.tot_len", "ip_length"}},
	"flow 0:2": {{"ethernet_type", "type"}, {"ethernet_len", "length"}, {"ethernet_src", "src_mac"}, {"ethernet_dst", "dst_mac"}},
	"flow 0:3": {{"sampledPacketSize", "length"}, {"srcIP", "src_ip"}, {"dstIP", "dst_ip"}, {"IPProtocol", "protocol"}, {"IPTOS", "tos"},
		{"UDPSrcPort", "src_port"}, {"UDPDstPort", "dst_port"}, {"TCPSrcPort", "src_port"}, {"TCPDstPort", "dst_port"}, {"TCPFlags", "tcp_flags"}},
	"flow 0:4": {{"sampledPacketSize", "length"}, {"srcIP6", "src_ip"}, {"dstIP6", "dst_ip"}, {"IPProtocol", "protocol"}, {"priority", "priority"},
		{"UDPSrcPort", "src_port"}, {"UDPDstPort", "dst_port"}, {"TCPSrcPort", "src_port"}, {"TCPDstPort", "dst_port"}, {"TCPFlags", "tcp_flags"}},
	"flow 0:1023": {{"tunnel_ipv4_out_sampledPacketSize", "length"}, {"tunnel_ipv4_out_srcIP", "src_ip"}, {"tunnel_ipv4_out_dstIP", "dst_ip"},
		{"tunnel_ipv4_out_IPProtocol", "protocol"}, {"tunnel_ipv4_out_IPTOS", "tos"}},
	"flow 0:1024": {{"tunnel_ipv4_in_sampledPacketSize", "length"}, {"tunnel_ipv4_in_srcIP", "src_ip"}, {"tunnel_ipv4_in_dstIP", "dst_ip"},
		{"tunnel_ipv4_in_IPProtocol", "protocol"}, {"tunnel_ipv4_in_IPTOS", "tos"}},
}

// scaled are members the reference prints as percent, which the wire has in
// hundredths.
var scaled = map[string]bool{"5s_cpu": true, "1m_cpu": true, "5m_cpu": true, "disk_partition_max_used": true}

// status are the reference's words for the status of an application operation.
var status = []string{"SUCCESS", "OTHER", "TIMEOUT", "INTERNAL_ERROR", "BAD_REQUEST", "FORBIDDEN", "TOO_LARGE",
	"NOT_IMPLEMENTED", "NOT_FOUND", "UNAVAILABLE", "UNAUTHORIZED"}

func (c *comparison) record(want, got any) {
	c.tally.records++
	tag, kind := text(want, "flowBlock_tag"), "flow "
	if tag == "" {
		tag, kind = text(want, "counterBlock_tag"), "counter "
	}
	c.seen[kind+tag]++
	if g := text(got, "format"); g != tag {
		c.differ("record format", "reference %s, weir %s", tag, g)
		return
	}
	if get(got, "length") != nil && text(got, "name") != "" && text(got, "error") == "" && len(got.([]pair)) == 3 {
		c.tally.named++ // known by name and skipped
		return
	}
	if e := text(got, "error"); e != "" {
		c.differ(kind+tag+" error", "weir says %q", e)
		return
	}
	switch key := kind + tag; {
	case named[key] != nil:
		c.byName(key, want, got)
	case key == "flow 0:1003":
		c.gateway(want, got)
	default:
		c.inOrder(key, want, got)
	}
}

func (c *comparison) byName(key string, want, got any) {
	if h, ok := get(got, "header").([]pair); ok { // of a tunnel record
		got = h
	}
	inner := get(got, "inner")
	for _, k := range named[key] {
		a, ok := get(want, k[0]).(string)
		if !ok {
			continue
		}
		b := get(got, k[1])
		if inner != nil && b == nil {
			continue // weir tells this of the innermost packet, the reference of the outermost
		}
		if !same(a, b) {
			c.differ(key+" "+k[0], "reference %q, weir %v", a, b)
		}
	}
}

// inOrder compares all members in the order of the wire.
func (c *comparison) inOrder(key string, want, got any) {
	skip := map[string]bool{"flowBlock_tag": true, "counterBlock_tag": true, "extendedType": true, "flowSampleType": true, "MACs": true}
	var w, g []pair
	for _, p := range leaves(nil, "", want) {
		if !skip[p.key] {
			w = append(w, p)
		}
	}
	for _, p := range leaves(nil, "", got) {
		if p.key != "format" && p.key != "name" || len(g) > 0 {
			g = append(g, p)
		}
	}
	if len(w) < len(g) { // the reference leaves out empty texts and what an old agent did not send
		g = slices.DeleteFunc(g, func(p pair) bool { return p.value == nil || p.value == "" })
	}
	if len(w) != len(g) {
		c.differ(key+" number of fields", "reference %d %v, weir %d %v", len(w), w, len(g), g)
		return
	}
	for i := range w {
		a, _ := w[i].value.(string)
		b := g[i].value
		if scaled[w[i].key] {
			f, _ := strconv.ParseFloat(a, 64)
			a = strconv.Itoa(int(math.Round(f * 100)))
			if f < 0 {
				a = "4294967295"
			}
		}
		if w[i].key == "ifName" {
			a = strings.ToValidUTF8(a, "\uFFFD")
		}
		if w[i].key == "openflow_datapath_id" {
			n, _ := strconv.ParseUint(a, 16, 64)
			a = strconv.FormatUint(n, 10)
		}
		if w[i].key == "status" && tagIs(key, "2202") {
			n, _ := strconv.Atoi(fmt.Sprint(b))
			if n < len(status) {
				b = status[n]
			}
		}
		if !same(a, b) {
			c.differ(key+" "+w[i].key, "reference %q, weir %s=%v", a, g[i].key, b)
		}
	}
}

func tagIs(key, n string) bool { return strings.HasSuffix(key, ":"+n) }

func (c *comparison) gateway(want, got any) {
	for _, k := range [][2]string{{"bgp_nexthop", "nexthop"}, {"my_as", "as"}, {"src_as", "src_as"}, {"src_peer_as", "src_peer_as"}, {"BGP_localpref", "localpref"}} {
		if a, ok := get(want, k[0]).(string); ok && !same(a, get(got, k[1])) {
			c.differ("flow 0:1003 "+k[0], "reference %q, weir %v", a, get(got, k[1]))
		}
	}
	var path string
	segments, _ := get(got, "dst_as_path").([]any)
	for _, s := range segments {
		if set := get(s, "as_set"); set != nil {
			path += "(" + joined(set) + ")"
		} else {
			path += joined(get(s, "as_sequence"))
		}
	}
	if a := text(want, "dst_as_path"); a != path {
		c.differ("flow 0:1003 dst_as_path", "reference %q, weir %q", a, path)
	}
	if a, b := text(want, "BGP_communities"), joined(get(got, "communities")); a != b {
		c.differ("flow 0:1003 BGP_communities", "reference %q, weir %q", a, b)
	}
}

func joined(list any) string {
	var parts []string
	for _, p := range leaves(nil, "", list) {
		parts = append(parts, fmt.Sprint(p.value))
	}
	return strings.Join(parts, "-")
}

func (c *comparison) rtmetric(want, got any) {
	values, _ := get(got, "metrics").([]any)
	i := 0
	for _, p := range want.([]pair) {
		rest, ok := strings.CutPrefix(p.key, "rtmetric_")
		if !ok || rest == "datasource_name" {
			continue
		}
		kind, name, _ := strings.Cut(rest, "_")
		if i >= len(values) || text(values[i], "name") != name || text(values[i], "type") != kind || !same(p.value.(string), get(values[i], "value")) {
			c.differ("rtmetric", "reference %s=%v, weir %v", p.key, p.value, values)
		}
		i++
	}
	if i != len(values) {
		c.differ("rtmetric", "reference has %d values, weir %d", i, len(values))
	}
}

// discarded cuts the flat element list of a reference discard sample into
// records, and takes the prefix off its names.
func discarded(sample any) []any {
	var out []any
	var cur []pair
	list, _ := get(sample, "elements").([]any)
	for _, e := range list {
		for _, p := range e.([]pair) {
			k := strings.TrimPrefix(p.key, "discarded_")
			if k == "flowBlock_tag" && cur != nil {
				out, cur = append(out, cur), nil
			}
			cur = append(cur, pair{k, p.value})
		}
	}
	if cur != nil {
		out = append(out, cur)
	}
	return out
}

// same compares a reference value, always text, with weir's.
func same(a string, b any) bool {
	switch b := b.(type) {
	case nil: // unknown
		return a == "4294967295" || a == "18446744073709551615" || a == "0.0.0.0" || a == ""
	case string:
		if a == b {
			return true
		}
		clean := func(s string) string {
			return strings.ToLower(strings.NewReplacer(":", "", "-", "", " ", "").Replace(s))
		}
		if clean(a) == clean(b) {
			return true
		}
		if x, err := netip.ParseAddr(a); err == nil {
			y, err := netip.ParseAddr(b)
			return err == nil && x == y
		}
		x, err1 := strconv.ParseFloat(a, 64)
		y, err2 := strconv.ParseFloat(b, 64)
		return err1 == nil && err2 == nil && strings.Contains(a, ".") && math.Abs(x-y) <= 0.0005
	}
	return false
}
