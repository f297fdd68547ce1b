package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// run is what the scenarios share.
type run struct {
	quick   bool
	only    bool    // not all scenarios
	scale   float64 // of trials and exposures of a run that is not quick
	seed    uint64
	workers int

	progress *progress
	falses   map[float64]*falseResult // by the competitors' share
	cells    map[float64]*cellResult  // of L1, by share, for L4 and the plots
}

// pick returns full trials, or fewer where the run is a quick one.
func (r *run) pick(quick, full int) int {
	if r.quick {
		return quick
	}
	return max(1, int(float64(full)*r.scale))
}

// days is pick for link-days.
func (r *run) days(quick, full float64) float64 {
	if r.quick {
		return quick
	}
	return full * r.scale
}

// each runs job 0 to n-1 on all workers and returns their results in order, so
// that they do not depend on who was first.
func each[T any](r *run, n int, job func(i int) T) []T {
	results := make([]T, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	r.progress.expect(n)
	for range min(r.workers, n) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				results[i] = job(i)
				r.progress.done()
			}
		})
	}
	wg.Wait()
	return results
}

// progress is one line that is written over, for a person at a terminal.
type progress struct {
	w        io.Writer // nil: nobody looks
	mu       sync.Mutex
	name     string
	all, did int
	last     time.Time
}

func newProgress() *progress {
	p := &progress{}
	if s, err := os.Stderr.Stat(); err == nil && s.Mode()&os.ModeCharDevice != 0 {
		p.w = os.Stderr
	}
	return p
}

func (p *progress) begin(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.all, p.did = name, 0, 0
}

func (p *progress) expect(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all += n
}

func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did++
	if p.w != nil && time.Since(p.last) > 200*time.Millisecond {
		p.last = time.Now()
		fmt.Fprintf(p.w, "\r\033[K%s: %d of %d runs", p.name, p.did, p.all)
	}
}

func (p *progress) clear() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\033[K")
	}
}

// sorted returns the keys in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
