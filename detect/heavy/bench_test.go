package heavy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"syscall"
	"testing"
	"time"
)

// processor returns the processor time used so far: on a machine that others
// use too it tells more than the time on the wall.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

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

func (z *zipf) next() uint64 { return uint64(sort.SearchFloat64s(z.cdf, z.r.Float64())) }

var frames = [3]uint64{64, 576, 1500}

// The stream has a slot per 100,000 samples, as at a million samples a second.
func BenchmarkAdd(b *testing.B) {
	for _, keys := range []int{12_000, 1_000_000} {
		for _, alpha := range []float64{0.8, 1.0, 1.2} {
			b.Run(fmt.Sprintf("keys=%d/zipf=%.1f", keys, alpha), func(b *testing.B) {
				const n = 1 << 20
				z := newZipf(keys, alpha, 3)
				key := make([]uint64, n)
				w := make([]uint64, n)
				for i := range key {
					key[i] = mix(z.next(), 99)
					w[i] = frames[z.r.IntN(3)] * 1000
				}
				s := newSummary(b, Config{})
				i, slot := 0, int64(1e10)
				for ; i < n; i++ {
					s.Add(key[i], &key[i], slot+int64(i/100_000), w[i])
				}
				slot += n/100_000 + 1
				b.ReportAllocs()
				before := processor(b)
				count := 0
				for b.Loop() {
					j := i & (n - 1)
					s.Add(key[j], &key[j], slot, w[j])
					i++
					if count++; count == 100_000 {
						count = 0
						slot++
					}
				}
				c := s.Counts()
				b.ReportMetric(float64(c.Evicted)/float64(c.Samples), "evicted/op")
				used := processor(b) - before
				b.ReportMetric(used.Seconds()*1e9/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(b.N)/used.Seconds()/1e6, "M/cpu-s")
			})
		}
	}
}
