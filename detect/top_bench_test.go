package detect

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// BenchmarkTopSecond is what a second costs a shard beside its samples: the
// digests of the nine default definitions in four windows, their tables full,
// and the exchange under the lock.
func BenchmarkTopSecond(b *testing.B) {
	w := newCounted(1, TopConfig{})
	rng := rand.New(rand.NewPCG(3, 4))
	at := time.Duration(0)
	for range 200_000 {
		at += 50 * time.Microsecond
		f := &w.flow
		f.Header.Key.Src[14], f.Header.Key.Dst[13] = byte(rng.Uint32()), byte(rng.Uint32())
		w.sample(0, at, byte(rng.Uint32()), byte(rng.Uint32()), 100, 500)
	}
	s := &w.shards[0].tops
	var locked time.Duration
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		for range 10 {
			at += 100 * time.Millisecond
			w.sample(0, at, 1, 1, 100, 500)
			s.gather(epoch.Add(at))
			start := time.Now()
			w.shards[0].mu.Lock()
			s.tick()
			w.shards[0].mu.Unlock()
			locked += time.Since(start)
			if batch := w.shards[0].takeTops(); batch != nil {
				w.shards[0].giveTops(batch)
			}
		}
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(locked.Nanoseconds())/float64(10*b.N), "ns/lock")
}
