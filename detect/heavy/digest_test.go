package heavy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Eight shards, or four collectors, that count parts of one stream give what
// one table with room for all gives.
func TestMergeEqualsOneTable(t *testing.T) {
	for _, parts := range []int{8, 4} {
		for _, n := range []int{20, 100, 5000} {
			t.Run(fmt.Sprintf("%d parts, %d items", parts, n), func(t *testing.T) {
				const seed, keys = 42, 3000
				c := Config{Entries: 512, Histories: 64, Spread: true}
				m, z := newModel(), newZipf(keys, 1.1, 5)
				var part []*Summary[uint64]
				for range parts {
					part = append(part, newSummary(t, c))
				}
				slot := int64(17_600_000_000)
				for i := range 200_000 {
					if i%500 == 0 {
						slot++
					}
					key := z.next()
					w := frames[i%3] * 100
					part[z.r.IntN(parts)].AddMember(mix(key, seed), &key, slot, w, mix(uint64(i), 3))
					m.add(key, slot, w)
				}
				for _, length := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
					w := At(slot-1, length)
					var all []*Digest[uint64]
					for _, p := range part {
						p.Advance(slot)
						d := &Digest[uint64]{}
						p.Digest(d, n, w)
						all = append(all, d)
					}
					got, err := Merge(all...)
					if err != nil {
						t.Fatal(err)
					}
					total := uint64(0)
					for key := range uint64(keys) {
						want, have := m.sum(key, w), got.Lookup(mix(key, seed))
						total += want.w
						sum := Estimate{}
						for _, d := range all {
							e := d.Lookup(mix(key, seed))
							sum.Lower, sum.Upper = sum.Lower+e.Lower, sum.Upper+e.Upper
						}
						if have.Lower > want.w || want.w > have.Upper {
							t.Fatalf("%v key %d: %d ≤ %d ≤ %d", length, key, have.Lower, want.w, have.Upper)
						}
						if have.Lower != sum.Lower || have.Upper != sum.Upper {
							t.Fatalf("%v key %d: [%d, %d] is not the sum [%d, %d]", length, key, have.Lower, have.Upper, sum.Lower, sum.Upper)
						}
					}
					if got.Total != total {
						t.Errorf("%v: total %d, want %d", length, got.Total, total)
					}
					for i := 1; i < len(got.Items); i++ {
						if got.Items[i-1].Lower < got.Items[i].Lower {
							t.Fatalf("%v: item %d out of order", length, i)
						}
					}
				}
			})
		}
	}
}

func TestMergeOfExactTablesIsIdentical(t *testing.T) {
	c := Config{Entries: 4096, Spread: true, Mark: 7}
	whole := newSummary(t, c)
	var part []*Summary[uint64]
	for range 4 {
		part = append(part, newSummary(t, c))
	}
	r := rand.New(rand.NewPCG(1, 1))
	slot := int64(1000)
	for i := range 50_000 {
		if i%2000 == 0 {
			slot++
		}
		key := uint64(float64(1000) * r.Float64() * r.Float64())
		w, member := frames[r.IntN(3)], mix(uint64(r.IntN(100)), 9)
		whole.AddMember(mix(key, 1), &key, slot, w, member)
		part[i%4].AddMember(mix(key, 1), &key, slot, w, member)
	}
	w := At(slot, 5*time.Second) // all of the stream
	var want Digest[uint64]
	whole.Digest(&want, 1000, w)
	var all []*Digest[uint64]
	for _, p := range part {
		d := &Digest[uint64]{}
		p.Digest(d, 1000, w)
		all = append(all, d)
	}
	got, err := Merge(all...)
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Items) < 500 {
		t.Fatalf("only %d items", len(want.Items))
	}
	if diff := cmp.Diff(&want, got, cmpopts.EquateApprox(0.01, 0), cmp.AllowUnexported(Distinct{}),
		cmpopts.IgnoreFields(Distinct{}, "Since", "Span")); diff != "" {
		t.Errorf("merged digest (-want +got):\n%s", diff)
	}
}

func TestMergeRefuses(t *testing.T) {
	digest := func(c Config, w Window) *Digest[uint64] {
		d := &Digest[uint64]{}
		newSummary(t, c).Digest(d, 10, w)
		return d
	}
	w := At(100, time.Second)
	base := digest(Config{Entries: 64}, w)
	for _, c := range []struct {
		name  string
		other *Digest[uint64]
		want  error
	}{
		{"another window", digest(Config{Entries: 64}, At(101, time.Second)), ErrWindow},
		{"another size", digest(Config{Entries: 128}, w), ErrHash},
		{"another seed", digest(Config{Entries: 64, Mark: 1}, w), ErrHash},
		{"an empty one", digest(Config{Entries: 64}, w), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Merge(base, c.other); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
