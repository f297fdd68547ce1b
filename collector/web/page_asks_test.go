package web_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"weir/collector/web"
)

// heldTime has a page's time stand still, and its timers run when a test says so:
// passes(s) lets seconds go by, asked(path) counts what the page has asked for since.
const heldTime = `(() => {
  const began = Date.now(), ticks = [], paths = [], real = window.fetch;
  let ahead = 0;
  Date.now = () => began + ahead;
  window.setInterval = (f) => ticks.push(f);
  window.fetch = (path, options) => { paths.push(String(path).split("?")[0]); return real(path, options); };
  window.passes = (seconds) => { for (; seconds > 0; seconds--) { ahead += 1000; ticks.forEach((f) => f()); } };
  window.asked = (path) => paths.filter((p) => p.startsWith(path)).length;
})()`

// count returns a number that the page has.
func count(t *testing.T, ctx context.Context, expression string) (n int) {
	t.Helper()
	if err := chromedp.Run(ctx, chromedp.Evaluate(expression, &n)); err != nil {
		t.Fatal(err)
	}
	return n
}

// An incident that somebody looks at is asked for anew when the page is told that
// something has changed about it, and else every half minute; what its kind means is
// asked once.
func TestIncidentIsAskedForWhenItChanges(t *testing.T) {
	m := &minded{staged: stage(t, "switch", "")}
	s := httptest.NewServer(web.LocalHandler(m))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	ctx := browser(t)
	if err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(heldTime).Do(ctx)
		return err
	})); err != nil {
		t.Fatal(err)
	}
	look(t, ctx, s.URL+"/#incident?id="+m.scene.Incident.ID, "Usual causes")
	comesTrue(t, ctx, `document.getElementById("pulse").textContent.includes("datagrams/s")`)
	const asks = `asked("/api/v1/alerts")` // with which it begins
	first := count(t, ctx, asks)
	if n := count(t, ctx, `window.hero = document.querySelector(".hero").textContent, passes(29), `+asks); n != first {
		t.Errorf("nothing has changed for 29 s, and the incident was asked for %d times more", n-first)
	}
	comesTrue(t, ctx, `document.querySelector(".hero").textContent !== hero`)
	if n := count(t, ctx, `window.was = document.querySelector(".hero"), passes(2), `+asks); n != first+1 {
		t.Errorf("after half a minute it was asked for %d times more, want once", n-first)
	}
	comesTrue(t, ctx, `document.querySelector(".hero") !== was`)
	by := "Ada"
	m.by.Store(&by) // no time passes for the page from here on
	comesTrue(t, ctx, `document.querySelector(".care").textContent.includes("by Ada")`)
	if n := count(t, ctx, `asked("/api/v1/explain")`); n != 1 {
		t.Errorf("what its kind means was asked %d times, want once", n)
	}
}

// What is drawn anew leaves the focus where it is: whoever has no mouse would begin
// anew each second.
func TestFocusStays(t *testing.T) {
	at, ctx := serve(t), browser(t)
	look(t, ctx, at+"/", "500 Mbit/s")
	const tile = `document.querySelector("a.tile[href='#agents']")`
	if err := chromedp.Run(ctx, chromedp.Evaluate("window.was = "+tile+"; was.focus()", nil)); err != nil {
		t.Fatal(err)
	}
	comesTrue(t, ctx, tile+" !== was")
	comesTrue(t, ctx, tile+" === document.activeElement")

	// In an incident, a list that was opened stays open as well.
	m := &minded{staged: stage(t, "vlan", "")}
	s := httptest.NewServer(web.LocalHandler(m))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	look(t, ctx, s.URL+"/#incident?id="+m.scene.Incident.ID, "Usual causes")
	comesTrue(t, ctx, `Boolean(document.querySelector("details summary"))`)
	if err := chromedp.Run(ctx, chromedp.Evaluate(`window.was = document.querySelector("summary"); was.click(); was.focus()`, nil)); err != nil {
		t.Fatal(err)
	}
	by := "Ada"
	m.by.Store(&by)
	comesTrue(t, ctx, `document.querySelector(".care").textContent.includes("by Ada")`)
	comesTrue(t, ctx, `document.querySelector("summary") !== was && document.activeElement === document.querySelector("summary") && document.querySelector("details").open`)
}
