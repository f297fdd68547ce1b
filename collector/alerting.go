package collector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/config"
	"weir/collector/sink/post"
	"weir/collector/sink/route"
	"weir/collector/web"
	"weir/detect"
)

// alerting tells people: it routes alert changes to the sinks, and watches over
// weir itself.
type alerting struct {
	app     *app
	log     zerolog.Logger
	site    string
	router  *route.Router
	outlets []*outlet
	beat    *post.Client // nil without a heartbeat

	saved   uint64 // version of the router that was saved; of housekeeping
	own     selfWatch
	alive   atomic.Int64 // ns, when detection last came round
	stop    chan struct{}
	running sync.WaitGroup
	once    sync.Once
}

// newAlerting starts the sinks and takes up the alerts that were open when weir
// last stopped.
func newAlerting(a *app) (*alerting, error) {
	al := &alerting{app: a, log: a.log, site: a.cfg.Site, stop: make(chan struct{})}
	saved, err := loadOpen(a.state)
	if err != nil {
		return nil, err
	}
	al.outlets = newOutlets(&a.cfg, a.log)
	al.router = route.New(route.Config{
		Table: a.cfg.Severity.Table(), Ways: ways(al.outlets), Site: al.site, EndAtStop: a.io.Forget, Hold: a.hold,
	})
	al.router.Restore(saved, time.Now())
	if url := a.cfg.Alerts.Heartbeat; url.Reveal() != "" {
		al.beat = post.New(post.Config{URL: url.Reveal(), SecretURL: url.IsSecret()})
	}
	al.own = newSelfWatch(hostName(), al.site)
	return al, nil
}

// hold reports that an alert is to wait: in a maintenance window, or muted.
func (a *app) hold(al *detect.Alert) bool {
	now := time.Now()
	return a.windows.hold(al, now) || a.alertHistory.book().Muted(al.Key, now)
}

// hostName names this collector to people.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}

// put gives the alert its severity and tells whoever is to be told. It never
// blocks.
func (al *alerting) put(a *detect.Alert) { al.router.Put(a, time.Now()) }

// raise takes a change of an alert about the collector itself.
func (al *alerting) raise(a *detect.Alert) {
	if a == nil {
		return
	}
	al.router.Own(a, time.Now())
	al.app.record(a)
}

// setConfig applies what can be applied while running.
func (al *alerting) setConfig(cfg *config.Config) { al.router.SetTable(cfg.Severity.Table()) }

// start begins to watch the time.
func (al *alerting) start() {
	al.alive.Store(time.Now().UnixNano())
	al.running.Go(func() {
		t := time.NewTicker(tick)
		defer t.Stop()
		for {
			select {
			case <-al.stop:
				return
			case now := <-t.C:
				for i, o := range al.outlets {
					for _, a := range o.TakeLost() {
						al.router.Lost(i, a)
					}
				}
				al.router.Tick(now)
			}
		}
	})
	al.running.Go(al.watch)
}

// close tells what waits until ctx is done. It may be called twice.
func (al *alerting) close(ctx context.Context) error {
	if al == nil {
		return nil
	}
	al.once.Do(func() { close(al.stop) })
	al.running.Wait()
	if err := closeOutlets(ctx, al.outlets); err != nil { // told after the next start
		al.log.Warn().Err(err).Msg("not everybody could be told before the end")
	}
	return al.save()
}

// save writes the alerts that others than logs know to be open.
func (al *alerting) save() error {
	al.saved = al.router.Version()
	return saveOpen(al.app.state, al.known())
}

// saveSoon is save where somebody was told something since; it is called once a
// second, and its error is found again by the next save.
func (al *alerting) saveSoon() {
	if al.router.Version() != al.saved {
		_ = al.save()
	}
}

// known returns what others than logs know to be open: what they were told and
// have taken, and what has ended and they do not know.
func (al *alerting) known() []route.Saved {
	all := al.router.Save()
	byKey := map[string]int{}
	for i := range all {
		byKey[all[i].Alert.Key] = i
	}
	for _, o := range al.outlets {
		if o.cfg.Role == route.Log {
			continue
		}
		for _, a := range o.Unsettled() {
			i, open := byKey[a.Key]
			switch {
			case a.Change == detect.End && o.cfg.Type == "alertmanager": // forgets by itself
			case a.Change == detect.End && open:
				all[i].Told = append(all[i].Told, o.cfg.Name)
			case a.Change == detect.End:
				byKey[a.Key] = len(all)
				all = append(all, route.Saved{Alert: a, Told: []string{o.cfg.Name}})
			case a.Change == detect.Start && open:
				all[i].Told = slices.DeleteFunc(all[i].Told, func(name string) bool { return name == o.cfg.Name })
			}
		}
	}
	return slices.DeleteFunc(all, func(s route.Saved) bool { return len(s.Told) == 0 })
}

// closeOutlets closes all at once, so that they share the time there is.
func closeOutlets(ctx context.Context, all []*outlet) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, o := range all {
		wg.Go(func() { errs[i] = o.Close(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// addTo adds what the sinks have done to the status.
func (al *alerting) addTo(s *web.Status) {
	for _, o := range al.outlets {
		q := o.Stats()
		since, err := o.Failing()
		s.Sinks = append(s.Sinks, web.SinkCount{
			Name: q.Name, Queued: q.Queued, Limit: q.Limit, Sent: q.Sent, Failed: q.Failed, Dropped: q.Dropped, Failing: err != nil,
		})
		s.Bounds = append(s.Bounds, web.Bound{Name: "sink_" + q.Name, Used: q.Queued, Limit: q.Limit, Refused: q.Dropped})
		if err != nil { // works less well, and is no reason to restart weir
			s.Components = append(s.Components, web.Component{
				Name: "sink_" + q.Name, Ready: true, Detail: fmt.Sprintf("fails since %s: %v", since.UTC().Format(time.RFC3339), err),
			})
		}
	}
	r := al.router.Stats()
	s.Bounds = append(s.Bounds, web.Bound{Name: "alerts_followed", Used: r.Open, Limit: r.MaxOpen, Refused: r.Refused})
}
