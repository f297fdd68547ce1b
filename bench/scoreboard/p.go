package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"syscall"
	"testing"
	"time"

	"weir/bench/scoreboard/report"
	"weir/bench/scoreboard/site"
	"weir/bench/traffic"
	"weir/collector/agents"
	"weir/collector/shard"
	"weir/detect"
	"weir/detect/heavy"
	"weir/detect/keys"
)

var alphas = []float64{0.8, 1, 1.2}

// zipf draws keys with P(k) ~ 1/(k+1)^alpha.
type zipf struct {
	cdf []float64
	r   *rand.Rand
}

func newZipf(keys int, alpha float64, seed uint64) *zipf {
	z := &zipf{cdf: make([]float64, keys), r: rand.New(rand.NewPCG(seed, 1))}
	sum := 0.0
	for i := range z.cdf {
		sum += math.Pow(float64(i+1), -alpha)
		z.cdf[i] = sum
	}
	for i := range z.cdf {
		z.cdf[i] /= sum
	}
	return z
}

// weighted is a sample of a key: octets times sampling rate.
type weighted struct{ key, hash, weight uint64 }

func (z *zipf) sample() weighted {
	k := uint64(sort.SearchFloat64s(z.cdf, z.r.Float64()))
	return weighted{k, mix(k), [3]uint64{64, 576, 1500}[z.r.IntN(3)] * 1000}
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// threadTime is the processor time of this thread: on a machine that others
// use too it tells more than the wall clock.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if syscall.Getrusage(thread, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// processTime is the processor time of this process so far.
func processTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// passes is pick for what -scale does not change.
func (r *run) passes(quick, full int) int {
	if r.quick {
		return quick
	}
	return full
}

// p1 is the throughput of the heavy-hitter table.
func (r *run) p1() []*report.Table {
	t := &report.Table{
		ID: "P1", Title: "updates of a summary: 16,384 entries, byte weights, windows of 100 ms slots, one core",
		Columns: []string{"keys", "Zipf", "ns of processor", "million/s", "allocations", "target"},
	}
	counts := []int{12_000, 1_000_000}
	if r.quick {
		counts = counts[:1]
	}
	for _, n := range counts {
		for _, alpha := range alphas {
			if r.quick && alpha != 1 {
				continue
			}
			ns, allocs := r.benchmarkAdd(n, alpha)
			target := ""
			if n == 12_000 {
				target = "≥ 30"
			}
			t.Add(n, alpha, fmt.Sprintf("%.1f", ns), fmt.Sprintf("%.1f", 1000/ns), allocs, target)
		}
	}
	t.Note("12,000 keys have a place each (updates of known keys); with 1,000,000 most updates of rare keys evict; a slot is 100,000 updates")
	t.Note("absolute speeds depend on the machine: %d processors, %s", runtime.NumCPU(), runtime.GOARCH)
	return []*report.Table{t}
}

func (r *run) benchmarkAdd(n int, alpha float64) (ns float64, allocs int64) {
	const size = 1 << 20
	z := newZipf(n, alpha, r.seed)
	samples := make([]weighted, size)
	for i := range samples {
		samples[i] = z.sample()
	}
	s, err := heavy.New[uint64](heavy.Config{})
	if err != nil {
		panic(err) // the default is valid
	}
	slot, i := int64(1e10), 0
	add := func() {
		w := &samples[i&(size-1)]
		if i++; i%100_000 == 0 {
			slot++
		}
		s.Add(w.hash, &w.key, slot, w.weight)
	}
	for range size {
		add()
	}
	best := math.Inf(1) // of some runs: what others do to the cache only adds
	for range r.passes(1, 3) {
		res := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			from := threadTime()
			for range b.N {
				add()
			}
			b.ReportMetric(float64(threadTime()-from)/float64(b.N), "cpu-ns/op")
		})
		best, allocs = min(best, res.Extra["cpu-ns/op"]), res.AllocsPerOp()
	}
	return best, allocs
}

// p2 is the throughput from the datagram to the detectors.
func (r *run) p2() []*report.Table {
	t := &report.Table{
		ID: "P2", Title: "flow samples from datagram to detectors, one core",
		Columns: []string{"what", "ns of processor", "million samples/s", "target"},
	}
	var datagrams []traffic.Datagram
	var samples uint64
	// Sampled far more often than by the rule, so that few links give 170,000
	// samples a second.
	l := site.Links{Seed: r.seed, Count: 20, Speed: 10e9, Rate: 100, Flush: 50 * time.Millisecond, Mice: 0.01}
	cfg, _ := l.Network(time.Duration(r.passes(2, 4)) * time.Second)
	n := traffic.New(cfg)
	for {
		d, ok := n.Next()
		if !ok {
			break
		}
		d.Payload = slices.Clone(d.Payload)
		datagrams = append(datagrams, d)
	}
	for i := range cfg.Agents {
		samples += n.Stats(i).FlowSamples
	}
	samples /= 2 // are timed
	defs := keys.Default()
	for _, v := range []struct {
		name, target string
		detect, keys bool
	}{
		{"decoder and agents", "", false, false},
		{"decoder, agents, detectors", "", true, false},
		{fmt.Sprintf("decoder, agents, detectors, %d key definitions", len(defs)), "≥ 2.5", true, true},
	} {
		var times []float64
		for range r.passes(2, 7) {
			times = append(times, float64(passDatagrams(datagrams, v.detect, v.keys))/float64(samples))
		}
		ns := report.Quantile(times, 0.5)
		t.Add(v.name, fmt.Sprintf("%.0f", ns), fmt.Sprintf("%.2f", 1000/ns), v.target)
	}
	t.Note("%d flow samples of 2,000 flows, 170,000 a second, in %d datagrams, each once, after as many to warm up; median of several passes", samples, len(datagrams)/2)
	t.Note("the engine is not counted: it is another core's work; above 25,000 samples a second the key definitions count a random part of the samples, weighted for the rest")
	t.Note("what bounds it is memory, not arithmetic: all flows here are hot, and a sample of one touches up to 13 cache lines of floods' tables (package detect/flood) and 6 to 8 of large flows', more than the second level holds; asked for ahead, a datagram's samples together, they still take most of the detectors' time where a load that misses takes 150 ns and more")
	return []*report.Table{t}
}

// passDatagrams returns the processor time that all datagrams take.
func passDatagrams(datagrams []traffic.Datagram, withDetect, withKeys bool) time.Duration {
	cfg := detect.DefaultConfig()
	cfg.LargeFlow.Off, cfg.Flood.Off, cfg.Scan.Off = !withDetect, !withDetect, !withDetect
	cfg.Top.Off = !withKeys
	shared := agents.NewShared(agents.Config{})
	d := detect.NewShard(cfg, 1)
	s := shard.New(agents.NewRegistry(shared), d)
	engine := detect.NewEngine(cfg, []*detect.Shard{d}, shared)
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	next := site.Epoch.Add(100 * time.Millisecond)
	var engines time.Duration
	from := threadTime()
	for i := range datagrams {
		if i == len(datagrams)/2 {
			from, engines = threadTime(), 0
		}
		g := &datagrams[i]
		if g.At.After(next) {
			s.Tick(next, 0)
			before := threadTime()
			engine.Tick(next, func(*detect.Alert) {}) // another core's work
			engines += threadTime() - before
			next = next.Add(100 * time.Millisecond)
		}
		s.Datagram(g.Payload, g.From, g.At)
	}
	return threadTime() - from - engines
}

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
