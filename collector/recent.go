package collector

import (
	"context"
	"sync"
	"time"

	"weir/collector/store/flows"
	"weir/collector/web"
)

// What the page is told of the last two minutes.
const (
	recentStep  = 2 * time.Second
	recentTop   = 24
	recentLate  = 1500 * time.Millisecond // until samples can be read from the disk
	recentShare = 20                      // of time at most one in so many goes into reading them
)

// recent are the largest flows of the last minutes as history has them, each as
// the one point tells that saw most of it. They are read when somebody looks, once
// for all who do.
type recent struct {
	mu    sync.Mutex
	last  *web.Recent // never changed
	until time.Time   // it is good enough
}

// Recent implements web.RecentSource: nil where there is no history.
func (a *app) Recent(ctx context.Context) (*web.Recent, error) {
	if a.history == nil || !a.ready.Load() {
		return nil, nil
	}
	r := &a.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	began := time.Now()
	if r.last != nil && began.Before(r.until) {
		return r.last, nil
	}
	to := began.Add(-recentLate).Truncate(recentStep)
	q := flows.Query{
		From: to.Add(-web.LookbackSeconds * time.Second), To: to, By: web.RecentKey(), Step: recentStep, Order: flows.ByBytes, Top: recentTop, Samples: true,
	}
	got, err := a.history.flows.Scan(ctx, q)
	if err != nil {
		return nil, err
	}
	x := &web.Recent{From: q.From.UTC(), To: q.To.UTC(), Step: recentStep.Seconds(), Rows: make([]web.RecentRow, 0, len(got.Rows))}
	for i := range got.Rows {
		s := &got.Rows[i]
		x.Rows = append(x.Rows, web.RecentRow{Key: s.Key, Step: s.Step, Bytes: s.Bytes, Low: s.Low, High: s.High, Points: s.Points})
	}
	r.last, r.until = x, began.Add(max(recentStep, recentShare*time.Since(began)))
	return x, nil
}
