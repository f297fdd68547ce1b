package heavy

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// MaxWeight is the greatest weight of one sample: 2^48, a frame of 64 KiB at a
// sampling rate of 2^32.
const MaxWeight = 1 << 48

// Config sets the memory of a Summary.
type Config struct {
	Entries   int           // keys with a place: a power of two, 8 to 2^24; 0: 16,384
	Histories int           // keys with a long past; 0: one in 32 of Entries, with Spread in 80
	Spread    bool          // count distinct members
	Members   time.Duration // how long a generation of members lasts, two of which are counted; 0: 10 s
	Mark      uint64        // tells the hash's seed apart: digests with different marks do not merge
}

// Defaults of Config.
const (
	defaultEntries = 16384
	defaultMembers = 10 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Entries == 0 {
		c.Entries = defaultEntries
	}
	if c.Histories == 0 {
		c.Histories = max(1, c.Entries/32)
		if c.Spread {
			c.Histories = max(1, c.Entries/80)
		}
	}
	if c.Members == 0 {
		c.Members = defaultMembers
	}
	return c
}

// Check reports the first value that is out of range.
func (c Config) Check() error {
	c = c.withDefaults()
	switch {
	case c.Entries < ways || c.Entries > 1<<24 || bits.OnesCount(uint(c.Entries)) != 1:
		return fmt.Errorf("heavy: entries %d: must be a power of two from 8 to 16777216", c.Entries)
	case c.Histories < 0 || c.Histories > c.Entries:
		return fmt.Errorf("heavy: histories %d: must be 1 to entries (%d)", c.Histories, c.Entries)
	case c.Members < SlotLength || c.Members > time.Hour:
		return fmt.Errorf("heavy: members %v: must be 100ms to 1h", c.Members)
	}
	return nil
}

// Bytes returns the memory of a Summary with keys of this size.
func (c Config) Bytes(keySize int) int {
	const tag, entry, slots, eviction, past, bitmap = 8, 64, 136, 216 / ways, 1560, 64
	c = c.withDefaults()
	each := tag + entry + slots + eviction + keySize
	if c.Spread {
		each += bitmap
	}
	return c.Entries*each + c.Histories*past
}

// Summary holds the heaviest keys of sliding windows. It belongs to one
// goroutine. K is the key: a fixed-size value; what is counted goes by the
// 64-bit hash that the caller gives with it, keyed with a seed that senders do
// not know.
type Summary[K comparable] struct {
	t    Table
	keys []K
	mark uint64
}

// New returns a Summary.
func New[K comparable](c Config) (*Summary[K], error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	s := &Summary[K]{keys: make([]K, c.Entries), mark: c.Mark}
	s.t.init(c.Entries, c.Histories, c.Spread, uint32(c.Members/SlotLength))
	return s, nil
}

// Add counts a weight of a key in a slot. The slot may be up to MaxLate behind
// the newest.
func (s *Summary[K]) Add(hash uint64, key *K, slot int64, weight uint64) {
	if place, admitted := s.t.add(hash, slot, weight); admitted {
		s.keys[place] = *key
	}
}

// AddMember is Add for a Summary with Spread: member is the hash of what is
// counted once, such as the source of a packet to the key.
func (s *Summary[K]) AddMember(hash uint64, key *K, slot int64, weight, member uint64) {
	place, admitted := s.t.add(hash, slot, weight)
	if admitted {
		s.keys[place] = *key
	}
	if place >= 0 {
		s.t.Member(place, slot, member)
	}
}

// Table returns the summary's table. A key that its Count admits is named with
// SetKey.
func (s *Summary[K]) Table() *Table { return &s.t }

// SetKey names the key of a place that Count gave.
func (s *Summary[K]) SetKey(place int, key *K) { s.keys[place] = *key }

// Advance tells the time where no sample does.
func (s *Summary[K]) Advance(slot int64) { s.t.advance(slot) }

// Now returns the newest slot; the least int64 before there was one.
func (s *Summary[K]) Now() int64 { return s.t.now }

// Reset forgets all keys: the clock jumped. The counts stay.
func (s *Summary[K]) Reset() { s.t.reset() }

// Lookup returns the bounds of a key's weight in a window, which holds for keys
// without a place too.
func (s *Summary[K]) Lookup(hash uint64, w Window) Estimate {
	est, _ := s.t.lookup(hash, w)
	return est
}

// Total returns the weight and the samples of all keys in a window, without
// their squares. It is exact where the window ends within the last second.
func (s *Summary[K]) Total(w Window) Estimate {
	if !s.t.begun {
		return Estimate{}
	}
	r := s.t.sum.read(&s.t.sumSlots, &s.t.sumPast, s.t.rel(w.From), s.t.rel(w.To))
	return Estimate{Lower: r.w, Upper: r.most, Samples: uint64(r.n)}
}

// Item is a key with its estimate.
type Item[K comparable] struct {
	Key  K
	Hash uint64 // as given to Add, but for the lowest bit, which counts for nothing
	Estimate
}

// All passes every key with weight in the window, in no order, until yield
// returns false.
func (s *Summary[K]) All(w Window) func(yield func(*Item[K]) bool) {
	return func(yield func(*Item[K]) bool) {
		if !s.t.begun || s.t.tooEarly(w) {
			return
		}
		from, to := s.t.rel(w.From), s.t.rel(w.To)
		var it Item[K]
		for at := range s.t.buckets {
			for i, tag := range s.t.buckets[at].tags {
				place := at*ways + i
				e := s.t.at(place)
				if tag == 0 || e.last < from || e.since > to && !e.turned() {
					continue
				}
				it = Item[K]{Key: s.keys[place], Hash: tag, Estimate: s.t.estimate(place, w)}
				if !yield(&it) {
					return
				}
			}
		}
	}
}

// Top appends to dst the n keys with the greatest Lower in the window, the
// greatest first; equal ones by hash, so that equal summaries give equal lists.
func (s *Summary[K]) Top(dst []Item[K], n int, w Window) []Item[K] {
	if n <= 0 {
		return dst
	}
	return topOf(dst, n, s.All(w))
}

// topOf keeps the n greatest as a heap whose root is the least.
func topOf[K comparable](dst []Item[K], n int, all func(func(*Item[K]) bool)) []Item[K] {
	first := len(dst)
	all(func(it *Item[K]) bool {
		if it.Lower == 0 {
			return true
		}
		h := dst[first:]
		switch {
		case len(h) < n:
			dst = append(dst, *it)
			up(dst[first:])
		case order(it, &h[0]) < 0:
			h[0] = *it
			down(h)
		}
		return true
	})
	slices.SortFunc(dst[first:], func(a, b Item[K]) int { return order(&a, &b) })
	return dst
}

// order is negative where a comes before b in a list.
func order[K comparable](a, b *Item[K]) int {
	if c := cmp.Compare(b.Lower, a.Lower); c != 0 {
		return c
	}
	return cmp.Compare(a.Hash, b.Hash)
}

func up[K comparable](h []Item[K]) {
	for i := len(h) - 1; i > 0; {
		p := (i - 1) / 2
		if order(&h[i], &h[p]) <= 0 {
			return
		}
		h[i], h[p] = h[p], h[i]
		i = p
	}
}

func down[K comparable](h []Item[K]) {
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && order(&h[c+1], &h[c]) > 0 {
			c++
		}
		if order(&h[c], &h[i]) <= 0 {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}

// Counts returns the running counts and the use of memory. It walks the places.
func (s *Summary[K]) Counts() Counts {
	t := &s.t
	c := t.counts
	c.Samples += uint64(t.sum.n)
	c.MaxKeys, c.Buckets, c.MaxHistories = len(t.past), len(t.buckets), len(t.old.all)
	now := t.rel(t.now)
	for at := range t.buckets {
		for i, tag := range t.buckets[at].tags {
			if tag != 0 {
				c.Keys++
				if t.buckets[at].entries[i].history >= 0 {
					c.InHistory++
				}
			}
		}
		if x := &t.evicted[at]; x.count > 0 && now-x.last < reachDecades {
			c.Overflowed++
		}
	}
	return c
}
