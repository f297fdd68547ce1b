package flood

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
)

// vectorOf names the service whose port most packets come from.
func vectorOf(sp *spread) string {
	for _, s := range sp.srcPorts.shares(sp.n, 0, cmp.Compare[uint16]) {
		if name := Vector(s.Key); name != "" {
			return name
		}
	}
	return ""
}

// flagsName names the combination of TCP flags met most.
func flagsName(sp *spread) string {
	all := sp.flags.shares(sp.n, 0, cmp.Compare[uint8])
	if len(all) == 0 {
		return ""
	}
	switch f := all[0].Key; {
	case f == 0:
		return "null"
	case f&(fin|psh|urg) == fin|psh|urg:
		return "xmas"
	case f&(syn|fin) == syn|fin:
		return "syn_fin"
	case f&(syn|rst) == syn|rst:
		return "syn_rst"
	case f == fin:
		return "fin"
	}
	return "odd_flags"
}

func prefixSize(v6 bool) float64 {
	if v6 {
		return 0
	}
	return 1 << (32 - prefixV4)
}

func compare16(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }

func addresses(in []Share[[16]byte], v6 bool) []Share[netip.Addr] {
	var out []Share[netip.Addr]
	for _, s := range head(in) {
		out = append(out, Share[netip.Addr]{address(s.Key, v6), s.Share})
	}
	return out
}

func head[T any](s []Share[T]) []Share[T] { return s[:min(len(s), fullReport)] }

func sortPorts(ports []UsedPort) {
	slices.SortFunc(ports, func(a, b UsedPort) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Port, b.Port))
	})
}
