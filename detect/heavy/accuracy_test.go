package heavy

import (
	"flag"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"
)

var full = flag.Bool("heavy.full", false, "run the accuracy tests with 10 million samples of a million keys")

// score is how well a summary knows the keys above a threshold.
type score struct {
	f1          float64
	lower       float64 // mean relative error of Lower over the keys above the threshold
	upper       float64 // the same of Upper
	heavy, open int     // keys above the threshold; all keys that are not exact
}

// Twelve configurations, sliding windows, every key against the exact answer.
// Unless -heavy.full, streams and key space are a small part of the full ones.
func TestEveryKeyWithinBounds(t *testing.T) {
	samples, keys := 240_000, 40_000
	if *full {
		samples, keys = 10_000_000, 1_000_000
	}
	if testing.Short() {
		samples = 100_000
	}
	for _, entries := range []int{1024, 4096, 16384, 65536} {
		for _, alpha := range []float64{0.8, 1.0, 1.2} {
			t.Run(fmt.Sprintf("entries=%d/zipf=%.1f", entries, alpha), func(t *testing.T) {
				const seed = 77
				z := newZipf(keys, alpha, 11)
				s, m := newSummary(t, Config{Entries: entries}), newModel()
				slot, perSlot := int64(17_600_000_005), samples/80
				var last score
				for i := range samples {
					if i%perSlot == 0 {
						slot++
					}
					key := z.next()
					at := slot - int64(i%7/6) // some a slot late
					w := frames[z.r.IntN(3)] * 1000
					s.Add(mix(key, seed), &key, at, w)
					m.add(key, at, w)
					if i%(samples/3) == samples/3-1 {
						for _, length := range []time.Duration{time.Second, 5 * time.Second} {
							w := At(s.Now(), length)
							open := m.check(t, s, seed, w)
							if length == time.Second {
								last = m.score(s, seed, w, open)
							}
						}
					}
				}
				c := s.Counts()
				t.Logf("F1 %.4f of %d keys at 0.1 %%, error of lower %.5f upper %.5f, %d of %d keys open, %d evicted, %d bytes",
					last.f1, last.heavy, last.lower, last.upper, last.open, len(m.keys), c.Evicted, Config{Entries: entries}.Bytes(8))
				if entries >= 16384 && (last.f1 != 1 || last.lower != 0) {
					t.Errorf("F1 %g, error of the lower bound %g, want 1 and 0", last.f1, last.lower)
				}
				if entries >= 16384 && last.upper > 0.01 {
					t.Errorf("error of the upper bound %g, want less than 1 %%", last.upper)
				}
			})
		}
	}
}

// score compares the keys that have 0.1 % of the window's weight with those
// that the summary's lower bounds call so.
func (m *model) score(s *Summary[uint64], seed uint64, w Window, open int) score {
	total := uint64(0)
	for key := range m.keys {
		total += m.sum(key, w).w
	}
	threshold := total / 1000
	r := score{open: open}
	hit, called := 0, 0
	for key := range m.keys {
		want, got := m.sum(key, w).w, s.Lookup(mix(key, seed), w)
		if got.Lower >= threshold {
			called++
		}
		if want < threshold {
			continue
		}
		r.heavy++
		if got.Lower >= threshold {
			hit++
		}
		r.lower += float64(want-got.Lower) / float64(want)
		r.upper += float64(got.Upper-want) / float64(want)
	}
	r.f1 = 2 * float64(hit) / float64(called+r.heavy)
	r.lower /= float64(r.heavy)
	r.upper /= float64(r.heavy)
	return r
}

// With room for all keys every window is exact, squares to a per cent.
func TestExactWhileNothingIsEvicted(t *testing.T) {
	const seed = 5
	s, m := newSummary(t, Config{Entries: 4096, Histories: 4096}), newModel()
	z := newZipf(500, 0.9, 2)
	slot := int64(17_600_000_000)
	for i := range 300_000 {
		if i%60 == 0 {
			slot++
		}
		if i == 150_000 {
			slot += 900
		}
		key := z.next()
		at := slot - int64(i%9)
		w := frames[z.r.IntN(3)] * 400
		s.Add(mix(key, seed), &key, at, w)
		m.add(key, at, w)
		if i%15_000 != 14_999 {
			continue
		}
		for _, length := range lengths {
			for _, to := range []int64{s.Now(), s.Now() - 1} {
				w := At(to, length)
				if w.From < s.Now()-reachSlots+1 && length <= 1200*time.Millisecond {
					continue // twelve slots back from an earlier one
				}
				if open := m.check(t, s, seed, w); open > 0 {
					t.Fatalf("%d keys are not exact in %+v, now %d", open, w, s.Now())
				}
				m.checkSquares(t, s, seed, w)
				if got, want := s.Total(w), m.total(w); got.Lower != want || got.Upper != want {
					t.Fatalf("total [%d, %d], want %d", got.Lower, got.Upper, want)
				}
			}
		}
	}
	if c := s.Counts(); c.Evicted != 0 || c.Samples != 300_000 {
		t.Errorf("counts %+v", c)
	}
}

func (m *model) total(w Window) (n uint64) {
	for key := range m.keys {
		n += m.sum(key, w).w
	}
	return n
}

func (m *model) checkSquares(t *testing.T, s *Summary[uint64], seed uint64, w Window) {
	t.Helper()
	for key := range m.keys {
		want, got := m.sum(key, w), s.Lookup(mix(key, seed), w)
		if want.n == 0 {
			continue
		}
		eff := float64(want.w) * float64(want.w) / want.squares
		if math.Abs(got.Effective()/eff-1) > 0.02 {
			t.Fatalf("key %d in %+v: effective %g of %d samples, want %g", key, w, got.Effective(), want.n, eff)
		}
	}
}

func TestTopIsTheHeaviestInOrder(t *testing.T) {
	s, m := newSummary(t, Config{Entries: 8192}), newModel()
	z := newZipf(600, 1, 3)
	for i := range 50_000 {
		key, slot := z.next(), int64(i/1000)
		s.Add(mix(key, 1), &key, slot, 100)
		m.add(key, slot, 100)
	}
	w := At(s.Now(), time.Second)
	var want []uint64
	for key := range m.keys {
		if m.sum(key, w).w > 0 {
			want = append(want, m.sum(key, w).w)
		}
	}
	slices.SortFunc(want, func(a, b uint64) int { return int(b) - int(a) })
	for _, n := range []int{0, 1, 10, 1000} {
		got := s.Top(nil, n, w)
		if len(got) != min(n, len(want)) {
			t.Fatalf("Top(%d) has %d", n, len(got))
		}
		for i, it := range got {
			if it.Lower != want[i] || m.sum(it.Key, w).w != it.Lower || s.Lookup(it.Hash, w).Lower != it.Lower {
				t.Errorf("Top(%d)[%d] = key %d with %d, want %d", n, i, it.Key, it.Lower, want[i])
			}
		}
	}
	buf := s.Top(nil, 10, w)
	if n := testing.AllocsPerRun(20, func() { buf = s.Top(buf[:0], 10, w) }); n > 3 {
		t.Errorf("Top allocates %v times", n)
	}
}

// Every sample has a new key, and then all keys share one bucket: nothing
// grows, bounds hold, and a heavy key elsewhere is not disturbed.
func TestHostileKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		hash func(i uint64) uint64
	}{
		{"every sample a new key", func(i uint64) uint64 { return mix(i, 9) }},
		{"all in one bucket", func(i uint64) uint64 { return mix(i, 9)&^0x1ff | 2 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSummary(t, Config{Entries: 2048, Spread: true})
			type truth struct{ h, w uint64 }
			var recent []truth
			heavy, heavyHash, heavySum := uint64(1<<60), uint64(1<<40|4), uint64(0)
			slot := int64(5_000)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for i := range uint64(300_000) {
				if i%1000 == 0 {
					slot++
				}
				key, w := i, 64+i%1400
				s.AddMember(c.hash(i), &key, slot, w, mix(i, 1))
				if i%50 == 0 {
					s.Add(heavyHash, &heavy, slot, 1500)
					heavySum += 1500
				}
				if i >= 297_000 {
					recent = append(recent, truth{c.hash(i), w})
				}
			}
			runtime.ReadMemStats(&after)
			if grown := after.Mallocs - before.Mallocs; grown > 100 {
				t.Errorf("%d allocations", grown)
			}
			w := At(s.Now(), 300*time.Millisecond)
			for _, r := range recent {
				if e := s.Lookup(r.h, w); e.Lower > r.w || e.Upper < r.w {
					t.Fatalf("%d ≤ %d ≤ %d", e.Lower, r.w, e.Upper)
				}
			}
			if e := s.Lookup(heavyHash, At(slot, time.Minute)); e.Lower != heavySum {
				t.Errorf("the heavy key has [%d, %d], want %d", e.Lower, e.Upper, heavySum)
			}
			if n := s.Counts(); n.Keys > n.MaxKeys || n.Evicted == 0 || n.Overflowed == 0 {
				t.Errorf("counts %+v", n)
			}
		})
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	s := newSummary(t, Config{Entries: 1024, Spread: true})
	i, slot := uint64(0), int64(1)
	if n := testing.AllocsPerRun(100_000, func() {
		key := i % 3000
		s.AddMember(mix(key, 2), &key, slot+int64(i/300), 1500, i)
		i++
	}); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}
