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
