package collector

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/collector/config"
	"weir/collector/sink/route"
	"weir/collector/sink/sinktest"
	"weir/collector/store"
	"weir/detect"
)

// pages is a webhook that notes what it is told.
type pages struct {
	mu  sync.Mutex
	got []page
	url string
}

type page struct {
	Title string
	Alert struct {
		ID, Key, Kind, Change, Severity, Reason string
	}
}

func newPages(t *testing.T) *pages {
	p := &pages{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var v page
		_ = json.Unmarshal(b, &v)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got = append(p.got, v)
	}))
	t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

func (p *pages) all() (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.got {
		out = append(out, strings.TrimSpace(g.Alert.Change+" "+g.Alert.Kind+" "+g.Alert.Severity+" "+g.Alert.Reason))
	}
	return out
}

// withSinks adds the sinks of a text to a test's configuration.
func withSinks(t *testing.T, cfg config.Config, sinks string) config.Config {
	t.Helper()
	c, err := config.Parse("test", []byte("alerts: {sinks: ["+sinks+"]}"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Alerts = c.Alerts
	cfg.HTTP = netip.AddrPort{}
	return cfg
}

// raised is an alert that a test raises.
func raised(change detect.Change, reason string) *detect.Alert {
	a := &detect.Alert{
		At: time.Now(), Seq: 1, Change: change, Kind: "bridge_down", State: detect.Confirmed, Severity: detect.Critical, Reason: reason,
		Subject: &route.Collector{Host: "br-int on cn7"}, Evidence: &route.Says{Text: "14 instances"},
	}
	if change == detect.End {
		a.State = detect.Resolved
	}
	a.Identify(time.Unix(1772366400, 0))
	return a
}

// settled waits until the sinks' other sides have answered: who has not is told again
// after a restart, though he may know.
func (r *running) settled() {
	r.t.Helper()
	r.eventually("answers to all that was sent", func() bool {
		return !slices.ContainsFunc(r.app.alerting.outlets, func(o *outlet) bool { return len(o.Unsettled()) > 0 })
	})
}

// A critical alert that is open over a restart pages once, and ends once.
func TestOpenAlertsAreNotToldAgainAfterARestart(t *testing.T) {
	p := newPages(t)
	cfg := withSinks(t, testConfig(t), fmt.Sprintf(`{type: webhook, name: duty, role: pager, detail: full, url: %q}`, p.url))
	told := func(want ...string) {
		t.Helper()
		sinktest.Await(t, strings.Join(want, ", "), func() bool { return slices.Equal(p.all(), want) })
	}
	r := start(t, cfg)
	r.app.emit(raised(detect.Start, ""))
	told("start bridge_down critical")
	r.settled()
	r.app.emit(raised(detect.End, detect.ReasonShutdown)) // as the engine does when weir stops
	r.stop()

	r = start(t, cfg)
	r.app.emit(raised(detect.Start, ""))
	time.Sleep(50 * time.Millisecond)
	told("start bridge_down critical")
	r.app.emit(raised(detect.End, ""))
	told("start bridge_down critical", "end bridge_down critical")
	r.settled()
	r.stop()
	s, err := store.Open(cfg.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if open, err := s.LoadAlerts(); err != nil || len(open) != 0 {
		t.Errorf("%d open alerts are kept, %v", len(open), err)
	}
}

// A second after a page the state file knows of it: a collector that is killed
// then does not page again. The files are copied as a crash leaves them.
func TestAPageIsRememberedThroughACrash(t *testing.T) {
	p := newPages(t)
	cfg := withSinks(t, testConfig(t), fmt.Sprintf(`{type: webhook, name: duty, role: pager, detail: full, url: %q}`, p.url))
	r := start(t, cfg)
	r.app.emit(raised(detect.Start, ""))
	sinktest.Await(t, "the page in the state file", func() bool {
		dir := t.TempDir()
		if err := os.CopyFS(dir, dbFiles{os.DirFS(cfg.StateDir)}); err != nil {
			return false // it changed meanwhile
		}
		s, err := store.Open(dir)
		if err != nil {
			return false
		}
		defer s.Close()
		open, err := loadOpen(s)
		return err == nil && len(open) == 1 && slices.Equal(open[0].Told, []string{"duty"})
	})
}

// dbFiles shows the database's files alone: no socket can be copied.
type dbFiles struct{ fs.FS }

func (d dbFiles) ReadDir(string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(d.FS, ".")
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), "state.db") }), err
}

// What a pager that is down was not told before a restart it is told after it.
func TestWhatAPagerDidNotLearnItLearnsAfterARestart(t *testing.T) {
	p := newPages(t)
	sink := func(url string) string {
		return fmt.Sprintf(`{type: webhook, name: duty, role: pager, detail: full, url: %q}`, url)
	}
	base := testConfig(t)
	up, down := withSinks(t, base, sink(p.url)), withSinks(t, base, sink("http://127.0.0.1:1"))
	r := start(t, down)
	r.app.emit(raised(detect.Start, ""))
	time.Sleep(20 * time.Millisecond)
	r.app.emit(raised(detect.End, detect.ReasonShutdown))
	r.stop()

	r = start(t, up)
	r.app.emit(raised(detect.Start, ""))
	sinktest.Await(t, "the page", func() bool { return slices.Equal(p.all(), []string{"start bridge_down critical"}) })
	r.settled()
	r.app.emit(raised(detect.End, detect.ReasonShutdown))
	r.stop()

	r = start(t, down)
	r.app.emit(raised(detect.Start, ""))
	r.app.emit(raised(detect.End, ""))
	r.stop()
	r = start(t, up)
	if got := r.app.alerting.known(); len(got) != 1 || got[0].Alert.Key != raised(detect.Start, "").Key || !slices.Equal(got[0].Told, []string{"duty"}) {
		t.Errorf("after an end that did not arrive: %+v", got)
	}
	r.app.alerting.router.Tick(time.Now().Add(route.Grace + time.Second))
	sinktest.Await(t, "the end", func() bool {
		return slices.Equal(p.all(), []string{"start bridge_down critical", "end bridge_down critical not_seen"})
	})
	r.stop()
}

func TestADemoEndsWhatIsOpen(t *testing.T) {
	p := newPages(t)
	cfg := withSinks(t, testConfig(t), fmt.Sprintf(`{type: webhook, name: duty, role: pager, detail: full, url: %q}`, p.url))
	r := start(t, cfg)
	r.app.alerting.router = route.New(route.Config{Table: cfg.Severity.Table(), Ways: ways(r.app.alerting.outlets), EndAtStop: true})
	r.app.emit(raised(detect.Start, ""))
	r.settled()
	r.app.emit(raised(detect.End, detect.ReasonShutdown))
	r.settled()
	r.stop()
	if diff := cmp.Diff([]string{"start bridge_down critical", "end bridge_down critical shutdown"}, p.all()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSavedAlertsAreReadAgain(t *testing.T) {
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	flow := sinktest.Alert(1, detect.Start, sinktest.Hostile)
	want := []route.Saved{{Alert: flow, Told: []string{"a", "b"}}, {Alert: *raised(detect.Start, ""), Told: []string{"c"}}}
	if err := saveOpen(s, want); err != nil {
		t.Fatal(err)
	}
	got, err := loadOpen(s)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d alerts, %v", len(got), err)
	}
	slices.SortFunc(want, func(a, b route.Saved) int { return strings.Compare(a.Alert.Key, b.Alert.Key) })
	for i := range want {
		w, g := &want[i].Alert, &got[i].Alert
		w.Change = detect.Update // it is no longer the beginning
		wantJSON, _ := json.Marshal(w)
		gotJSON, err := json.Marshal(g)
		if diff := cmp.Diff(string(wantJSON), string(gotJSON)); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
		valid := func(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
		if w.Subject.Line() != g.Subject.Line() || valid(w.Evidence.Line()) != g.Evidence.Line() ||
			string(w.Subject.AppendCanonical(nil)) != string(g.Subject.AppendCanonical(nil)) || !slices.Equal(want[i].Told, got[i].Told) {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	if err := s.SaveAlerts([]store.OpenAlert{{Key: "x", Body: []byte("{")}}); err != nil {
		t.Fatal(err)
	}
	if got, err := loadOpen(s); err != nil || len(got) != 0 {
		t.Errorf("%d alerts of rubbish, %v", len(got), err)
	}
}

// Sinks that are down, or hang, neither delay the detection nor the stop, and
// are shown.
func TestSinksThatAreDownAreShown(t *testing.T) {
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer srv.Close()
	defer close(hang)
	good := newPages(t)
	cfg := withSinks(t, testConfig(t), fmt.Sprintf(`{type: webhook, name: down, url: "http://127.0.0.1:1"}, {type: webhook, name: slow, url: %q}, {type: webhook, name: good, detail: full, url: %q}`, srv.URL, good.url))
	cfg.Limits.SinkQueue = 16
	r := start(t, cfg)
	begin := time.Now()
	for range 100 {
		r.app.emit(raised(detect.Start, ""))
		r.app.emit(raised(detect.End, ""))
	}
	if d := time.Since(begin); d > 15*time.Second { // as long as one attempt hangs
		t.Errorf("200 changes took %v", d)
	}
	sinktest.Await(t, "the alerts", func() bool { return len(good.all()) > 0 })
	var detail string
	sinktest.Await(t, "the failure in the status", func() bool {
		for _, c := range r.status().Components {
			if c.Name == "sink_down" {
				detail = c.Detail
				return c.Ready
			}
		}
		return false
	})
	if !strings.HasPrefix(detail, "fails since ") || !strings.HasSuffix(detail, "connection refused") {
		t.Errorf("detail %q", detail)
	}
	for _, s := range r.status().Sinks {
		if s.Name == "down" && s.Dropped == 0 {
			t.Errorf("%+v, want some dropped", s)
		}
	}
	begin = time.Now()
	r.cancel()
	<-r.done
	if d := time.Since(begin); d > 15*time.Second {
		t.Errorf("stopping took %v", d)
	}
	if n := len(r.log.with(`"sink":"slow"`)); n != 1 {
		t.Errorf("the log tells %d times what the slow sink lost, want once", n)
	}
	if n := len(r.log.with(`"sink":"down"`)); n != 1 {
		t.Errorf("the log names the sink %d times, want once a minute", n)
	}
}

func TestHeartbeatIsSentWhileAllIsWell(t *testing.T) {
	var mu sync.Mutex
	beats := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		beats++
	}))
	defer srv.Close()
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return beats
	}
	heart := func(cfg config.Config) config.Config {
		c, err := config.Parse("test", fmt.Appendf(nil, "alerts: {heartbeat: %q}", srv.URL))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Alerts.Heartbeat = c.Alerts.Heartbeat
		return cfg
	}
	am := sinktest.NewAlertmanager(t)
	r := start(t, heart(withSinks(t, testConfig(t), fmt.Sprintf(`{type: alertmanager, url: %q}`, am.URL))))
	sinktest.Await(t, "a heartbeat", func() bool { return count() == 1 })
	sinktest.Await(t, "the watchdog", func() bool {
		got := am.Alerts(t)
		return len(got) == 1 && got[0].Labels["kind"] == "watchdog"
	})
	r.stop()
	r = start(t, heart(withSinks(t, testConfig(t), `{type: webhook, name: duty, role: pager, url: "http://127.0.0.1:1"}`)))
	time.Sleep(1500 * time.Millisecond)
	if n := count(); n != 1 {
		t.Errorf("%d heartbeats; want none while the pager fails", n-1)
	}
	r.stop()
}

// After ten mails what comes waits, and comes as one.
func TestAStormOfMailsIsADigest(t *testing.T) {
	srv := sinktest.NewMailServer(t, "off", "", "")
	cfg := withSinks(t, testConfig(t), fmt.Sprintf(`{type: mail, address: %q, security: off, from: w@example.net, to: noc@example.net}`, srv.Address))
	o := newOutlets(&cfg, zerolog.Nop())[0]
	const n = 40
	for i := range n {
		o.Put(sinktest.Alert(i, detect.Start, "x"))
		time.Sleep(5 * time.Millisecond)
	}
	const together = 3 // that wait for a slow server and are still mails of their own: the tenth may be the first of them
	before := len(srv.Mails())
	if before > mailBurst-1+together {
		t.Errorf("%d mails before the digest, want %d at most", before, mailBurst-1+together)
	}
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	sinktest.Await(t, "all alerts", func() bool {
		for _, m := range srv.Mails() {
			for _, id := range idOf.FindAllString(strings.ReplaceAll(m.Data, "=\r\n", ""), -1) {
				ids[id] = true
			}
		}
		return len(ids) == n
	})
	all := srv.Mails()
	digest := func(m sinktest.Mail) bool { return strings.Contains(m.Data, "\nSubject: DIGEST ") } // mostly the last; what waits for a slow mail comes as one too
	if !slices.ContainsFunc(all, digest) || len(all) > mailBurst+together {
		t.Errorf("%d mails, the last\n%s", len(all), all[len(all)-1].Data)
	}
}
