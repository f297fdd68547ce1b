package flood

import (
	"cmp"
	"slices"

	"weir/detect/distinct"
)

// top counts the most frequent of many things (Space-Saving).
type top[K comparable] struct {
	keys   [topSize]K
	counts [topSize]uint32
	errs   [topSize]uint32
	used   int
}

const topSize = 12

func (t *top[K]) add(k K) {
	least := 0
	for i := range t.used {
		if t.keys[i] == k {
			t.counts[i]++
			return
		}
		if t.counts[i] < t.counts[least] {
			least = i
		}
	}
	if t.used < topSize {
		t.keys[t.used], t.counts[t.used] = k, 1
		t.used++
		return
	}
	t.keys[least], t.errs[least] = k, t.counts[least]
	t.counts[least]++
}

// Share is a thing and its part of the samples.
type Share[K any] struct {
	Key   K
	Share float64
}

// shares returns the things that surely have a part of at least least, and were
// seen more than once, most first.
func (t *top[K]) shares(n uint32, least float64, order func(a, b K) int) []Share[K] {
	var out []Share[K]
	for i := range t.used {
		sure := t.counts[i] - t.errs[i]
		if s := float64(sure) / float64(n); s >= least && (sure > 1 || n == 1) {
			out = append(out, Share[K]{t.keys[i], s})
		}
	}
	slices.SortFunc(out, func(a, b Share[K]) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), order(a.Key, b.Key))
	})
	return out
}

// first returns the part that the most frequent m have at least.
func (t *top[K]) first(m int, n uint32) float64 {
	var sure [topSize]uint32
	for i := range t.used {
		sure[i] = t.counts[i] - t.errs[i]
	}
	slices.SortFunc(sure[:], func(a, b uint32) int { return cmp.Compare(b, a) })
	var s uint32
	for _, c := range sure[:m] {
		s += c
	}
	return float64(s) / float64(max(n, 1))
}

// spread is how one kind of packets to one victim is spread over sources,
// flows, ports and destinations.
type spread struct {
	since    int64
	n        uint32
	packets  float64 // of all samples, of which n are details
	class    [classes]uint32
	flags    top[uint8]
	sources  top[[16]byte]
	flows    top[uint64]
	dsts     top[[16]byte]
	srcPorts top[uint16]
	dstPorts top[uint16]
	set      distinct.Set // of sources
	dstSet   distinct.Set
	v6       bool
}

const manyDetails = 512 // then the distinct counts begin anew

func (s *spread) add(d *Detail) {
	if s.n == 0 {
		s.v6 = d.V6
	}
	s.n++
	s.class[d.Class]++
	s.flags.add(d.Flags & 63)
	s.sources.add(d.Src)
	s.flows.add(d.Hash)
	s.dsts.add(d.Dst)
	if d.Class != Fragment {
		s.srcPorts.add(d.SrcPort)
		s.dstPorts.add(d.DstPort)
	}
	s.set.Add(d.SrcHash)
	s.dstSet.Add(mix(uint64(d.Dst[15])|uint64(d.Dst[14])<<8|uint64(d.Dst[13])<<16|uint64(d.Dst[7])<<24, d.seedOf()))
}

// seedOf varies with the destination's prefix, which is the same for all.
func (d *Detail) seedOf() uint64 { return 0x9e3779b97f4a7c15 ^ uint64(d.Domain)<<1 }

// fewSources reports that the packets come from a dozen sources at most: that
// they repeat as often as n of 16 would, n²/2·16 times.
func (s *spread) fewSources() bool {
	different, n := s.set.Count(), float64(s.n)
	return different < 12 && (n >= 24 || n*n < 32*(n-different))
}

// fewFlows reports that a few flows are most of it.
func (s *spread) fewFlows() bool { return s.flows.first(4, s.n) >= 0.5 }

// carpet reports that many destinations have a part, none most of it.
func (s *spread) carpet() bool {
	return s.n >= minSamples && s.dsts.first(1, s.n) < 0.5 && s.dstSet.Count() >= 5
}

// amplified reports that amplifiers send most of it.
func (s *spread) amplified() bool { return s.class[Amplification] > s.class[Plain] }

// quic returns the part that looks like what web servers send by QUIC.
func (s *spread) quic(frame float64) float64 {
	const https = 443
	if frame <= smallFrame {
		return 0
	}
	for i := range s.srcPorts.used {
		if s.srcPorts.keys[i] == https {
			return float64(s.srcPorts.counts[i]-s.srcPorts.errs[i]) / float64(s.n)
		}
	}
	return 0
}
