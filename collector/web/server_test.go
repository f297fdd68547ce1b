package web

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/agents"
	"weir/collector/web/access"
	"weir/detect"
)

// fake is a collector at one moment.
type fake struct {
	status Status
	agents []*agents.AgentInfo
}

func (f *fake) Status() Status              { return f.status }
func (f *fake) Agents() []*agents.AgentInfo { return f.agents }
func (f *fake) Top(q TopQuery) ([]detect.Top, error) {
	if q.Key == "none" {
		return nil, errors.New("key none: is not counted")
	}
	return []detect.Top{{Key: q.Key, WindowSeconds: q.Window.Seconds(), Total: float64(q.N)}}, nil
}

// busy has every field set.
func busy() *fake {
	return &fake{status: Status{
		Version: "1.2.3", PID: 42, At: time.Unix(2000, 0).UTC(), Started: time.Unix(1000, 500e6).UTC(), Listen: []string{"[::]:6343"},
		Components: []Component{{Name: "udp", Ready: true}, {Name: "sinks", Detail: "queue full"}},
		Datagrams:  100, DatagramsPerSecond: 9.5, Octets: 1 << 54,
		Samples:        []Count{{"0:1", "flow_sample", 70}, {"0:2", "counter_sample", 30}},
		SkippedRecords: []Count{{"flow 0:1012", "extended_mpls_vc", 2}},
		Errors:         []Count{{Key: "truncated", Count: 3}},
		SocketDropped:  4, Truncated: 5, LostDatagrams: 6, LostSamples: 7, LossPercent: 5.66,
		Refused: []Count{{Key: "rate", Count: 8}}, DecodeSeconds: 0.25, Agents: 9, Admitted: 10,
		Orphans:      []Count{{"192.0.2.7", "cn\"1", 1591}, {Count: 16}},
		AlertsOpen:   []Count{{Key: "large_flow", Count: 1}},
		AlertChanges: []AlertChange{{"large_flow", "start", 2}},
		Sinks:        []SinkCount{{"logline", 1, 4096, 11, 12, 13, true}},
		Bounds:       []Bound{{"agents", 9, 16384, 14}},
		TopLeftOut:   []Count{{"src: bytes", "again", 15}},
	}}
}

func get(t *testing.T, h http.Handler, method, path, host string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestMetricsTellTheStatus(t *testing.T) {
	w := get(t, Handler(busy()), "GET", "/metrics", "localhost")
	var got []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "weir_") && !strings.HasPrefix(line, "weir_build_info") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		"weir_agents 9",
		"weir_agents_admitted_total 10",
		`weir_alert_changes_total{change="start",kind="large_flow"} 2`,
		`weir_alerts_open{kind="large_flow"} 1`,
		`weir_bound_limit{bound="agents"} 16384`,
		`weir_bound_refused_total{bound="agents"} 14`,
		`weir_bound_used{bound="agents"} 9`,
		"weir_datagrams_total 100",
		"weir_decode_seconds_total 0.25",
		`weir_errors_total{reason="truncated"} 3`,
		"weir_history_series_not_kept 0",
		"weir_lost_datagrams_total 6",
		"weir_lost_samples_total 7",
		"weir_octets_total 1.8014398509481984e+16",
		`weir_orphans{name="",node=""} 16`,
		`weir_orphans{name="cn\"1",node="192.0.2.7"} 1591`,
		`weir_ready{component="sinks"} 0`,
		`weir_ready{component="udp"} 1`,
		`weir_refused_datagrams_total{reason="rate"} 8`,
		`weir_samples_total{format="0:1",name="flow_sample"} 70`,
		`weir_samples_total{format="0:2",name="counter_sample"} 30`,
		`weir_sink_changes_total{result="dropped",sink="logline"} 13`,
		`weir_sink_changes_total{result="failed",sink="logline"} 12`,
		`weir_sink_changes_total{result="sent",sink="logline"} 11`,
		`weir_sink_failing{sink="logline"} 1`,
		`weir_sink_queued{sink="logline"} 1`,
		`weir_skipped_records_total{format="flow 0:1012",name="extended_mpls_vc"} 2`,
		"weir_socket_dropped_total 4",
		"weir_start_time_seconds 1000.5",
		`weir_top_left_out_samples_total{definition="src: bytes",reason="again"} 15`,
		"weir_truncated_total 5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, of := range []string{"go_goroutines ", "process_resident_memory_bytes ", `weir_build_info{goversion="go`} {
		if !strings.Contains(w.Body.String(), "\n"+of) {
			t.Errorf("no %s", of)
		}
	}
}

// A name that is no text spoils no metric.
func TestMetricsOfHostileNames(t *testing.T) {
	f := &fake{status: Status{Orphans: []Count{{"192.0.2.7", "cn\xff\"}\n", 3}}}}
	w := get(t, Handler(f), "GET", "/metrics", "localhost")
	if want := "weir_orphans{name=\"cn\ufffd\\\"}\\n\",node=\"192.0.2.7\"} 3\n"; w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
		t.Errorf("%d, no %s", w.Code, want)
	}
}

func TestPackageCommentNamesEveryMetric(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var named, exist []string
	for _, m := range regexp.MustCompile(`(?m)^//\t(weir_[a-z_]+)`).FindAllSubmatch(doc, -1) {
		named = append(named, string(m[1]))
	}
	for _, m := range allMetrics {
		exist = append(exist, regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(m.desc.String())[1])
	}
	slices.Sort(named)
	slices.Sort(exist)
	if diff := cmp.Diff(exist, named); diff != "" {
		t.Errorf("(-exist +named)\n%s", diff)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	ready := busy()
	ready.status.Components[1].Ready = true
	for _, c := range []struct {
		name   string
		source *fake
		path   string
		code   int
		want   string
	}{
		{"alive though not ready", busy(), "/healthz", 200, `{"status":"ok"}`},
		{"a component is not ready", busy(), "/readyz", 503,
			`{"ready":false,"components":[{"name":"udp","ready":true},{"name":"sinks","ready":false,"detail":"queue full"}]}`},
		{"ready", ready, "/readyz", 200,
			`{"ready":true,"components":[{"name":"udp","ready":true},{"name":"sinks","ready":true,"detail":"queue full"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := get(t, Handler(c.source), "GET", c.path, "127.0.0.1")
			if diff := cmp.Diff(c.want, strings.TrimSpace(w.Body.String())); diff != "" || w.Code != c.code {
				t.Errorf("code %d, want %d (-want +got)\n%s", w.Code, c.code, diff)
			}
			if w.Header().Get("Cache-Control") != "no-store" || !json.Valid(w.Body.Bytes()) {
				t.Errorf("header %v", w.Header())
			}
		})
	}
}

func TestHandlerAnswersOnlyReading(t *testing.T) {
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{"HEAD", "/metrics", 200}, {"POST", "/metrics", 405}, {"DELETE", "/healthz", 405}, {"PUT", "/readyz", 405},
		{"GET", "/", 404}, {"GET", "/metrics/x", 404}, {"GET", "/status", 404},
	} {
		w := get(t, Handler(busy()), c.method, c.path, "127.0.0.1")
		if w.Code != c.code {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, w.Code, c.code)
		}
		if c.code == 405 && w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s allows %q", c.method, c.path, w.Header().Get("Allow"))
		}
	}
}

func TestLoopbackRefusesForeignNames(t *testing.T) {
	h := onlyLocalNames(access.New(access.Config{}), Handler(busy()))
	for _, c := range []struct {
		host string
		code int
	}{
		{"127.0.0.1:8343", 200}, {"127.0.0.1", 200}, {"localhost:8343", 200}, {"LocalHost.", 200}, {"[::1]:8343", 200}, {"[::1]", 200},
		{"127.9.9.9:1", 200}, {"", 200}, {"[::ffff:127.0.0.1]:1", 200},
		{"evil.example:8343", 403}, {"127.0.0.1.evil.example", 403}, {"192.0.2.1:8343", 403}, {"localhost.evil.example", 403}, {"[", 200},
	} {
		if w := get(t, h, "GET", "/healthz", c.host); w.Code != c.code {
			t.Errorf("host %q: %d, want %d", c.host, w.Code, c.code)
		}
	}
}

func TestListenServesAndCloses(t *testing.T) {
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), busy(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	resp, err := http.Get("http://" + s.Addr().String() + "/healthz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()

	_, err = Listen(s.Addr(), busy(), Options{})
	want := "http: " + s.Addr().String() + ` is in use by another process; stop it, or set http to another address or to ""`
	if err == nil || err.Error() != want {
		t.Errorf("second listener: %v, want %s", err, want)
	}
	other, err := Listen(s.Addr(), busy(), Options{OtherPort: true})
	if err != nil || other.Addr().Addr() != s.Addr().Addr() || other.Addr().Port() == s.Addr().Port() {
		t.Fatalf("%v, %v; want another port", other, err)
	}
	if err := other.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if c, err := net.Dial("tcp", s.Addr().String()); err == nil {
		c.Close()
		t.Error("still listening after Close")
	}
}

func TestListenExplainsAForeignAddress(t *testing.T) {
	_, err := Listen(netip.MustParseAddrPort("192.0.2.1:8343"), busy(), Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "http: cannot listen on 192.0.2.1:8343: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}
