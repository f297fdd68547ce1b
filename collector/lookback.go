package collector

import (
	"sync"
	"time"

	"weir/collector/web"
	"weir/detect"
)

// lookback keeps the largest flows of the last seconds for whoever opens the
// page: what led to an alert is on it from the first moment.
type lookback struct {
	mu   sync.Mutex
	last [web.LookbackSeconds]*detect.Top
	n    int // ever added
}

// add takes the largest flows of the last second, where there are any.
func (l *lookback) add(a *app) {
	tops, err := a.Top(web.TopQuery{Key: web.FlowKey, Window: time.Second, N: web.FlowsShown})
	if err != nil || len(tops) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[l.n%len(l.last)] = &tops[0]
	l.n++
}

// Lookback implements web.LookbackSource. What it returns is never changed.
func (a *app) Lookback() []*detect.Top {
	l := &a.lookback
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*detect.Top, 0, len(l.last))
	for i := max(0, l.n-len(l.last)); i < l.n; i++ {
		all = append(all, l.last[i%len(l.last)])
	}
	return all
}
