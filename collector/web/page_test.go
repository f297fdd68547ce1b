package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"weir/collector/agents"
	"weir/collector/web"
	"weir/detect"
)

// hostile is what a name from the network may be.
const hostile = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`

// shown is a collector whose every name is hostile.
type shown struct{}

func (shown) Status() web.Status {
	return web.Status{At: time.Now(), Agents: 1, DatagramsPerSecond: 1234}
}

func (shown) Agents() []*agents.AgentInfo {
	return []*agents.AgentInfo{{
		Agent: netip.MustParseAddr("192.0.2.7"), Name: hostile, LastHeard: time.Now(),
		Interfaces: []agents.InterfaceInfo{{Index: 7, Name: hostile, Speed: 1e9, In: agents.Rates{BitsPerSecond: 5e8}}},
	}}
}

func (shown) Top(web.TopQuery) ([]detect.Top, error) { return []detect.Top{{Total: 5e9}}, nil }

func (shown) AlertList() []*web.AlertView {
	return []*web.AlertView{{ID: "a-1", Kind: "bridge_down", State: "confirmed", Severity: "critical", Line: "bridge " + hostile + " down", Alert: json.RawMessage(`{"a":"<b>"}`)}}
}

func (shown) Flows(_ context.Context, v url.Values) (any, error) {
	if v.Get("filter") != "" {
		return nil, &web.AskError{Problem: "column 1: " + hostile, Offset: 0}
	}
	return map[string]any{
		"rows":  []any{map[string]any{"key": []string{hostile}, "bytes": 1e6, "low": 9e5, "high": 2e6, "packets": 10, "samples": 3, "points": 1}},
		"total": map[string]any{"bytes": 1e6, "samples": 3}, "keys": 1, "scanned": 3, "files": 1,
	}, nil
}

func (shown) AlertHistory(_ context.Context, v url.Values) (any, error) {
	if v.Get("from") != "-7d" {
		return nil, &web.AskError{Problem: "from " + hostile, Offset: -1}
	}
	return map[string]any{"alerts": []any{map[string]any{"n": 7, "line": hostile, "severity": v.Get("severity")}}, "older": false}, nil
}

func serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(web.LocalHandler(shown{}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

// browser starts a real one, for all views of a test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("WEIR_TEST_ALL") != "" {
			t.Fatal("chromium is missing: apt-get install chromium")
		}
		t.Skip("no chromium: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// look returns the document of a view once it has the text that is waited for.
func look(t *testing.T, ctx context.Context, address, text string) (dom, title string) {
	t.Helper()
	if err := chromedp.Run(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(address)); err != nil { // a change of the fragment alone loads nothing
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		found := false
		err := chromedp.Run(ctx, chromedp.Evaluate("document.body.textContent.includes("+strconv.Quote(text)+")", &found))
		if err == nil && found {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %q does not appear: %v", address, text, err)
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
		{"now", "/", "1234 datagrams/s from 1 agents", []string{"bridge &lt;img src=x", "critical", `aria-current="page"`, "500 Mbit/s"}},
		{"explore", "/#explore?by=src&top=5", "1 keys, 1.00 MB in 3 samples", []string{"&lt;script&gt;"}},
		{"explore with a mistake", "/#explore?by=src&filter=x", "column 1:", []string{"column 1: &lt;img", `class="problem"`}},
		{"agents", "/#agents", "1 agents", []string{"192.0.2.7", "&lt;script&gt;"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dom, title := look(t, ctx, at+c.view, c.wait)
			for _, w := range c.want {
				if !strings.Contains(dom, w) {
					t.Errorf("%q is not shown in\n%s", w, dom)
				}
			}
			if title != "weir" || strings.Contains(dom, `<img src="x"`) {
				t.Errorf("a name became markup, title %q:\n%s", title, dom)
			}
		})
	}
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
	size := 0
	for _, f := range []string{"/", "/page/app.js", "/page/chart.js", "/page/style.css"} {
		r, err := http.Get(at + f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatal(f, r.StatusCode, err)
		}
		_ = r.Body.Close() // it was read
		size += len(b)
	}
	if size > 150<<10 {
		t.Errorf("the page is %d octets, at most 150 kB wanted", size)
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
