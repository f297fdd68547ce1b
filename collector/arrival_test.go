package collector

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/collector/config"
	"weir/collector/sink"
	"weir/collector/sink/route"
	"weir/collector/sink/sinktest"
	"weir/detect"
)

// arrivals are the four ways whose arrival can be measured, on the loopback.
type arrivals struct {
	am   *sinktest.Alertmanager
	mail *sinktest.MailServer
	log  *sinktest.Rsyslog

	router  *route.Router
	outlets []*outlet

	mu   sync.Mutex
	hook map[string]time.Time
	put  map[string]time.Time // when an alert of this run was handed to the router, by ID
	n    int                  // of all runs
}

var idOf = regexp.MustCompile(`[0-9a-f]{16}-\d{10}`)

// newArrivals starts them, and one more sink that is down and one that hangs.
func newArrivals(tb testing.TB) *arrivals {
	a := &arrivals{
		am: sinktest.NewAlertmanager(tb), mail: sinktest.NewMailServer(tb, "off", "", ""), log: sinktest.NewRsyslog(tb, "", ""),
		hook: map[string]time.Time{}, put: map[string]time.Time{},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		at := time.Now()
		b, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.hook[idOf.FindString(string(b))] = at
	}))
	tb.Cleanup(srv.Close)
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	tb.Cleanup(slow.Close)
	tb.Cleanup(func() { close(hang) })
	cfg, err := config.Parse("test", fmt.Appendf(nil, `
alerts:
  sinks:
    - {type: alertmanager, url: %q}
    - {type: webhook, url: %q, detail: full}
    - {type: mail, address: %q, security: off, from: w@example.net, to: noc@example.net}
    - {type: syslog, url: "tcp://%s"}
    - {type: webhook, name: down, url: "http://127.0.0.1:1"}
    - {type: webhook, name: slow, url: %q}
`, a.am.URL, srv.URL, a.mail.Address, a.log.TCP, slow.URL))
	if err != nil {
		tb.Fatal(err)
	}
	words := newWriter(&cfg)
	for _, s := range cfg.Alerts.Sinks { // without the mails' gathering: that is configured grouping
		o := &outlet{sink.NewOutlet(s.Name, newSink(&s, words), sink.Options{}), s}
		tb.Cleanup(func() { _ = o.Close(tb.Context()) }) // its context is done: at once
		a.outlets = append(a.outlets, o)
	}
	a.router = route.New(route.Config{Table: cfg.Severity.Table(), Ways: ways(a.outlets)})
	return a
}

// run hands n alerts to the router, some time apart, and returns for each way
// how long they took to arrive, in order.
func (a *arrivals) run(tb testing.TB, n int, apart time.Duration) map[string][]time.Duration {
	tb.Helper()
	var puts []time.Duration
	clear(a.put)
	for range n {
		a.n++
		al := &detect.Alert{
			At: time.Now(), Seq: 1, Change: detect.Start, Kind: detect.Flood, State: detect.Confirmed, Severity: detect.Warning,
			Subject:  &detect.FloodSubject{Victim: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(a.n >> 8), byte(a.n)}), 32), Domain: "underlay"},
			Evidence: &route.Says{Text: "a flood"},
		}
		al.Identify(time.Now())
		begin := time.Now()
		a.put[al.ID] = begin
		a.router.Put(al, begin)
		puts = append(puts, time.Since(begin))
		time.Sleep(apart)
	}
	all := map[string]func() map[string]time.Time{
		"alertmanager": func() map[string]time.Time {
			out := map[string]time.Time{}
			for _, g := range a.am.Alerts(tb) {
				out[g.Annotations["id"]] = g.UpdatedAt
			}
			return out
		},
		"webhook": func() map[string]time.Time {
			a.mu.Lock()
			defer a.mu.Unlock()
			out := map[string]time.Time{}
			for id, at := range a.hook {
				out[id] = at
			}
			return out
		},
		"mail": func() map[string]time.Time {
			out := map[string]time.Time{}
			for _, m := range a.mail.Mails() {
				for _, id := range idOf.FindAllString(strings.ReplaceAll(m.Data, "=\r\n", ""), -1) { // also of digests
					out[id] = m.At
				}
			}
			return out
		},
		"syslog": func() map[string]time.Time {
			out := map[string]time.Time{}
			for _, l := range a.log.Lines(tb) {
				at, err := time.Parse(time.RFC3339Nano, l.Arrived)
				if err != nil {
					tb.Fatal(err)
				}
				out[idOf.FindString(l.Data)] = at
			}
			return out
		},
	}
	slices.Sort(puts)
	took := map[string][]time.Duration{"router": puts} // it holds up its caller for this
	for name, arrived := range all {
		var got map[string]time.Time
		sinktest.Await(tb, "all alerts by "+name, func() bool { got = arrived(); return len(got) >= a.n })
		for id, at := range got {
			if begin, ok := a.put[id]; ok {
				took[name] = append(took[name], at.Sub(begin))
			}
		}
		slices.Sort(took[name])
	}
	return took
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// The bound is 100 ms. A machine that runs other tests beside it can be late now
// and then: the median counts, of the best of some runs, since what would hold up
// alerts here, a sink that is down and one that hangs, is there all the time. The
// benchmark has the p99.
func TestAlertsArriveWithinATenthOfASecond(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time, which the race detector stretches")
	}
	const bound = 100 * time.Millisecond
	a := newArrivals(t)
	var late []string
	for try := 0; try == 0 || len(late) > 0 && try < 5; try++ {
		late = nil
		for name, took := range a.run(t, 200, 15*time.Millisecond) {
			t.Logf("%-12s p50 %8v  p99 %8v  max %8v of %d, beside a sink that is down and one that hangs", name,
				quantile(took, 0.5).Round(10*time.Microsecond), quantile(took, 0.99).Round(10*time.Microsecond), took[len(took)-1].Round(10*time.Microsecond), len(took))
			q, bound := 0.5, bound
			if name == "router" {
				q, bound = 0.9, bound/2
			}
			if d := quantile(took, q); d > bound {
				late = append(late, fmt.Sprintf("%s: %v at p%.0f, want %v at most", name, d, 100*q, bound))
			}
		}
	}
	if len(late) > 0 {
		t.Error(strings.Join(late, "\n"))
	}
}

// BenchmarkAlertToArrival reports the p99 of each way, in milliseconds.
func BenchmarkAlertToArrival(b *testing.B) {
	a := newArrivals(b)
	b.ResetTimer()
	var took map[string][]time.Duration
	for range b.N {
		took = a.run(b, 500, 2*time.Millisecond)
	}
	for name, all := range took {
		b.ReportMetric(float64(quantile(all, 0.99).Microseconds())/1e3, name+"-p99-ms")
	}
}
