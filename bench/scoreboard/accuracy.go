package main

import (
	"fmt"
	"slices"
	"time"

	"weir/bench/scoreboard/report"
	"weir/detect/heavy"
)

// p3 compares summaries with an exact count of every key.
func (r *run) p3() []*report.Table {
	t := &report.Table{
		ID: "P3", Title: "accuracy over a sliding window of 1 s, every key against an exact count; threshold 0.1 %",
		Columns: []string{"entries", "memory", "Zipf", "keys", "above", "F1", "error of lower", "error of upper", "bounds violated"},
	}
	entries := []int{1024, 4096, 16384, 65536}
	if r.quick {
		entries = []int{16384}
	}
	type setting struct {
		entries int
		alpha   float64
	}
	var settings []setting
	for _, e := range entries {
		for _, a := range alphas {
			settings = append(settings, setting{e, a})
		}
	}
	violated := 0
	for i, a := range each(r, len(settings), func(i int) accuracy {
		return measure(settings[i].entries, settings[i].alpha, r.passes(400_000, 4_000_000), r.passes(100_000, 1_000_000), r.seed)
	}) {
		c := heavy.Config{Entries: settings[i].entries}
		t.Add(settings[i].entries, fmt.Sprintf("%.1f MB", float64(c.Bytes(48))/1e6), settings[i].alpha, a.keys, a.above,
			fmt.Sprintf("%.4f", a.f1), fmt.Sprintf("%.4f", a.lower), fmt.Sprintf("%.4f", a.upper), a.violated)
		violated += a.violated
	}
	t.Note("target at 16,384 entries: F1 1, error of the lower bound 0, memory ≤ 6 MB with keys of 48 bytes; bounds violated anywhere: 0, seen %d", violated)
	return []*report.Table{t}
}

// accuracy of a summary. Errors are means of relative errors above the threshold.
type accuracy struct {
	f1, lower, upper      float64
	keys, above, violated int
}

const accuracySlots = 80

// stream calls f with every sample and its slot, some a slot late.
func stream(samples, keys int, alpha float64, seed uint64, f func(w weighted, slot int64)) {
	z := newZipf(keys, alpha, seed)
	for i := range samples {
		slot := int64(1e10) + int64(i*accuracySlots/samples)
		if i%7 == 6 {
			slot--
		}
		f(z.sample(), slot)
	}
}

func measure(entries int, alpha float64, samples, keys int, seed uint64) accuracy {
	s, err := heavy.New[uint64](heavy.Config{Entries: entries})
	if err != nil {
		panic(err) // all settings are valid
	}
	w := heavy.At(int64(1e10)+accuracySlots-1, time.Second)
	exact := make([]uint64, keys)
	ever := make([]bool, keys)
	stream(samples, keys, alpha, seed, func(v weighted, slot int64) {
		s.Add(v.hash, &v.key, slot, v.weight)
		ever[v.key] = true
		if slot >= w.From && slot <= w.To {
			exact[v.key] += v.weight
		}
	})
	return compare(exact, ever, func(hash uint64) heavy.Estimate { return s.Lookup(hash, w) })
}

func compare(exact []uint64, ever []bool, lookup func(hash uint64) heavy.Estimate) accuracy {
	var a accuracy
	total := uint64(0)
	for _, v := range exact {
		total += v
	}
	called, hit := 0, 0
	for k, want := range exact {
		if !ever[k] {
			continue
		}
		a.keys++
		e := lookup(mix(uint64(k)))
		if e.Lower > want || e.Upper < want {
			a.violated++
		}
		if e.Lower >= total/1000 {
			called++
		}
		if want < total/1000 {
			continue
		}
		a.above++
		if e.Lower >= total/1000 {
			hit++
		}
		a.lower += float64(want-min(e.Lower, want)) / float64(want)
		a.upper += float64(max(e.Upper, want)-want) / float64(want)
	}
	a.f1 = 2 * float64(hit) / float64(called+a.above)
	a.lower /= float64(a.above)
	a.upper /= float64(a.above)
	return a
}

// p4 merges the digests of eight shards and of four collectors.
func (r *run) p4() []*report.Table {
	t := &report.Table{
		ID: "P4", Title: "merged digests of summaries that each saw a part, against an exact count of the whole",
		Columns: []string{"parts", "Zipf", "keys", "top 100 right", "F1", "error of upper", "bounds violated"},
	}
	for _, parts := range []int{8, 4} {
		for _, alpha := range alphas {
			top, a, err := merged(parts, alpha, r.passes(400_000, 4_000_000), r.passes(100_000, 1_000_000), r.seed)
			if err != nil {
				t.Note("%d parts: %v", parts, err)
				continue
			}
			t.Add(parts, alpha, a.keys, fmt.Sprintf("%d of 100", top), fmt.Sprintf("%.4f", a.f1), fmt.Sprintf("%.4f", a.upper), a.violated)
		}
	}
	t.Note("samples are dealt out at random, so that every part sees every key; 16,384 entries and 1,024 keys in a digest; the merged bound is the sum of the bounds")
	return []*report.Table{t}
}

func merged(parts int, alpha float64, samples, keys int, seed uint64) (top int, a accuracy, err error) {
	var all []*heavy.Summary[uint64]
	for range parts {
		s, err := heavy.New[uint64](heavy.Config{})
		if err != nil {
			return 0, a, err
		}
		all = append(all, s)
	}
	w := heavy.At(int64(1e10)+accuracySlots-1, time.Second)
	exact := make([]uint64, keys)
	ever := make([]bool, keys)
	i := uint64(0)
	stream(samples, keys, alpha, seed, func(v weighted, slot int64) {
		i++
		all[mix(i)%uint64(parts)].Add(v.hash, &v.key, slot, v.weight)
		ever[v.key] = true
		if slot >= w.From && slot <= w.To {
			exact[v.key] += v.weight
		}
	})
	var digests []*heavy.Digest[uint64]
	for _, s := range all {
		s.Advance(w.To)
		d := new(heavy.Digest[uint64])
		s.Digest(d, 1024, w)
		digests = append(digests, d)
	}
	m, err := heavy.Merge(digests...)
	if err != nil {
		return 0, a, err
	}
	order := make([]int, keys)
	for k := range order {
		order[k] = k
	}
	slices.SortFunc(order, func(x, y int) int { return int(int64(exact[y]) - int64(exact[x])) })
	found := map[uint64]heavy.Estimate{}
	for n, it := range m.Items {
		found[it.Hash|1] = it.Estimate
		if n < 100 && exact[it.Key] >= exact[order[99]] {
			top++
		}
	}
	return top, compare(exact, ever, func(hash uint64) heavy.Estimate {
		if e, ok := found[hash|1]; ok {
			return e
		}
		return m.Lookup(hash)
	}), nil
}
