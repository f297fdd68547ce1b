package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"weir/collector/care"
	"weir/collector/web"
	"weir/detect"
	"weir/detect/site"
)

// staged is a collector of a site in trouble whose root is a parent, as the site
// itself has said it.
type staged struct {
	shown
	scene struct {
		Incident site.Incident          `json:"incident"`
		Overview site.Overview          `json:"overview"`
		Branches map[string]site.Branch `json:"branches"`
	}
	mark string // is in all that has a name
}

// scenes are the parents, with what the page must say of each.
var scenes = []struct {
	name     string
	says     []string // in the view of the incident
	affected int
}{
	{"switch", []string{"node down", "3 × telemetry silent", "12 not observable", "silence could not be judged, until ", "it was held up", "≤ 4", "agent in (10.0.0.2, "}, 3},
	{"lag", []string{"interface down", "2 × interface down", "≤ "}, 2},
	{"vlan", []string{"instance unreachable", "12 × instance unreachable", "cn2"}, 12},
	{"network", []string{"instance unreachable", "12 × instance unreachable", "cn2"}, 12},
	{"router", []string{"instance unreachable", "12 × instance unreachable", "cn2"}, 12},
}

// nameMembers are the members of a scene that have what somebody else has written.
var nameMembers = []string{"name", "node", "what", "was", "is", "line", "summary", "cause", "blind", "project", "label", "port", "observed", "alerts", "skew", "status", "entity"}

// stage reads a scene as if it began a minute ago; mark is put behind each name.
func stage(t *testing.T, name, mark string) *staged {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "detect", "site", "testdata", "scenes", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	began, err := time.Parse(time.RFC3339, all["incident"].(map[string]any)["began"].(string))
	if err != nil {
		t.Fatal(err)
	}
	shift := time.Since(began) - time.Minute
	var walk func(v any, named bool) any
	walk = func(v any, named bool) any {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				v[k] = walk(v[k], slices.Contains(nameMembers, k))
			}
		case []any:
			for i := range v {
				v[i] = walk(v[i], named)
			}
		case string:
			if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
				return at.Add(shift).Format(time.RFC3339Nano)
			}
			if named && v != "" {
				return v + mark
			}
		}
		return v
	}
	b, err = json.Marshal(walk(all, false))
	if err != nil {
		t.Fatal(err)
	}
	s := &staged{mark: mark}
	if err := json.Unmarshal(b, &s.scene); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *staged) AlertList() []*web.AlertView {
	i := &s.scene.Incident
	deed := &care.Care{Ack: &care.Deed{Do: care.Ack, At: time.Now(), By: "Ada" + s.mark, Note: "looked at, cabling" + s.mark}}
	at := time.Time(i.Began)
	return []*web.AlertView{
		{ID: i.ID, Incident: i.ID, At: at, Started: at, Kind: string(i.Kind), State: string(i.State), Severity: string(i.Severity), Line: i.Line, Affected: i.Affected, Alert: i.Root, Care: deed},
		{ID: "r-1", At: at, Started: at, Kind: string(detect.Rule), State: "confirmed", Severity: "warning", Line: `rule "busy` + s.mark + `" instance=web-1`,
			Alert: raw(map[string]any{"id": "r-1", "kind": "rule", "subject": map[string]any{"rule": "busy" + s.mark, "instance": map[string]any{"name": "web-1" + s.mark}}, "evidence": map[string]any{"filter": "dst = x" + s.mark, "group": s.mark}})},
	}
}

func (s *staged) Incident(_ context.Context, id string) (site.Incident, error) {
	if id != s.scene.Incident.ID {
		return site.Incident{}, fmt.Errorf("incident %q: is none that is kept", id)
	}
	return s.scene.Incident, nil
}

func (s *staged) Windows() []site.Window {
	return []site.Window{{ID: "w-1", Subject: "cn7" + s.mark, Owner: "Bob" + s.mark, Reason: "new firmware" + s.mark, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}}
}

func (s *staged) SiteOverview(context.Context) (site.Overview, error) { return s.scene.Overview, nil }

func (s *staged) SiteBranch(_ context.Context, key string) (site.Branch, error) {
	b, ok := s.scene.Branches[key]
	if !ok {
		return b, fmt.Errorf("node %q: is none", key)
	}
	return b, nil
}

// eyes are how people look at the page.
var eyes = []struct {
	name   string
	width  int64
	scheme string
}{{"light", 1280, "light"}, {"dark", 1280, "dark"}, {"small", 360, "dark"}}

// looks has the browser look so.
func looks(t *testing.T, ctx context.Context, width int64, scheme string) {
	t.Helper()
	media := emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}})
	if err := chromedp.Run(ctx, media, chromedp.EmulateViewport(width, 900)); err != nil {
		t.Fatal(err)
	}
}

// picture keeps what is seen in the directory of WEIR_SCREENSHOTS.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("WEIR_SCREENSHOTS")
	if dir == "" {
		return
	}
	var shot []byte
	if err := chromedp.Run(ctx, chromedp.Sleep(700*time.Millisecond), chromedp.FullScreenshot(&shot, 90)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".jpg"), shot, 0o644); err != nil {
		t.Fatal(err)
	}
}

// fitsIn checks that a view is no wider than the window, and is to be read: its text
// stands out from what is behind it.
func fitsIn(t *testing.T, ctx context.Context, width int64) {
	t.Helper()
	var wide int64
	var faint []string
	if err := chromedp.Run(ctx, chromedp.Evaluate("document.documentElement.scrollWidth", &wide), chromedp.Evaluate(faintText, &faint)); err != nil {
		t.Fatal(err)
	}
	if wide > width {
		t.Errorf("is %d wide, the window %d", wide, width)
	}
	if len(faint) > 0 {
		t.Errorf("hard to read: %s", faint)
	}
}

// faintText lists texts whose contrast is below 3:1.
const faintText = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (c) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 200) return c; } return [255, 255, 255, 255]; };
  const out = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walk.nextNode()) && out.size < 10;) {
    const e = n.parentElement;
    if (!n.data.trim() || !e.getClientRects().length || e.closest("svg, dialog, option")) continue;
    const a = light(rgba(getComputedStyle(e).color)), b = light(behind(e));
    if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 3) out.add(e.className + ": " + n.data.trim().slice(0, 40));
  }
  return [...out];
})()`

// Parents are on top of what they took along, on every view, with hostile names in
// all that has one, in light and dark, and in a small window.
func TestParentsInABrowser(t *testing.T) {
	ctx := browser(t)
	for i, c := range scenes {
		mark := ""
		if i%2 == 1 || c.name == "vlan" {
			mark = hostile
		}
		s := stage(t, c.name, mark)
		srv := httptest.NewServer(web.LocalHandler(s))
		t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
		for k, eye := range eyes {
			if k != i%len(eyes) && c.name != "switch" {
				continue
			}
			looks(t, ctx, eye.width, eye.scheme)
			for _, v := range []struct {
				name, view, wait string
				says             []string
			}{
				{"incident", "#incident?id=" + s.scene.Incident.ID, "What happened, in order", append([]string{fmt.Sprintf("Affected: %d", c.affected), "Usual causes", "looked at, cabling"}, c.says...)},
				{"site", "#site", fmt.Sprintf("%d node", len(s.scene.Overview.Nodes)), []string{"not observable", "well", "br-int"}},
				{"branch", "#site?node=" + s.scene.Overview.Nodes[0].Key, "heard ", []string{"as an agent"}},
				{"now", "#now", "Planned work", []string{fmt.Sprintf("%d affected", c.affected), "new firmware", "busy", "looked after by"}},
			} {
				t.Run(c.name+" "+eye.name+" "+v.name, func(t *testing.T) {
					dom, title := look(t, ctx, srv.URL+"/"+v.view, v.wait)
					var text string
					missing := func(w string) bool { return !strings.Contains(text, w) }
					for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
						if err := chromedp.Run(ctx, chromedp.Evaluate("document.body.textContent", &text), chromedp.OuterHTML("html", &dom), chromedp.Title(&title)); err != nil {
							t.Fatal(err)
						}
						if !slices.ContainsFunc(v.says, missing) || time.Now().After(end) {
							break
						}
					}
					if n := slices.IndexFunc(v.says, missing); n >= 0 {
						t.Errorf("%q is not shown in\n%s", v.says[n], text)
					}
					if strings.Contains(title, "taken") || strings.Contains(dom, `<img src="x"`) || strings.Contains(dom, "<script>document") || mark != "" && !strings.Contains(dom, "&lt;img") {
						t.Errorf("a name became markup, or none is shown, title %q:\n%s", title, dom)
					}
					fitsIn(t, ctx, eye.width)
					picture(t, ctx, fmt.Sprintf("%s-%s-%s", c.name, eye.name, v.name))
				})
			}
		}
	}
}

// Whoever has no mouse comes from what is wrong to where it is, and back.
func TestKeyboardAlone(t *testing.T) {
	s := stage(t, "router", hostile)
	srv := httptest.NewServer(web.LocalHandler(s))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	ctx := browser(t)
	look(t, ctx, srv.URL+"/", "12 affected")
	// Tab reaches the incident after what is before it, in the order of the page.
	reached := false
	for range 30 {
		if err := chromedp.Run(ctx, chromedp.KeyEvent("\t"), chromedp.Evaluate(`Boolean(document.activeElement?.closest(".incident"))`, &reached)); err != nil {
			t.Fatal(err)
		}
		if reached {
			break
		}
	}
	if !reached {
		t.Fatal("Tab does not reach the incident")
	}
	// What is told of its alerts meanwhile makes it anew, and leaves who has reached it there.
	if err := chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(".incident").id = "before"`, nil), chromedp.WaitNotPresent("#before", chromedp.ByQuery),
		chromedp.Evaluate(`Boolean(document.activeElement?.closest(".incident"))`, &reached)); err != nil {
		t.Fatal(err)
	}
	if !reached {
		t.Fatal("an incident of which something is told loses the focus")
	}
	for _, c := range []struct{ key, shown, says string }{
		{"\r", "incident", "What happened, in order"},
		{"2", "site", "not observable"},
		{"\b", "incident", "What happened, in order"},
		{"1", "now", "12 affected"},
		{"5", "history", "beginnings and ends"},
	} {
		if err := chromedp.Run(ctx, chromedp.KeyEvent(c.key), chromedp.WaitReady("body[data-shown="+c.shown+"]")); err != nil {
			t.Fatalf("%q: %v", c.key, err)
		}
		var text string
		for end := time.Now().Add(patience); !strings.Contains(text, c.says) && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if err := chromedp.Run(ctx, chromedp.Evaluate("document.body.textContent", &text)); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(text, c.says) {
			t.Errorf("after %q %q is not shown in\n%s", c.key, c.says, text)
		}
	}
}

// What explains a view goes with it.
func TestHelpClosesWithItsView(t *testing.T) {
	at, ctx := serve(t), browser(t)
	look(t, ctx, at+"/", "500 Mbit/s")
	const opened = `document.getElementById("help").open`
	var before, after bool
	if err := chromedp.Run(ctx, chromedp.KeyEvent("?"), chromedp.Evaluate(opened, &before),
		chromedp.Evaluate(`location.hash = "#history"`, nil), chromedp.WaitReady("body[data-shown=history]"), chromedp.Evaluate(opened, &after)); err != nil {
		t.Fatal(err)
	}
	if !before || after {
		t.Errorf("the help is open %v, in the next view %v", before, after)
	}
	// Within a view, too: a branch of the site is an address.
	if err := chromedp.Run(ctx, chromedp.KeyEvent("2"), chromedp.WaitReady("body[data-shown=site]"), chromedp.KeyEvent("?"), chromedp.Evaluate(opened, &before),
		chromedp.Evaluate(`location.hash = "#site?node=192.0.2.7"`, nil), chromedp.WaitReady(".crumbs"), chromedp.Evaluate(opened, &after)); err != nil {
		t.Fatal(err)
	}
	if !before || after {
		t.Errorf("the help is open %v, in the next branch %v", before, after)
	}
}
