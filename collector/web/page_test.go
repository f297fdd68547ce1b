package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"weir/collector/agents"
	"weir/collector/web"
	"weir/detect"
	"weir/detect/site"
)

// hostile is what a name from the network may be.
const hostile = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`

// shown is a collector whose every name is hostile.
type shown struct{}

func (shown) Status() web.Status {
	return web.Status{
		At: time.Now(), Agents: 1, DatagramsPerSecond: 1234, Version: hostile,
		SkippedRecords: []web.Count{{Key: "9:9", Name: hostile, Count: 3}},
	}
}

func (shown) Agents() []*agents.AgentInfo {
	return []*agents.AgentInfo{{
		Agent: netip.MustParseAddr("192.0.2.7"), Name: hostile, LastHeard: time.Now(), Contested: true, FramesLost: 1234,
		Interfaces: []agents.InterfaceInfo{{Index: 7, Name: hostile, Alias: hostile, Speed: 1e9, In: agents.Rates{BitsPerSecond: 5e8}, Counted: true}},
		Hosts:      []agents.HostInfo{{Name: hostile, OSRelease: hostile}},
		SubAgents:  []agents.SubAgentInfo{{ID: 1, Datagrams: agents.SequenceInfo{Received: 90, Lost: 10}}},
		Sources:    []agents.SourceInfo{{SamplingRate: 1000, EffectiveRate: 2000, Flows: agents.SequenceInfo{Received: 500}}},
	}}
}

func (shown) Top(web.TopQuery) ([]detect.Top, error) { return []detect.Top{{Total: 5e9}}, nil }

func (shown) Lookback() []*detect.Top { return nil }

func (shown) AlertList() []*web.AlertView {
	return []*web.AlertView{
		{ID: "a-1", Incident: "a-1", Started: time.Now(), Kind: "bridge_down", State: "confirmed", Severity: "critical", Line: "bridge " + hostile + " down", Affected: 6, Alert: json.RawMessage(`{"a":"<b>"}`)},
		{ID: "b-1", Started: time.Now(), Kind: hostile, State: hostile, Severity: hostile, Line: "a flow", Alert: json.RawMessage(`{"subject":{"name":"\u003cimg src=x onerror=1>"},"evidence":{"\u003cb>x":"\u003cscript>"}}`)},
	}
}

func (shown) Flows(_ context.Context, v url.Values) (any, error) {
	switch v.Get("filter") {
	case "none":
		return map[string]any{"rows": []any{}, "total": map[string]any{}, "notes": []string{"kept from " + hostile + " on"}}, nil
	case "":
	default:
		return nil, &web.AskError{Problem: "column 1: " + hostile, Offset: 0, End: 1}
	}
	return map[string]any{
		"rows":  []any{map[string]any{"key": []string{hostile}, "bytes": 1e6, "low": 9e5, "high": 2e6, "packets": 10, "samples": 3, "points": 1}},
		"total": map[string]any{"bytes": 1e6, "samples": 3}, "keys": 1, "scanned": 3, "files": 1,
	}, nil
}

func (shown) CheckFilter(string) error {
	return &web.AskError{Problem: hostile, Fits: []string{"src", "src_port", hostile}}
}

func (shown) FlowColumns() []string { return []string{"src", "dst", hostile} }

func (shown) AlertHistory(_ context.Context, v url.Values) (any, error) {
	if f := v.Get("from"); f != "-7d" && f != "-1d" && f != "-400d" {
		return nil, &web.AskError{Problem: "from " + hostile, Offset: -1}
	}
	return map[string]any{"alerts": []any{map[string]any{"n": 7, "id": "old-1", "at": time.Now(), "change": "start", "kind": hostile, "line": "history: " + hostile, "severity": v.Get("severity"), "subject": map[string]any{"name": hostile}, "evidence": map[string]any{}}}, "older": false}, nil
}

func (shown) Incidents(context.Context) ([]site.Incident, error) { return nil, nil }

func (shown) Incident(_ context.Context, id string) (site.Incident, error) {
	if id != "a-1" {
		return site.Incident{}, fmt.Errorf("incident %q: is none that is kept", id)
	}
	at := detect.Time(time.Now().Add(-time.Minute))
	return site.Incident{
		ID: id, Line: "bridge " + hostile + " down", Began: at, Kind: "bridge_down", State: detect.Confirmed, Severity: detect.Critical, Affected: 1, Nodes: []string{hostile},
		Alerts:   []string{"12:00 start " + hostile},
		Steps:    []site.Step{{At: at, Before: detect.Time(time.Now().Add(-2 * time.Minute)), Node: hostile, Entity: "port/" + hostile, What: "status of " + hostile, From: "agent", Was: hostile, Is: hostile, Skew: hostile}},
		Root:     json.RawMessage(`{"kind":"bridge_down","subject":{"type":"bridge","name":"x"},"evidence":{"confidence":0.999,"cause":"\u003cscript>1\u003c/script>","facts":[{"at":"2026-01-01T00:00:00Z","what":"\u003cimg src=x onerror=1>"},{"what":"a fact of no time"}]}}`),
		Children: []site.Child{{Kind: "instance_unreachable", Subject: site.Subject{Name: hostile, Project: hostile, Node: hostile}, Since: at, Line: hostile}},
	}, nil
}

func (shown) IncidentsOf(context.Context, func(string) bool) ([]site.Incident, error) {
	return nil, nil
}

func (shown) Windows() []site.Window                       { return nil }
func (shown) AddWindow(w site.Window) (site.Window, error) { return w, nil }
func (shown) EndWindow(string) (w site.Window, err error)  { return w, nil }

func (shown) SiteOverview(context.Context) (site.Overview, error) {
	return site.Overview{Bridges: 1, Instances: 2, Unseen: 1, Nodes: []site.NodeView{{
		Key: "192.0.2.7", Name: hostile, Kind: hostile, Health: site.HealthCritical, Self: site.HealthGood, Ports: 3, Instances: 2, Unseen: 1, Under: hostile, Port: hostile,
		Bridges: []site.BridgeView{{Name: hostile, Health: site.HealthCritical, Instances: "cu"}},
	}}}, nil
}

func (s shown) SiteBranch(context.Context, string) (site.Branch, error) {
	o, _ := s.SiteOverview(context.Background())
	return site.Branch{NodeView: o.Nodes[0], Speakers: []string{hostile}, Version: hostile, Links: []site.PortView{{Name: hostile, Status: hostile, Attached: []string{hostile}}}, Parts: []site.BridgeBranch{{
		Name: hostile, Health: site.HealthCritical, Instances: []site.InstanceView{{Name: "vm " + hostile, UUID: hostile, Project: hostile, State: hostile, Health: site.HealthCritical, Observed: []string{}, Port: hostile, MACs: []string{hostile}, Addresses: []string{hostile}}},
	}}}, nil
}

func (shown) SiteFind(context.Context, string) ([]site.Found, bool, error) {
	return []site.Found{{Node: hostile, Label: hostile, Type: hostile, Name: "found " + hostile, Detail: hostile, Bridge: hostile, Health: hostile}}, true, nil
}

var _ interface {
	web.PageSource
	web.SiteSource
	web.ModelSource
	web.LookbackSource
	web.FilterSource
} = shown{}

func serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(web.LocalHandler(shown{}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

// browser starts a real one, for all views of a test.
func browser(t testing.TB, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("WEIR_TEST_ALL") != "" {
			t.Fatal("chromium is missing: apt-get install chromium")
		}
		t.Skip("no chromium: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(patience))
	options = append(options, more...)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// patience is how long is waited for what comes within a second where the machine does
// nothing else.
const patience = 2 * time.Minute

// look returns the document of a view once it has the text that is waited for.
func look(t *testing.T, ctx context.Context, address, text string) (dom, title string) {
	t.Helper()
	if err := chromedp.Run(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(address)); err != nil { // a change of the fragment alone loads nothing
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		found := false
		err := chromedp.Run(ctx, chromedp.Evaluate("document.body.textContent.includes("+strconv.Quote(text)+")", &found))
		if err == nil && found {
			break
		}
		if time.Now().After(end) {
			_ = chromedp.Run(ctx, chromedp.Evaluate("document.getElementById('view').innerText", &dom))
			t.Fatalf("%s: %q does not appear: %v in\n%s", address, text, err, dom)
		}
	}
	if err := chromedp.Run(ctx, chromedp.OuterHTML("html", &dom), chromedp.Title(&title)); err != nil {
		t.Fatal(err)
	}
	return dom, title
}

// Every view shows what it should, and a hostile name is never anything but
// text.
func TestPageInABrowser(t *testing.T) {
	at, ctx := serve(t), browser(t)
	for _, c := range []struct {
		name, view, wait string
		want             []string
	}{
		{"now", "/", "500 Mbit/s", []string{"bridge &lt;img src=x", "critical", `aria-current="page"`, "incidents open", "6 affected", "1234 datagrams/s from 1 agent"}},
		{"incident", "/#incident?id=a-1", "Usual causes", []string{"bridge &lt;img src=x", "status of &lt;img", "What happened, in order", "Affected: 1", "99.9 % sure", "Cause: ", "a fact of no time"}},
		{"incident that is one alert", "/#incident?id=b-1", "What it is about", []string{"&lt;img src=x onerror=1&gt;"}},
		{"incident of the past", "/#incident?id=old-1", "As it was told", []string{"history: &lt;img src=x"}},
		{"incident that is none", "/#incident?id=none", "No incident none is kept", []string{"Look in the history"}},
		{"site", "/#site", "2 instances", []string{"not observable", "&lt;script&gt;"}},
		{"branch", "/#site?node=192.0.2.7", "observed by", []string{"vm &lt;img", "nobody"}},
		{"search", "/#site?search=vm", "found <img", []string{"found &lt;img", "write more letters"}},
		{"explore", "/#explore?by=src&top=5", "1 key, 1.00 MB", []string{"&lt;script&gt;", "0.90–2.00 MB", "CSV", "in 3 samples · 3 rows of 1 file read"}},
		{"explore from a whole time", "/#explore?by=src&from=2026-11-23T06:38:44.765Z", "1 key, 1.00 MB", []string{`name="from" value="2026-11-23T06:38:44.765Z" spellcheck="false" size="22"`}},
		{"explore with a mistake", "/#explore?by=src&filter=x", "column 1:", []string{"column 1: &lt;img", "x\n^"}},
		{"explore without an answer", "/#explore?by=src&filter=none", "No flow sample fits", []string{"kept from &lt;img"}},
		{"agents", "/#agents", "1 agent", []string{"192.0.2.7", "&lt;script&gt;", "10.0 %", "1:1 000", `ARP and DHCP frames since it started, for want of room: 1234;`, "4 to see"}},
		{"agent", "/#agents?agent=192.0.2.7", "Data sources (1)", []string{"another source claims its address", "ARP and DHCP frames since it started, for want of room: 1234;", "500 Mbit/s", "50.0 %", "&lt;script&gt;"}},
		{"agent that is none", "/#agents?agent=192.0.2.9", "is not known", []string{"All agents"}},
		{"history", "/#history?from=-7d&severity=critical", "1 change", []string{"history: &lt;img src=x"}},
		{"history with a mistake", "/#history?from=soon", "from <img", []string{"from &lt;img"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dom, title := look(t, ctx, at+c.view, c.wait)
			missing := func(w string) bool { return !strings.Contains(dom, w) }
			for end := time.Now().Add(patience); slices.ContainsFunc(c.want, missing) && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				if err := chromedp.Run(ctx, chromedp.OuterHTML("html", &dom), chromedp.Title(&title)); err != nil {
					t.Fatal(err)
				}
			}
			for _, w := range c.want {
				if !strings.Contains(dom, w) {
					t.Errorf("%q is not shown in\n%s", w, dom)
				}
			}
			if !strings.HasSuffix(title, " · weir") || strings.Contains(title, "taken") || strings.Contains(dom, `<img src="x"`) || strings.Contains(dom, "<script>document") {
				t.Errorf("a name became markup, title %q:\n%s", title, dom)
			}
		})
	}
}

// Of a link that could not be copied it is not said that it was.
func TestLinkSaysWhetherItIsCopied(t *testing.T) {
	at, ctx := serve(t), browser(t)
	look(t, ctx, at+"/#explore?by=src", "CSV")
	for how, says := range map[string]string{"Promise.resolve()": "copied", "Promise.reject(new Error('no'))": "not allowed"} {
		var text string
		if err := chromedp.Run(ctx, chromedp.Evaluate(`navigator.clipboard.writeText = () => `+how, nil), chromedp.Click(".exports button:last-child"),
			chromedp.Text(".exports button:last-child", &text)); err != nil {
			t.Fatal(err)
		}
		if text != says {
			t.Errorf("%s: %q, want %q", how, text, says)
		}
	}
}

// Until weir has told something, nothing is called good.
func TestPageSaysNothingBeforeItHears(t *testing.T) {
	at := but(t, shown{}, map[string]http.HandlerFunc{"/api/v1/live": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }})
	dom, _ := look(t, browser(t), at, "Listening…")
	for _, said := range []string{"Everybody is heard", "Nothing ended yet", "Nothing is wrong", "No interface has told"} {
		if strings.Contains(dom, said) {
			t.Errorf("%q is said before anything was heard", said)
		}
	}
	if !strings.Contains(dom, `id="pulse" class="unheard"`) {
		t.Errorf("a connection that has brought nothing looks good: %s", dom)
	}
}

// What is no answer of weir, as of a proxy before it, is shown as what it is.
func TestPageTellsForeignAnswers(t *testing.T) {
	at := but(t, shown{}, map[string]http.HandlerFunc{"/api/v1/agent": says("<p>sign in at the proxy")})
	look(t, browser(t), at+"/#agents?agent=192.0.2.7", "weir answered 200: <p>sign in at the proxy")
}

// Who is not on this machine learns no flow and no alert, and no other name than
// this machine's is answered to.
func TestPageIsForThisMachineAlone(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.Handler
		host    string
		path    string
		want    int
	}{
		{"page from elsewhere", web.Handler(shown{}), "collector.example.net", "/", http.StatusNotFound},
		{"flows from elsewhere", web.Handler(shown{}), "collector.example.net", "/api/v1/flows", http.StatusNotFound},
		{"alerts from elsewhere", web.Handler(shown{}), "collector.example.net", "/api/v1/alerts", http.StatusNotFound},
		{"metrics from elsewhere", web.Handler(shown{}), "collector.example.net", "/healthz", http.StatusOK},
		{"page here", web.LocalHandler(shown{}), "localhost:8343", "/", http.StatusOK},
		{"flows by a rebound name", web.LocalHandler(shown{}), "evil.example.net", "/api/v1/flows", http.StatusForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, c.path, nil)
			r.Host, r.RemoteAddr = c.host, "127.0.0.1:4711"
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%s: %d, want %d", c.path, w.Code, c.want)
			}
		})
	}
}

func TestPageIsGuarded(t *testing.T) {
	at := serve(t)
	r, err := http.Get(at + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if csp := r.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for _, f := range append([]string{"/"}, assets(t)...) {
		r, err := http.Get(at + f)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(z, r.Body)
		if err != nil || n == 0 || r.StatusCode != http.StatusOK || r.Header.Get("Content-Security-Policy") == "" {
			t.Fatal(f, r.StatusCode, n, err)
		}
		_ = r.Body.Close() // it was read
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d octets compressed", packed.Len())
	if limit := 150 << 10; packed.Len() > limit {
		t.Errorf("the page is %d octets compressed, at most %d wanted", packed.Len(), limit)
	}
}

// assets are the files that the page is of, beside index.html.
func assets(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("page/index.html")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`/page/[a-z.]+`).FindAllString(string(b), -1)
	if len(all) == 0 {
		t.Fatal("index.html has no assets")
	}
	return all
}

// What the page is made of is not served with it.
func TestPageServesNoSources(t *testing.T) {
	at := serve(t)
	for _, path := range []string{"/page/src/app.ts", "/page/src/", "/page/tsconfig.json"} {
		r, err := http.Get(at + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close() // its status is enough
		if r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
}

// The page fetches nothing from elsewhere, and runs nothing that is not a file of
// its own.
func TestPageIsOffline(t *testing.T) {
	for _, f := range append([]string{"/page/index.html"}, assets(t)...) {
		f = strings.TrimPrefix(f, "/")
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "http://www.w3.org/2000/svg", "")
		for _, bad := range []string{"http:", "https:", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "style=", "onclick=\""} {
			if strings.Contains(text, bad) && !(bad == "http:" && strings.Contains(text, "xmlns='http:")) {
				t.Errorf("%s has %s", f, bad)
			}
		}
	}
}

func TestAlertHistoryIsAsked(t *testing.T) {
	at := serve(t)
	for _, c := range []struct {
		query string
		code  int
		want  string
	}{
		{"?from=-7d&severity=critical", http.StatusOK, `"severity":"critical"`},
		{"?from=soon", http.StatusBadRequest, `"problem":"from `},
		{"?from=-7d&id=old-1&limit=1000", http.StatusOK, `"id":"old-1"`},
		{"?from=-7d&severty=critical", http.StatusBadRequest, `"problem":"parameter \"severty\":is unknown; write from, to, kind, severity`},
		{"?from=-7d&from=-1d", http.StatusBadRequest, `"problem":"parameter \"from\":stands twice; write it once`},
	} {
		r, err := http.Get(at + "/api/v1/alerts/history" + c.query)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != c.code || !strings.Contains(strings.ReplaceAll(string(b), `": `, `":`), c.want) {
			t.Errorf("%s: %s %s, %v, want %d with %s", c.query, r.Status, b, err, c.code, c.want)
		}
	}
}
