package collector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

func (a *app) run(ctx context.Context) error {
	a.ready.Store(true)
	a.greet()
	failed := make(chan error, 2+len(a.shards))
	var serving, receiving, engine sync.WaitGroup
	serving.Go(func() {
		if err := a.control.Serve(); err != nil {
			failed <- fmt.Errorf("control socket: %w", err)
		}
	})
	if a.http != nil {
		serving.Go(func() {
			if err := a.http.Serve(); err != nil {
				failed <- fmt.Errorf("http: %w", err)
			}
		})
	}
	for i, r := range a.group.Receivers() {
		receiving.Go(func() {
			if err := a.receive(r, i); err != nil {
				failed <- err
			}
		})
	}
	a.startSeries()
	a.naming.start()
	a.history.start()
	a.evidence.start()
	a.alertHistory.start(a.sendHead)
	a.alerting.start()
	stopEngine := make(chan struct{})
	engine.Go(func() { a.decide(stopEngine) })
	engine.Go(func() { a.watchSite(stopEngine) })
	if a.io.Ready != nil {
		a.io.Ready(a.addresses())
	}
	err := a.housekeep(ctx, failed)

	close(a.draining)
	for _, r := range a.group.Receivers() {
		r.Wake()
	}
	receiving.Wait()
	close(stopEngine)
	engine.Wait()
	a.closeSeries()
	a.history.close()
	a.evidence.close()
	a.shelf.running.Wait()
	a.saveAgents()
	if cerr := a.close(); err == nil {
		err = cerr
	}
	serving.Wait()
	a.log.Info().Msg("stopped")
	return err
}

func (a *app) addresses() Addresses {
	var out Addresses
	for _, l := range a.group.Addrs() {
		out.SFlow = append(out.SFlow, l.String())
	}
	if a.http != nil {
		out.HTTP = a.http.Addr().String()
	}
	return out
}

// greet says what runs and what the operator may want to change.
func (a *app) greet() {
	at := a.addresses()
	a.log.Info().Strs("listen", at.SFlow).Str("http", at.HTTP).Str("state_dir", a.cfg.StateDir).
		Int("shards", len(a.shards)).Int("receive_buffer", a.group.Granted()).
		Str("large_flow", a.cfg.LargeFlow.Threshold.String()).Msg("receiving sFlow")
	a.greetForward()
	if advice := a.group.Advice(); advice != "" {
		a.log.Warn().Msg(advice)
	}
	for _, w := range a.group.Warnings() {
		a.log.Warn().Msg(w)
	}
}

// saveEvery is how often the known agents are written; only what changed is.
const saveEvery = 10 * time.Second

// housekeep does what has no hurry until ctx is done or a part has failed.
func (a *app) housekeep(ctx context.Context, failed <-chan error) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	saved := time.Now()
	for {
		select {
		case <-ctx.Done():
			a.log.Info().Msg("stopping: working on what has arrived")
			return nil
		case err := <-failed:
			return err
		case n := <-a.shared.Notices():
			a.logNotice(n)
		case now := <-second.C:
			a.alerting.saveSoon()
			a.rateMu.Lock()
			a.rate.add(now, a.group.Stats().Datagrams)
			a.rateMu.Unlock()
			a.lookback.add(a)
			a.logBad(now)
			a.watchClock()
			a.watchDisk()
			a.limitMemory()
			if a.io.Alive != nil && a.pulse.alive() {
				a.io.Alive()
			}
			if now.Sub(saved) >= saveEvery {
				saved = now
				a.saveAgents()
				a.refreshHeldSoon(now)
			}
		}
	}
}

// maxStep is how far the machine's clock may be set without a new epoch. The
// collector runs on monotonic time, so that a step never writes into old slots.
const maxStep = time.Second

// watchClock follows the machine's clock when it was set.
func (a *app) watchClock() {
	clock := a.group.Clock()
	if d := clock.Step(); d.Abs() > maxStep {
		clock.Resync()
		a.epoch.Add(1)
		a.log.Warn().Str("by", d.String()).Msg("the machine's clock was set: open alerts end, windows start anew")
	}
}

func (a *app) saveAgents() {
	err := errors.Join(a.state.SaveAgents(a.shared.Known()), a.alerting.save(), a.saveSite())
	if err == nil {
		a.saveErr.Store(nil)
		return
	}
	if a.saveErr.Swap(&err) == nil { // once, until it works again
		a.log.Error().Err(err).Msg("known agents and open alerts could not be saved")
	}
}
