package flows

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"weir/detect/window"
)

// kept is what is told of a key in a step.
type kept struct {
	sum
	points int
	rank   float64 // by which its key is chosen
}

func (s *sum) value(v Value) float64 {
	switch v {
	case ByPackets:
		return s.packets
	case BySamples:
		return float64(s.samples)
	}
	return s.bytes
}

// finish chooses the vantage points and the greatest.
func (s *scan) finish(r *Result) {
	if s.sums == nil {
		s.sums = newSums(len(s.q.By))
	}
	all := new(bests).of(s.sums.all, s.q.Add)
	r.Keys = len(all)
	var total sum
	for i := range all {
		total.add(&all[i].sum)
	}
	rest := 0.0
	for _, x := range s.sums.rests {
		rest += x.bytes
		if s.q.Filter == nil || s.q.Filter.All() {
			x.first, x.last = total.first, total.last
			total.add(x)
		}
	}
	r.Notes = s.q.notes
	r.Total = s.tell(&kept{sum: total})
	if s.rolled != nil {
		r.Rollup = &Rolled{Definition: strings.Join(s.rolled.definition, ","), Hours: s.rolled.read[0], Minutes: s.rolled.read[1], Rest: rest}
	}
	all = s.greatest(all)
	r.Rows = make([]Sum, 0, len(all))
	for i := range all {
		one := s.tell(&all[i])
		one.Missed = s.missed(&all[i].sum)
		one.High += one.Missed
		one.PacketsHigh += one.Missed / leastFrame
		for d, n := range s.sums.parts(all[i].key, len(s.q.By)) {
			one.Key = append(one.Key, s.words[d].texts[n])
		}
		r.Rows = append(r.Rows, one)
	}
	slices.SortFunc(r.Rows, func(a, b Sum) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(b.value(s.q.Order), a.value(s.q.Order)), slices.Compare(a.Key, b.Key))
	})
}

// missed returns how many octets rollups may lack of a key.
func (s *scan) missed(x *sum) float64 {
	switch {
	case s.rolled == nil || s.sums.floors == nil:
		return 0
	case s.rolled.whole && !s.q.Add:
		return max(s.sums.floors[x.step]-x.covered, 0)
	case s.sums.rests[x.step] != nil:
		return s.sums.rests[x.step].bytes
	}
	return 0
}

// bests chooses vantage points. Its memory is used again.
type bests struct {
	at  places
	all []kept
}

// of takes of each key in each step the vantage point that saw most, or adds
// all. What it returns is valid until the next call.
func (b *bests) of(sums []sum, add bool) []kept {
	b.at.reset()
	b.all = b.all[:0]
	for i := range sums {
		x := &sums[i]
		n, fresh := b.at.of(uint64(x.step), uint64(x.key))
		if fresh {
			b.all = append(b.all, kept{sum: *x, points: 1})
			continue
		}
		have := &b.all[n]
		have.points++
		switch {
		case add:
			have.add(x)
		case x.bytes > have.bytes || x.bytes == have.bytes && x.first < have.first:
			have.sum = *x
		}
	}
	return b.all
}

// greatest leaves the keys with the greatest values, over all steps.
func (s *scan) greatest(all []kept) []kept {
	if s.q.Top == 0 {
		return all
	}
	rank := map[uint32]float64{}
	if s.q.Step > 0 {
		for i := range all {
			rank[all[i].key] += all[i].value(s.q.Order)
		}
	} else if len(all) <= s.q.Top {
		return all
	}
	for i := range all {
		if all[i].rank = all[i].value(s.q.Order); s.q.Step > 0 {
			all[i].rank = rank[all[i].key]
		}
	}
	order := func(a, b kept) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), s.compareKeys(a.key, b.key))
	}
	if s.q.Step == 0 {
		// Keep those above the value of the last that stays, then sort these few.
		values := make([]float64, len(all))
		for i := range all {
			values[i] = all[i].rank
		}
		least := nth(values, s.q.Top-1)
		all = slices.DeleteFunc(all, func(k kept) bool { return k.rank < least })
		slices.SortFunc(all, order)
		return all[:min(s.q.Top, len(all))]
	}
	slices.SortFunc(all, order)
	keys := 0
	for i := range all {
		if i == 0 || all[i].key != all[i-1].key {
			keys++
		}
		if keys > s.q.Top {
			return all[:i]
		}
	}
	return all
}

// nth returns the value that n others are at least as great as. It reorders v.
func nth(v []float64, n int) float64 {
	for low, high := 0, len(v)-1; ; {
		if low >= high {
			return v[n]
		}
		pivot, i, j := v[low+(high-low)/2], low, high
		for i <= j {
			for v[i] > pivot {
				i++
			}
			for v[j] < pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case n <= j:
			high = j
		case n >= i:
			low = i
		default:
			return v[n]
		}
	}
}

func (s *scan) compareKeys(a, b uint32) int {
	x, y := s.sums.parts(a, len(s.q.By)), s.sums.parts(b, len(s.q.By))
	for d := range x {
		if c := cmp.Compare(s.words[d].texts[x[d]], s.words[d].texts[y[d]]); c != 0 {
			return c
		}
	}
	return 0
}

// leastFrame is the octets that an Ethernet frame has at least (IEEE 802.3).
const leastFrame = 64

// tell turns a sum into what is told, without its key.
func (s *scan) tell(k *kept) Sum {
	one := Sum{Step: int(k.step), Bytes: k.bytes, Packets: k.packets, Samples: k.samples, Points: k.points}
	if k.samples > 0 {
		one.First, one.Last = time.UnixMicro(k.first).UTC(), time.UnixMicro(k.last).UTC()
	}
	n := float64(k.samples) // of packets that have no length: what a sample without header tells of
	if k.bytes > 0 && k.squares > 0 {
		n = k.bytes * k.bytes / k.squares // effective number of samples
	}
	if n > 0 {
		low, high := window.Interval(n, 0.95)
		one.Low, one.High = k.bytes*low/n, k.bytes*high/n
		one.PacketsLow, one.PacketsHigh = k.packets*low/n, k.packets*high/n
	}
	return one
}

func (s *Sum) value(v Value) float64 {
	switch v {
	case ByPackets:
		return s.Packets
	case BySamples:
		return float64(s.Samples)
	}
	return s.Bytes
}
