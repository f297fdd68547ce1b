package collector

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"weir/collector/agents"
	"weir/collector/config"
	"weir/collector/shard"
	"weir/collector/udp"
	"weir/collector/web"
	"weir/detect"
	"weir/detect/keys"
	"weir/detect/site"
	"weir/detect/site/fact"
)

// siteWatch joins what the shards notice of the site in one goroutine, which
// judges it.
type siteWatch struct {
	site  *site.Site
	told  []*fact.Gatherer
	facts []fact.Fact   // reused
	wake  chan struct{} // holds one token
	tasks chan func()   // what the goroutine is to do

	named  *agents.Shared  // whose labels nodes and interfaces get; nil: none
	labels uint64          // how often those had been set when they were taken last
	placed *keys.Instances // told where instances are, where something asks; nil: nobody does

	came    uint64     // datagrams, as last seen
	dropped uint64     // by the sockets, as last seen
	looked  time.Time  // at the sockets
	sockets *udp.Group // nil in a replay
	last    time.Time  // step
	second  time.Time  // look at the rest
	saved   time.Time  // model

	mu     sync.Mutex // guards what follows
	stats  site.Stats
	judged time.Time   // last step, by the system's clock
	blinds []site.Span // of the last blindSpan
	model  []byte      // to be saved, in JSON
	ports  web.Bound
	kept   siteModel

	incidents *incidentKeeper // nil where nothing is kept

	tenanted time.Time      // when tenants were taken; of the site's goroutine
	tenants  []site.Tenancy // not written yet; mu guards it
}

// newSiteWatch lets the shards tell facts.
func newSiteWatch(cfg site.Config, keys fact.Keys, shards []*shard.Shard) *siteWatch {
	w := &siteWatch{site: site.New(cfg), wake: make(chan struct{}, 1), tasks: make(chan func())}
	for _, s := range shards {
		g := fact.NewGatherer(keys)
		s.Tell(g)
		w.told = append(w.told, g)
	}
	return w
}

// agentKeys are the keys of host agents, which the configuration has checked.
func agentKeys(cfg *config.Config) fact.Keys {
	of, _ := cfg.AgentKeys.Keys()
	return fact.Keys{Shared: []byte(strings.TrimSpace(cfg.AgentKey.Reveal())), Of: of}
}

// step takes what the shards have told, and judges as of now.
func (w *siteWatch) step(now time.Time, emit func(*detect.Alert)) {
	w.christen()
	for _, g := range w.told {
		var dropped uint64
		w.facts, dropped = g.Take(w.facts[:0])
		w.drops() // until these were told, and a little longer
		w.site.Add(w.facts, dropped)
		clear(w.facts)
	}
	w.site.Tick(now, emit)
	if list := w.site.Watchlist(); list != nil {
		for _, g := range w.told {
			g.SetWatch(list)
		}
	}
	w.place()
	w.last = now
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judged = now
}

// place tells where instances are, while something asks for it.
func (w *siteWatch) place() {
	if w.placed == nil || !w.placed.Wanted() {
		return
	}
	if t := w.site.Instances(); t != nil {
		w.placed.Set(t)
		w.mu.Lock()
		w.ports = web.Bound{Name: "instance_ports", Used: t.Ports(), Limit: keys.MaxInstancePorts, Refused: uint64(t.Refused)}
		w.mu.Unlock()
	}
}

// epoch begins a new clock: what was learned is void. last is the end of the old
// one.
func (w *siteWatch) epoch(last time.Time, emit func(*detect.Alert)) { w.site.Epoch(last, emit) }

// late is how late a shard or the site itself may be before that counts as time
// in which nothing was heard.
const late = 500 * time.Millisecond

// health tells the site when this collector could not hear.
func (w *siteWatch) health(now time.Time) {
	if !w.last.IsZero() && now.Sub(w.last) > late {
		w.site.Blind(w.last.UnixNano(), now.UnixNano(), site.WhyHeldUp)
	}
	for _, g := range w.told {
		if t := g.Ticked(); t != 0 && now.UnixNano()-t > int64(late) {
			w.site.Blind(t, now.UnixNano(), site.WhyShard)
		}
	}
	if now.Sub(w.second) < time.Second {
		return
	}
	w.second = now
	w.hand(now)
	w.incidents.take(w.site)
	blinds := w.site.Blinds(now.Add(-blindSpan))
	w.mu.Lock()
	w.blinds = blinds
	w.stats = w.site.Stats()
	w.mu.Unlock()
	if now.Sub(w.saved) >= saveEvery {
		w.saved = now
		w.keep()
		w.noteTenants(now)
	}
}

// keep makes what is to be saved.
func (w *siteWatch) keep() {
	b, err := json.Marshal(w.site.Save())
	if err != nil {
		return // addresses, names and times always marshal
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model = b
}

// saveSite writes model and windows; where nothing outlives the process the nodes of
// the model alone, by which queries of the files know instances.
func (a *app) saveSite() error {
	if a.site == nil {
		return nil
	}
	if a.io.Forget {
		return a.saveNodes(time.Now())
	}
	a.site.mu.Lock()
	model := a.site.model
	a.site.mu.Unlock()
	var err error
	if model != nil {
		err = a.state.SaveSite(modelState, model)
	}
	return errors.Join(err, a.state.SaveSite(windowsState, a.windows.save()), a.saveTenants(), a.saveNodes(time.Now()), a.site.incidents.save(time.Now()))
}

// Names of what is saved.
const (
	modelState   = "model"
	windowsState = "windows"
)

// loadSite takes up model and windows as they were when weir last stopped.
func (a *app) loadSite() error {
	body, err := a.state.LoadSite(windowsState)
	if err != nil {
		return err
	}
	if err := a.windows.load(body); err != nil {
		a.log.Error().Err(err).Msg("saved maintenance windows are ignored")
	}
	if body, err = a.state.LoadSite(modelState); err != nil || a.io.Forget {
		return err
	}
	var st site.State
	if body != nil {
		err = json.Unmarshal(body, &st)
	}
	if err != nil || body == nil {
		a.site.incidents.load(a.site.site, nil)
		if err != nil {
			a.log.Error().Err(err).Msg("the saved model of the site is ignored")
		}
		return nil
	}
	now := time.Now()
	a.site.site.Restore(st, now)
	a.site.incidents.load(a.site.site, st.OpenIncidents())
	return a.loadNodes(now)
}

// ask has the site's goroutine do something, and waits until it is done.
func (w *siteWatch) ask(ctx context.Context, do func(*site.Site)) error {
	return handTo(ctx, w.tasks, func() { do(w.site) })
}

// askSite is ask of a collector that may yet be starting.
func (a *app) askSite(ctx context.Context, do func(*site.Site)) error {
	if !a.ready.Load() {
		return errStarting
	}
	return a.site.ask(ctx, do)
}

// addTo adds the bounds of the site's model to the status.
func (w *siteWatch) addTo(s *web.Status) {
	w.mu.Lock()
	st, ports, kept := w.stats, w.ports, w.keptBound(w.stats)
	w.mu.Unlock()
	refused := uint64(0)
	for _, g := range w.told {
		refused += g.Refused()
	}
	if ports.Limit > 0 { // something asks for them
		s.Bounds = append(s.Bounds, ports)
	}
	s.Bounds = append(s.Bounds,
		web.Bound{Name: "site_nodes", Used: st.Nodes, Limit: st.MaxNodes, Refused: st.Refused},
		web.Bound{Name: "site_addresses", Used: st.Addresses, Limit: st.MaxAddresses},
		kept,
		web.Bound{Name: "site_facts", Limit: fact.MaxFacts, Refused: st.Dropped},
		web.Bound{Name: "site_statements", Limit: fact.MaxSaid, Refused: refused},
	)
	for _, o := range st.Orphans {
		s.Orphans = append(s.Orphans, web.Count{Key: o.Key, Name: o.Name, Count: uint64(o.Count)})
	}
	w.incidents.addTo(s, st.Unkept)
}

// watchSite is the site's goroutine.
func (a *app) watchSite(stop <-chan struct{}) {
	w, clock := a.site, a.group.Clock()
	w.sockets = a.group
	t := time.NewTicker(tick)
	defer t.Stop()
	epoch, last := a.epoch.Load(), clock.Now()
	step := func() {
		now := clock.Now()
		if e := a.epoch.Load(); e != epoch || now.Before(last) {
			epoch = e
			w.epoch(last, a.emit)
			w.last, w.second, w.looked = time.Time{}, time.Time{}, time.Time{}
		}
		last = now
		w.health(now)
		w.step(now, a.emit)
	}
	for {
		select {
		case <-stop:
			step()
			w.keep()
			w.handAll()
			w.incidents.takeAll(w.site)
			w.site.Close(last, a.emit, detect.ReasonShutdown)
			return
		case do := <-w.tasks:
			do()
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
