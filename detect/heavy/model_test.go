package heavy

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sort"
	"testing"
	"time"
)

// mix is a keyed hash for tests.
func mix(key, seed uint64) uint64 {
	x := key*0x9e3779b97f4a7c15 ^ seed
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// slotWeight is what the model keeps of a key in a slot.
type slotWeight struct {
	slot    int64
	w       uint64
	n       uint64
	squares float64
}

// model is the exact answer: everything, in order of slots.
type model struct {
	now  int64
	keys map[uint64][]slotWeight
}

func newModel() *model { return &model{keys: map[uint64][]slotWeight{}} }

// add counts as the Summary promises to: not what is too late.
func (m *model) add(key uint64, slot int64, w uint64) {
	if len(m.keys) == 0 {
		m.now = slot
	}
	m.now = max(m.now, slot)
	if w == 0 || m.now-slot > MaxLate {
		return
	}
	l := m.keys[key]
	i := len(l)
	for i > 0 && l[i-1].slot > slot {
		i--
	}
	if i > 0 && l[i-1].slot == slot {
		s := &l[i-1]
		s.w, s.n, s.squares = s.w+w, s.n+1, s.squares+float64(w)*float64(w)
		return
	}
	l = append(l, slotWeight{})
	copy(l[i+1:], l[i:])
	l[i] = slotWeight{slot, w, 1, float64(w) * float64(w)}
	m.keys[key] = l
}

func (m *model) sum(key uint64, w Window) (s slotWeight) {
	l := m.keys[key]
	i := sort.Search(len(l), func(i int) bool { return l[i].slot >= w.From })
	for ; i < len(l) && l[i].slot <= w.To; i++ {
		s.w, s.n, s.squares = s.w+l[i].w, s.n+l[i].n, s.squares+l[i].squares
	}
	return s
}

// check compares every key with the summary and returns how many are not
// exact.
func (m *model) check(t *testing.T, s *Summary[uint64], seed uint64, w Window) (open int) {
	t.Helper()
	bad := 0
	for key := range m.keys {
		want := m.sum(key, w)
		got := s.Lookup(mix(key, seed), w)
		if got.Lower != got.Upper {
			open++
		}
		if got.Lower <= want.w && want.w <= got.Upper && got.Samples <= want.n {
			if got.Lower == want.w && got.Upper == want.w && got.Samples != want.n {
				t.Errorf("key %d: %d samples of %d although exact", key, got.Samples, want.n)
			}
			continue
		}
		if bad++; bad < 4 {
			t.Errorf("window %+v now %d: key %d: %d ≤ %d ≤ %d, samples %d of %d",
				w, s.Now(), key, got.Lower, want.w, got.Upper, got.Samples, want.n)
		}
	}
	if bad > 0 {
		t.Errorf("%d of %d keys out of their bounds in %+v", bad, len(m.keys), w)
	}
	return open
}

func newSummary(t testing.TB, c Config) *Summary[uint64] {
	t.Helper()
	s, err := New[uint64](c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var lengths = []time.Duration{
	100 * time.Millisecond, time.Second, 1200 * time.Millisecond, 1300 * time.Millisecond, 2 * time.Second,
	5 * time.Second, 10 * time.Second, 30 * time.Second, 64 * time.Second, 65 * time.Second, 2 * time.Minute, 5 * time.Minute, Longest,
}

// Random operations: bursts, idle keys, pauses of any length, late samples and
// reads that lie back up to a second, against the exact model.
func TestBoundsHoldUnderRandomOperations(t *testing.T) {
	rounds := 60
	if *full {
		rounds = 3000
	}
	if testing.Short() {
		rounds = 10
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(round), 7))
			seed := r.Uint64()
			s := newSummary(t, Config{Entries: 8 << r.IntN(5), Histories: 1 + r.IntN(6)})
			m := newModel()
			slot := int64(r.IntN(1e9)) - 1000
			keys := 1 + r.IntN(300)
			for step := range 4000 {
				switch x := r.IntN(1000); {
				case x < 300:
					slot++
				case x < 330:
					slot += int64(r.IntN(20))
				case x < 334:
					slot += int64(r.IntN(700))
				case x == 334:
					slot += int64(r.IntN(5000))
				}
				key := uint64(float64(keys) * r.Float64() * r.Float64() * r.Float64())
				at := slot
				if r.IntN(4) == 0 {
					at -= int64(r.IntN(15))
				}
				w := uint64(r.IntN(1500)) * uint64(1+r.IntN(3)*1000)
				s.Add(mix(key, seed), &key, at, w)
				m.add(key, at, w)
				if step%97 == 0 {
					back := int64(r.IntN(MaxLate + 1))
					m.check(t, s, seed, At(s.Now()-back, lengths[r.IntN(len(lengths))]))
					if t.Failed() {
						t.FailNow()
					}
				}
			}
			if s.Now() != m.now {
				t.Errorf("clock %d, want %d", s.Now(), m.now)
			}
		})
	}
}

func TestSizesAreAsStated(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"bucket", reflect.TypeFor[bucket]().Size(), ways * (8 + 64)},
		{"entry", reflect.TypeFor[entry]().Size(), 64},
		{"past", reflect.TypeFor[past]().Size(), 136},
		{"evictions", reflect.TypeFor[evictions]().Size(), 216},
		{"history", reflect.TypeFor[history]().Size(), 1560},
		{"members", reflect.TypeFor[members]().Size(), 64},
	} {
		if c.got != c.want {
			t.Errorf("%s has %d bytes, want %d", c.name, c.got, c.want)
		}
	}
}

func TestClock(t *testing.T) {
	key := uint64(7)
	count := func(s *Summary[uint64], slot int64) { s.Add(key<<20, &key, slot, 10) }
	at := func(s *Summary[uint64], slot int64, length time.Duration) Estimate {
		return s.Lookup(key<<20, At(slot, length))
	}
	t.Run("a second back is counted, more is not", func(t *testing.T) {
		s := newSummary(t, Config{Entries: 64})
		count(s, 1000)
		count(s, 990)
		count(s, 989)
		if c := s.Counts(); c.Samples != 2 || c.Late != 1 || s.Now() != 1000 {
			t.Errorf("counts %+v, now %d", c, s.Now())
		}
		if e := at(s, 1000, 2*time.Second); e.Lower != 20 || e.Upper != 20 {
			t.Errorf("estimate %+v", e)
		}
	})
	t.Run("a jump of years costs no more than a reset", func(t *testing.T) {
		s := newSummary(t, Config{Entries: 64})
		count(s, 1000)
		for _, slot := range []int64{1 << 33, 1 << 50, 1 << 61} {
			count(s, slot)
			if e := at(s, slot, Longest); e.Lower != 10 || e.Upper != 10 {
				t.Errorf("slot %d: estimate %+v", slot, e)
			}
		}
		if c := s.Counts(); c.Resets != 3 || c.Samples != 4 || c.Keys != 1 {
			t.Errorf("counts %+v", c)
		}
	})
	t.Run("before the epoch", func(t *testing.T) {
		s := newSummary(t, Config{Entries: 64})
		for slot := int64(-50); slot < 50; slot++ {
			count(s, slot)
		}
		if e := at(s, 49, time.Minute); e.Lower != 1000 || e.Upper != 1000 {
			t.Errorf("estimate %+v", e)
		}
	})
	t.Run("idle time costs nothing", func(t *testing.T) {
		s := newSummary(t, Config{Entries: 64})
		count(s, 1000)
		s.Advance(1_000_000)
		if e := at(s, 1_000_000, Longest); e.Lower != 0 || e.Upper != 0 {
			t.Errorf("estimate %+v", e)
		}
	})
	t.Run("reset forgets", func(t *testing.T) {
		s := newSummary(t, Config{Entries: 64})
		count(s, 1000)
		s.Reset()
		if e := at(s, 1000, time.Second); e.Upper != 0 {
			t.Errorf("estimate %+v", e)
		}
		count(s, 20)
		if e := at(s, 20, time.Second); e.Lower != 10 || s.Counts().Samples != 2 {
			t.Errorf("estimate %+v, counts %+v", e, s.Counts())
		}
	})
	t.Run("a window nobody can answer has no bound", func(t *testing.T) {
		s := newSummary(t, Config{Entries: 64})
		count(s, 1000)
		s.Advance(100_000)
		if e := at(s, 50_000, time.Second); e.Lower != 0 || e.Upper != 1<<64-1 {
			t.Errorf("estimate %+v", e)
		}
	})
}

func TestBadWeights(t *testing.T) {
	s := newSummary(t, Config{Entries: 64})
	key := uint64(3)
	for _, w := range []uint64{0, MaxWeight, MaxWeight + 1, 1<<64 - 1} {
		s.Add(key, &key, 100, w)
	}
	if e := s.Lookup(key, At(100, time.Second)); e.Lower != 3*MaxWeight || e.Samples != 3 {
		t.Errorf("estimate %+v", e)
	}
	if c := s.Counts(); c.Weightless != 1 || c.Clamped != 2 {
		t.Errorf("counts %+v", c)
	}
	for range 1 << 17 {
		s.Add(key, &key, 100, MaxWeight)
	}
	if e := s.Lookup(key, At(100, time.Second)); e.Lower != 1<<64-1 {
		t.Errorf("a sum beyond 64 bits is %d", e.Lower)
	}
}

func TestConfigCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Config
		ok   bool
	}{
		{"default", Config{}, true},
		{"least", Config{Entries: 8, Histories: 1, Members: SlotLength}, true},
		{"no power of two", Config{Entries: 1000}, false},
		{"less than a bucket", Config{Entries: 4}, false},
		{"too many", Config{Entries: 1 << 25}, false},
		{"more histories than keys", Config{Entries: 8, Histories: 9}, false},
		{"no time for members", Config{Members: 1}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New[uint64](c.c); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDistinctIsHonest(t *testing.T) {
	for _, n := range []int{1, 10, 40, 100, 300, 600} {
		inside := 0
		for seed := range uint64(200) {
			s := newSummary(t, Config{Entries: 8, Spread: true})
			key := uint64(1)
			for i := range n * 3 {
				s.AddMember(key, &key, 100, 1, mix(uint64(i%n), seed*7919+1))
			}
			d := s.Lookup(key, At(100, time.Second)).Distinct
			if low, high := d.Interval(); low <= float64(n) && float64(n) <= high {
				inside++
			}
		}
		// 95 % of 200, less four standard deviations of such a count
		if inside < 178 {
			t.Errorf("%d members: inside the interval %d times of 200", n, inside)
		}
	}
	s := newSummary(t, Config{Entries: 8, Spread: true, Members: time.Second})
	key := uint64(1)
	for i := range uint64(100) {
		s.AddMember(key, &key, 100, 1, mix(i, 5))
	}
	for _, c := range []struct {
		slot int64
		some bool
	}{{109, true}, {119, true}, {120, false}, {500, false}} {
		s.Advance(c.slot)
		if d := s.Lookup(key, At(c.slot, time.Minute)).Distinct; d.Bits > 0 != c.some {
			t.Errorf("slot %d: %d bits", c.slot, d.Bits)
		}
	}
}
