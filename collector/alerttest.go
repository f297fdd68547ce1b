package collector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/config"
	"weir/collector/sink/route"
	"weir/collector/web"
	"weir/detect"
)

// testTime bounds a test of all sinks.
const testTime = 20 * time.Second

// TestAlerts implements web.AlertTester: each sink, or the one named, is sent a
// test after what waits for it.
func (a *app) TestAlerts(ctx context.Context, name string) ([]web.SinkAnswer, error) {
	if !a.ready.Load() {
		return nil, errStarting
	}
	return testOutlets(ctx, a.alerting.outlets, a.alerting.site, name)
}

// TestAlerts sends a test to each sink of the configuration, or to the one
// named, without a running collector.
func TestAlerts(ctx context.Context, cfg config.Config, name string, log zerolog.Logger) ([]web.SinkAnswer, error) {
	all := newOutlets(&cfg, log)
	got, err := testOutlets(ctx, all, cfg.Site, name)
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	_ = closeOutlets(ctx, all) // nothing but tests was sent
	return got, err
}

func testOutlets(ctx context.Context, all []*outlet, site, name string) ([]web.SinkAnswer, error) {
	var names []string
	var chosen []*outlet
	for _, o := range all {
		names = append(names, o.cfg.Name)
		if name == "" || name == o.cfg.Name {
			chosen = append(chosen, o)
		}
	}
	switch {
	case len(all) == 0:
		return nil, errors.New("no sink is configured: alerts.sinks is empty; `weir check --sample` shows examples")
	case len(chosen) == 0:
		return nil, fmt.Errorf("sink %q: is not configured; name one of %s", name, strings.Join(names, ", "))
	}
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	answers := make([]web.SinkAnswer, len(chosen))
	var wg sync.WaitGroup
	for i, o := range chosen {
		wg.Go(func() { answers[i] = testOutlet(ctx, o, site) })
	}
	wg.Wait()
	return answers, nil
}

// testOutlet sends one test, and its end where somebody would have to end it.
func testOutlet(ctx context.Context, o *outlet, site string) web.SinkAnswer {
	now := time.Now()
	a := route.NewOwn(route.Test, &route.Collector{Host: hostName(), Site: site},
		&route.Says{Text: "this is a test of alerts, nothing is wrong"}, now, now)
	if o.cfg.Role != route.Pager {
		a.Severity = detect.Warning
	}
	out := web.SinkAnswer{Sink: o.cfg.Name, Type: o.cfg.Type}
	send := func(a detect.Alert) {
		got := o.Test(ctx, told(o, a))
		out.Answers = append(out.Answers, got.Lines...)
		if got.Err != nil {
			out.Error = got.Err.Error()
		}
	}
	send(*a)
	if o.cfg.Type == "pagerduty" && out.Error == "" {
		a.Change, a.State, a.Seq = detect.End, detect.Resolved, 2
		send(*a)
	}
	out.Seconds = time.Since(now).Seconds()
	return out
}
