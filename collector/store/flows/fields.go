package flows

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"weir/collector/record"
	"weir/collector/store/columnar"
	"weir/detect/rules"
)

// field is a column of a segment, made of the keys of a journal's rows. Exactly
// one of number, text and address is set, none where it is of each row.
type field struct {
	name  string
	kind  columnar.Kind
	bloom bool
	// number reads a number, -1 where a row has none.
	number func(k *record.Key) int64
	// code reads what decides about the text, which text then writes.
	code func(k *record.Key) uint64
	text func(b []byte, s *said, code uint64) []byte
	// address reads an address, nil where a row has none.
	address func(k *record.Key) *[16]byte
	// filter is the field of a filter.
	filter rules.Field
	asked  bool // there is one
}

// fields are the columns beside the time, in their order, in the words of the
// filters. An address is text, "" where there is none, so that any reader
// understands it; what a dictionary holds once costs little.
func fields() []field {
	return []field{
		{name: "agent", code: func(k *record.Key) uint64 { return uint64(k.Agent) }, text: agentText, filter: rules.Agent, asked: true},
		// ifIndex, or "discarded:R", "multiple:N", "internal"
		{name: "input", code: func(k *record.Key) uint64 { return uint64(k.Input) }, text: portText, filter: rules.Input, asked: true},
		{name: "output", code: func(k *record.Key) uint64 { return uint64(k.Output) }, text: portText, filter: rules.Output, asked: true},
		{name: "domain", code: domainCode, text: domainText}, // "" the underlay
		{name: "src", bloom: true, address: func(k *record.Key) *[16]byte { return addressOf(k, &k.Src) }, filter: rules.Src, asked: true},
		{name: "dst", bloom: true, address: func(k *record.Key) *[16]byte { return addressOf(k, &k.Dst) }, filter: rules.Dst, asked: true},
		{name: "proto", kind: columnar.Int32, number: func(k *record.Key) int64 { return ofIP(k, k.Proto) }, filter: rules.Proto, asked: true},
		// of ICMP type·256 + code in dst_port
		{name: "src_port", kind: columnar.Int32, number: func(k *record.Key) int64 { return ofPorts(k, k.SrcPort) }, filter: rules.SrcPort, asked: true},
		{name: "dst_port", kind: columnar.Int32, number: func(k *record.Key) int64 { return ofPorts(k, k.DstPort) }, filter: rules.DstPort, asked: true},
		{name: "tcp_flags", kind: columnar.Int32, number: tcpFlags, filter: rules.TCPFlags, asked: true},
		{name: "dscp", kind: columnar.Int32, number: func(k *record.Key) int64 { return ofIP(k, k.TOS>>2) }, filter: rules.DSCP, asked: true},
		{name: "ttl", kind: columnar.Int32, number: func(k *record.Key) int64 { return ofIP(k, k.TTL) }, filter: rules.TTL, asked: true},
		{name: "fragment", kind: columnar.Int32, number: func(k *record.Key) int64 { return bit(k.Has & record.Fragment) }, filter: rules.Fragment, asked: true},
		{name: "ether_type", kind: columnar.Int32, number: func(k *record.Key) int64 { return int64(k.EtherType) }, filter: rules.EtherType, asked: true},
		{name: "vlan", kind: columnar.Int32, number: vlan, filter: rules.VLAN, asked: true},
		// 1 where it was sampled leaving the agent
		{name: "egress", kind: columnar.Int32, number: func(k *record.Key) int64 { return bit(k.Has & record.Egress) }},
		// octets of the frame
		{name: "length", kind: columnar.Int32, filter: rules.Length, asked: true},
		{name: "sampling_rate", kind: columnar.Int64, number: func(k *record.Key) int64 { return int64(k.Rate) }, filter: rules.SamplingRate, asked: true},
	}
}

// timeColumn is the first column: µs since the epoch, of receipt.
const timeColumn = "time"

const etherTypeARP = 0x0806

func addressOf(k *record.Key, a *[16]byte) *[16]byte {
	if k.Has&record.Addresses == 0 {
		return nil
	}
	return a
}

func ofIP(k *record.Key, v uint8) int64 {
	if k.Has&record.Addresses == 0 || k.EtherType == etherTypeARP {
		return -1
	}
	return int64(v)
}

func ofPorts(k *record.Key, v uint16) int64 {
	if k.Has&record.Ports == 0 {
		return -1
	}
	return int64(v)
}

func tcpFlags(k *record.Key) int64 {
	if k.Has&record.Ports == 0 || k.Proto != 6 {
		return -1
	}
	return int64(k.TCPFlags)
}

func vlan(k *record.Key) int64 {
	if v := k.Has.VLAN(); v > 0 {
		return int64(v)
	}
	return -1
}

func bit(h record.Has) int64 {
	if h != 0 {
		return 1
	}
	return 0
}

func agentText(b []byte, s *said, code uint64) []byte {
	if a, ok := s.agents[uint32(code)]; ok {
		return a.AppendTo(b)
	}
	return append(b, "::"...)
}

// domainCode is 0 for a row without addresses too.
func domainCode(k *record.Key) uint64 {
	if k.Has&record.Addresses == 0 {
		return 0
	}
	return uint64(k.Domain)
}

func domainText(b []byte, s *said, code uint64) []byte {
	return append(b, s.domains[uint32(code)]...)
}

// portText writes a port of a sample.
func portText(b []byte, _ *said, v uint64) []byte {
	n := v & (1<<30 - 1)
	switch {
	case v == 1<<30-1:
		return append(b, "internal"...)
	case v>>30 == 1:
		b = append(b, "discarded:"...)
	case v>>30 == 2:
		b = append(b, "multiple:"...)
	}
	return strconv.AppendUint(b, n, 10)
}

// words are an address as two words.
func words(a *[16]byte) (hi, lo uint64) {
	return binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
}

func addressText(b []byte, a *[16]byte) []byte {
	return netip.AddrFrom16(*a).Unmap().AppendTo(b)
}

// Columns returns the columns that a query may group by.
func Columns() []string {
	var all []string
	for _, f := range fields() {
		all = append(all, f.name)
	}
	return all
}

func fieldOf(name string) (field, bool) {
	for _, f := range fields() {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// filterColumn returns the column that a field of a filter stands for.
func filterColumn(of rules.Field) (string, bool) {
	for _, f := range fields() {
		if f.asked && f.filter == of {
			return f.name, true
		}
	}
	return "", false
}
