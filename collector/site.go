package collector

import (
	"sync"
	"time"

	"weir/collector/shard"
	"weir/collector/udp"
	"weir/detect"
	"weir/detect/site"
	"weir/detect/site/fact"
)

// siteWatch joins what the shards notice of the site in one goroutine, which
// judges it.
type siteWatch struct {
	site  *site.Site
	told  []*fact.Gatherer
	facts []fact.Fact // reused
	wake  chan struct{}
	asked chan func(*site.Site)

	dropped uint64 // by the sockets, as last seen
	last    time.Time
	second  time.Time

	mu    sync.Mutex
	stats site.Stats
}

// newSiteWatch lets the shards tell facts.
func newSiteWatch(cfg site.Config, shards []*shard.Shard) *siteWatch {
	w := &siteWatch{site: site.New(cfg), wake: make(chan struct{}, 1), asked: make(chan func(*site.Site))}
	for _, s := range shards {
		g := fact.NewGatherer(nil)
		s.Tell(g)
		w.told = append(w.told, g)
	}
	return w
}

// step takes what the shards have told, and judges as of now.
func (w *siteWatch) step(now time.Time, emit func(*detect.Alert)) {
	for _, g := range w.told {
		var dropped uint64
		w.facts, dropped = g.Take(w.facts[:0])
		w.site.Add(w.facts, dropped)
		clear(w.facts)
	}
	w.site.Tick(now, emit)
	if list := w.site.Watchlist(); list != nil {
		for _, g := range w.told {
			g.SetWatch(list)
		}
	}
	w.last = now
}

// epoch begins a new clock: what was learned is void. last is the end of the old
// one.
func (w *siteWatch) epoch(last time.Time, emit func(*detect.Alert)) { w.site.Epoch(last, emit) }

// late is how late a shard or the site itself may be before that counts as time
// in which nothing was heard.
const late = 500 * time.Millisecond

// health tells the site when this collector could not hear.
func (w *siteWatch) health(now time.Time, group *udp.Group) {
	if !w.last.IsZero() && now.Sub(w.last) > late {
		w.site.Blind(w.last.UnixNano(), now.UnixNano())
	}
	for _, g := range w.told {
		if t := g.Ticked(); t != 0 && now.UnixNano()-t > int64(late) {
			w.site.Blind(t, now.UnixNano())
		}
	}
	if now.Sub(w.second) < time.Second {
		return
	}
	dropped := group.Stats().SocketDropped
	if dropped > w.dropped && !w.second.IsZero() {
		w.site.Blind(w.second.UnixNano(), now.UnixNano())
	}
	w.dropped, w.second = dropped, now
	w.mu.Lock()
	w.stats = w.site.Stats()
	w.mu.Unlock()
}

// watchSite is the site's goroutine.
func (a *app) watchSite(stop <-chan struct{}) {
	w, clock := a.site, a.group.Clock()
	t := time.NewTicker(tick)
	defer t.Stop()
	epoch, last := a.epoch.Load(), clock.Now()
	step := func() {
		now := clock.Now()
		if e := a.epoch.Load(); e != epoch || now.Before(last) {
			epoch = e
			w.epoch(last, a.emit)
			w.last, w.second = time.Time{}, time.Time{}
		}
		last = now
		w.health(now, a.group)
		w.step(now, a.emit)
	}
	for {
		select {
		case <-stop:
			step()
			w.site.Close(last, a.emit, detect.ReasonShutdown)
			return
		case ask := <-w.asked:
			ask(w.site)
		case <-w.wake:
			step()
			time.Sleep(coalesce)
		case <-t.C:
			step()
		}
	}
}

// hurry wakes the site's goroutine.
func (w *siteWatch) hurry() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
