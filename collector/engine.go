package collector

import (
	"context"
	"time"

	"weir/collector/agents"
	"weir/collector/config"
	"weir/collector/web"
	"weir/detect"
	"weir/detect/rules"
	"weir/detect/site"
)

// decide is the engine's goroutine.
func (a *app) decide(stop <-chan struct{}) {
	clock := a.group.Clock()
	t := time.NewTicker(tick)
	defer t.Stop()
	epoch, last := a.epoch.Load(), clock.Now()
	step := func() {
		now := clock.Now()
		if e := a.epoch.Load(); e != epoch || now.Before(last) {
			epoch = e
			a.engine.Epoch(last, a.emit)
		}
		last = now
		a.engine.Tick(now, a.emit)
	}
	for {
		select {
		case <-stop:
			step()
			a.engine.Close(last, a.emit, detect.ReasonShutdown)
			return
		case cfg := <-a.io.Reload:
			a.reload(cfg)
		case do := <-a.tasks:
			do()
		case <-a.urgent:
			step()
			time.Sleep(coalesce)
		case <-t.C:
			step()
			a.publish()
			a.pulse.beat(len(a.shards))
		}
	}
}

// reload applies what can be applied to a running collector, and says what
// cannot.
func (a *app) reload(cfg config.Config) {
	before := *a.now.Load()
	applied, restart := config.Changes(before, cfg)
	now := config.Reloaded(before, cfg)
	a.now.Store(&now)
	a.shared.SetAllow(now.Allow)
	a.alerting.setConfig(&now)
	a.windows.set(now.Windows)
	if err := a.site.ask(context.Background(), func(s *site.Site) { s.Watch(now.WatchedProjects) }); err != nil {
		a.log.Error().Err(err).Msg("watched projects not applied: reload once more")
	}
	a.naming.reload(&now)
	if err := a.door.reload(&now); err != nil {
		a.log.Error().Err(err).Msg("certificates not reloaded")
	}
	a.applyDetection()
	e := a.log.Info()
	if len(restart) > 0 {
		e = a.log.Warn()
	}
	e.Strs("applied", applied).Strs("need_restart", restart).Msg("configuration read again")
}

// emit hands one alert change to the sinks.
func (a *app) emit(al *detect.Alert) {
	a.alerting.put(al)
	a.record(al)
}

// record counts and writes one alert change. It may be called from any
// goroutine.
func (a *app) record(al *detect.Alert) {
	a.engineMu.Lock()
	a.changes[web.AlertChange{Kind: string(al.Kind), Change: string(al.Change)}]++
	switch al.Change {
	case detect.Start:
		a.open[al.Kind]++
	case detect.End:
		a.open[al.Kind]--
	}
	a.engineMu.Unlock()
	a.events.put(a.board.add(al))
	a.alertHistory.put(al)
	a.evidence.put(al)
	a.alerts.Put(*al)
	a.points.alert(al)
}

// publish copies the engine's counts for those who ask.
func (a *app) publish() {
	s := a.engine.Stats()
	a.engineMu.Lock()
	a.stats = s
	a.engineMu.Unlock()
	a.alerting.alive.Store(time.Now().UnixNano())
}

// agentsConfig is what the configuration says of agents.
func agentsConfig(cfg config.Config) agents.Config {
	return agents.Config{Allow: cfg.Allow, Limits: agents.Limits{
		Agents: cfg.Limits.Agents, Interfaces: cfg.Limits.Interfaces, Sources: cfg.Limits.Sources,
		AdmissionBurst: cfg.Limits.AdmissionBurst, AdmissionRate: float64(cfg.Limits.AdmissionRate),
	}}
}

// detectConfig spreads the bounds of the site over its shards.
func detectConfig(cfg config.Config, shards int) detect.Config {
	l := cfg.LargeFlow
	c := detect.Config{
		LargeFlow: detect.LargeFlowConfig{
			Off: l.Off, Threshold: l.Threshold, Class: l.Class, Budget: l.Budget, Hold: l.Hold,
			Keys: max(cfg.Limits.Keys/shards, 64), Hot: cfg.Limits.Hot,
		},
		Flood: cfg.Flood.Detector(), Scan: cfg.Scan.Detector(), Links: detect.LinkConfig(cfg.LinkSaturated),
		Rules: rules.NewSet(cfg.Rules), Top: cfg.Top.Detector(), Shards: shards,
	}
	c.Flood.Hosts = max(cfg.Limits.Keys/shards/8, 64)
	return c
}

// onEngine has the engine's goroutine do something, and waits until it is done.
func (a *app) onEngine(ctx context.Context, do func()) error { return handTo(ctx, a.tasks, do) }

// applyDetection gives detectors the configuration as it is now. It is for the
// engine's goroutine.
func (a *app) applyDetection() {
	dc := detectConfig(a.effective(*a.now.Load()), len(a.shards))
	for _, d := range a.detect {
		d.SetConfig(dc)
	}
	a.engine.SetConfig(a.group.Clock().Now(), dc, a.emit)
}
