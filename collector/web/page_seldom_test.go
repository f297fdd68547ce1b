package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"weir/collector/care"
	"weir/collector/web"
	"weir/detect/site"
)

// but serves the page of s, and answers some paths otherwise.
func but(t *testing.T, s web.PageSource, other map[string]http.HandlerFunc) string {
	t.Helper()
	page := web.LocalHandler(s)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if serve := other[r.URL.Path]; serve != nil {
			serve(w, r)
			return
		}
		page.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL
}

// says answers with a text.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) } // the browser may have gone
}

// comesTrue waits until an expression is true in the page.
func comesTrue(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	var is bool
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if err := chromedp.Run(ctx, chromedp.Evaluate(expression, &is)); err == nil && is {
			return
		} else if time.Now().After(end) {
			var text string
			_ = chromedp.Run(ctx, chromedp.Evaluate("document.body.innerText", &text))
			t.Fatalf("%s does not come true: %v in\n%s", expression, err, text)
		}
	}
}

// What comes seldom is shown as well as what comes always.
func TestPageOfWhatIsSeldom(t *testing.T) {
	row := fmt.Sprintf(`{"number":1,"agent":"192.0.2.7","source":"192.0.2.7","name":"leaf","hypervisor":false,"last_heard":%q,"interfaces":0,"down":0,"received":7,"lost":0,"sampling":[0,0],"effective":[0,0],"drops":0,"debt":0,"notes":[],"info":null}`, time.Now().Format(time.RFC3339))
	recent := fmt.Sprintf(`{"from":%q,"to":%q,"step":2,"rows":[{"key":["","","","",""],"step":59,"bytes":1e6,"low":9e5,"high":2e6,"points":1}]}`, time.Now().Add(-2*time.Minute).Format(time.RFC3339), time.Now().Format(time.RFC3339))
	odd := `[{"id":"b-1","at":"2026-01-01T00:00:00Z","started":"2026-01-01T00:00:00Z","kind":"rule","state":"confirmed","severity":"info","line":"a flow","alert":{"id":"b-1","subject":{"constructor":"somebody"},"evidence":{"constructor":"something","interface_speed":"9007199254740993","at":"2026-01-02T00:00:00Z"}}}]`
	at := but(t, shown{}, map[string]http.HandlerFunc{
		"/api/v1/agent":          says(row),
		"/api/v1/lookback/flows": says(recent),
		"/api/v1/alerts":         says(odd),
		"/api/v1/alerts/history": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"alerts":[`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	})
	ctx := browser(t)
	for _, c := range []struct {
		name, view, wait string
		not              []string
	}{
		{"an agent of which no more is known", "/#agents?agent=192.0.2.7", "It does as it says", []string{"Cannot read"}},
		{"a flow of no address and no protocol", "/", "– → –", []string{"undefined", "protocol"}},
		{"values of an alert with the names of what every object has", "/#incident?id=b-1", "constructorsomebody", []string{"[native code]"}},
		{"a speed that is no number of JSON", "/#incident?id=b-1", "speed of the link9.01 Pbit/s", nil},
		{"a time that is called so", "/#incident?id=b-1", "at2026-01-0", []string{"2026-01-02T"}},
		{"an answer that breaks off", "/#history?from=-7d", "weir does not answer", []string{"network error", "Failed to fetch"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			look(t, ctx, at+c.view, c.wait)
			var text string
			if err := chromedp.Run(ctx, chromedp.Evaluate("document.body.textContent", &text)); err != nil {
				t.Fatal(err)
			}
			for _, w := range c.not {
				if strings.Contains(text, w) {
					t.Errorf("%q is shown in\n%s", w, text)
				}
			}
		})
	}
}

// All of what is asked stands in the address, with the signs that mean something there.
func TestAddressKeepsWhatIsAsked(t *testing.T) {
	at, ctx := serve(t), browser(t)
	look(t, ctx, at+"/#history?from=-7d&subject=who?me&severity=critical", "1 change")
	comesTrue(t, ctx, `document.querySelector("[name=subject]").value === "who?me"`)
	comesTrue(t, ctx, `document.querySelector("[name=severity]").value === "critical"`)
}

// A browser that has no clipboard, as where the page is not from this machine nor by
// TLS, is offered none.
func TestNoLinkIsCopiedWithoutAClipboard(t *testing.T) {
	page := web.LocalHandler(shown{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "localhost"
		r.Header.Del("Origin")
		page.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	ctx := browser(t, chromedp.Flag("host-resolver-rules", "MAP weir.test 127.0.0.1"))
	look(t, ctx, strings.Replace(s.URL, "127.0.0.1", "weir.test", 1)+"/#explore?by=src", "JSON")
	var buttons string
	if err := chromedp.Run(ctx, chromedp.Evaluate(`[...document.querySelectorAll(".exports button")].map((b) => b.textContent).join()`, &buttons)); err != nil {
		t.Fatal(err)
	}
	if buttons != "CSV,JSON" {
		t.Errorf("offered are %s", buttons)
	}
}

// spaced is a site with a node whose key has a space, on which a bridge is without
// instances and another has one.
type spaced struct{ shown }

const spacedKey = "switch in rack 7"

func (spaced) SiteOverview(context.Context) (site.Overview, error) {
	return site.Overview{Bridges: 2, Instances: 1, Nodes: []site.NodeView{{
		Key: spacedKey, Name: "rack7", Kind: "hypervisor", Health: site.HealthGood, Self: site.HealthGood, Instances: 1,
		Bridges: []site.BridgeView{{Name: "br-ex", Health: site.HealthGood}, {Name: "br-int", Health: site.HealthGood, Instances: "g"}},
	}}}, nil
}

func (s spaced) SiteBranch(ctx context.Context, key string) (site.Branch, error) {
	if key != spacedKey {
		return site.Branch{}, fmt.Errorf("node %q: is none", key)
	}
	o, err := s.SiteOverview(ctx)
	return site.Branch{NodeView: o.Nodes[0], Speakers: []string{}, Links: []site.PortView{}, Parts: []site.BridgeBranch{
		{Name: "br-ex", Health: site.HealthGood},
		{Name: "br-int", Health: site.HealthGood, Instances: []site.InstanceView{{Name: "web-1", Health: site.HealthGood, Observed: []string{"agent"}}}},
	}}, err
}

// A branch opens whatever its key has in it, and a bridge without instances spoils
// no picture of others.
func TestBranchesOpen(t *testing.T) {
	s := httptest.NewServer(web.LocalHandler(spaced{}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	ctx := browser(t)
	look(t, ctx, s.URL+"/#site", "br-int")
	if err := chromedp.Run(ctx, chromedp.Click(`//a[contains(., "br-int")][@role="treeitem"]/button`)); err != nil {
		t.Fatal(err)
	}
	comesTrue(t, ctx, `[...document.querySelectorAll("[role=treeitem]")].some((e) => e.textContent.includes("web-1"))`)
	look(t, ctx, s.URL+"/#site?node="+strings.ReplaceAll(spacedKey, " ", "+"), "observed by")
}

// minded is a collector whose incident others look after while somebody looks at it.
type minded struct {
	*staged
	by atomic.Pointer[string]
}

func (m *minded) AlertList() []*web.AlertView {
	all := m.staged.AlertList()
	all[0].Care = nil
	if by := m.by.Load(); by != nil {
		all[0].Care = &care.Care{Ack: &care.Deed{Do: care.Ack, At: time.Time(m.scene.Incident.Began), By: *by}}
	}
	return all
}

// What somebody has written beside an alert is there still when others do something
// about it.
func TestNoteIsKept(t *testing.T) {
	m := &minded{staged: stage(t, "switch", "")}
	s := httptest.NewServer(web.LocalHandler(m))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	ctx := browser(t)
	look(t, ctx, s.URL+"/#incident?id="+m.scene.Incident.ID, "Acknowledge")
	const note = "cabling is looked at"
	if err := chromedp.Run(ctx, chromedp.SendKeys("[name=note]", note), chromedp.Evaluate("document.activeElement.blur()", nil)); err != nil {
		t.Fatal(err)
	}
	by := "Ada"
	m.by.Store(&by)
	comesTrue(t, ctx, `document.querySelector(".care").textContent.includes("by Ada")`)
	comesTrue(t, ctx, `document.querySelector("[name=note]").value === `+strconv.Quote(note))
}
