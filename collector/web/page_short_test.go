package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"weir/collector/web"
)

// Where more is wrong than the page is told of, it says so and counts all of it.
func TestPageCountsIncidentsItIsNotTold(t *testing.T) {
	s := httptest.NewServer(web.LocalHandler(stormy{newLarge()}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	ctx := browser(t)
	look(t, ctx, s.URL+"/", "1 more incident is open: here are the gravest 100 of 101 alerts.")
	comesTrue(t, ctx, `document.querySelector(".tile .value").textContent === "101"`)
	comesTrue(t, ctx, `document.title.startsWith("(101) ")`)
	comesTrue(t, ctx, `document.querySelector("section[aria-label='Open incidents'] .note a").getAttribute("href").startsWith("#history")`)
	look(t, ctx, serve(t)+"/", "datagrams/s")
	comesTrue(t, ctx, `document.body.dataset.shown === "now" && document.querySelector("section[aria-label='Open incidents'] .note").hidden`)
}

// What is not known yet is not shown as nothing.
func TestPageSaysThatItWaits(t *testing.T) {
	never := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	recent := fmt.Sprintf(`{"from":%q,"to":%q,"step":2,"rows":[]}`, time.Now().Add(-2*time.Minute).Format(time.RFC3339), time.Now().Format(time.RFC3339))
	ctx := browser(t)
	at := but(t, shown{}, map[string]http.HandlerFunc{"/api/v1/live": never, "/api/v1/lookback": never, "/api/v1/lookback/flows": never, "/api/v1/agents/overview": never})
	look(t, ctx, at+"/#agents", "not used.")
	comesTrue(t, ctx, `document.querySelector("#view section").textContent.includes("Reading…")`)
	look(t, ctx, at+"/", "Largest flows")
	comesTrue(t, ctx, `document.querySelector("section[aria-label='Largest flows']").textContent.includes("Listening…")`)

	at = but(t, shown{}, map[string]http.HandlerFunc{"/api/v1/lookback/flows": says(recent)})
	look(t, ctx, at+"/#agents", "1 agent")
	comesTrue(t, ctx, `document.body.dataset.shown === "agents" && !document.body.textContent.includes("Reading…")`)
	look(t, ctx, at+"/", "No flow was sampled in these two minutes.")
}

// A last step that has only begun is in the table and not in the chart, which is said.
func TestChartSaysWhatItLacks(t *testing.T) {
	row := func(step int) string {
		return fmt.Sprintf(`{"key":["192.0.2.9"],"step":%d,"bytes":1e6,"low":9e5,"high":2e6,"packets":7,"packets_low":6,"packets_high":8,"samples":5,"points":1}`, step)
	}
	answer := `{"files":1,"keys":1,"rows":[%s],"scanned":5,"skipped":0,"total":` + row(0) + `}`
	ctx := browser(t)
	for _, c := range []struct {
		name, from string
		last       int
		says       bool
	}{
		{"a last step that has begun", "-15m1s", 60, true}, // of steps of 15 s the last has lasted one
		{"traffic before it alone", "-15m1s", 59, false},
		{"a last step that is whole", "-15m", 89, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := but(t, shown{}, map[string]http.HandlerFunc{"/api/v1/flows": func(w http.ResponseWriter, r *http.Request) {
				rows := row(0)
				if r.URL.Query().Has("step") {
					rows += "," + row(c.last)
				}
				says(fmt.Sprintf(answer, rows))(w, r)
			}})
			look(t, ctx, at+"/#explore?by=dst&from="+c.from, "1 key")
			comesTrue(t, ctx, `Boolean(document.querySelector(".chart path"))`)
			const note = `document.querySelector(".chart + .note")`
			if c.says {
				comesTrue(t, ctx, "!"+note+`.hidden && /^Not in the chart yet, and in the table: the last .* of a step of 15 s\.$/.test(`+note+".textContent)")
			} else {
				comesTrue(t, ctx, note+".hidden")
			}
		})
	}
}

// A chart of what began at a fixed time is asked up to the moment that its rates are
// reckoned with: up to a later one its last step would show more than there was.
func TestChartIsAskedUpToTheTimeItIsDrawnTo(t *testing.T) {
	to := make(chan string, 10)
	at := but(t, shown{}, map[string]http.HandlerFunc{"/api/v1/flows": func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("step") {
			to <- r.URL.Query().Get("to")
		}
		says(`{"files":1,"keys":1,"rows":[{"key":["192.0.2.9"],"step":0,"bytes":1e6,"low":9e5,"high":2e6}],"scanned":5,"skipped":0,"total":{"bytes":1e6,"low":9e5,"high":2e6,"samples":5}}`)(w, r)
	}})
	ctx := browser(t)
	began := time.Now().Add(-time.Minute)
	look(t, ctx, at+"/#explore?by=dst&from="+began.UTC().Format("2006-01-02T15:04:05Z"), "1 key")
	select {
	case said := <-to:
		if end, err := time.Parse(time.RFC3339, said); err != nil || end.Before(began) {
			t.Errorf("the chart is asked up to %q", said)
		}
	case <-time.After(patience):
		t.Fatal("no chart is asked for")
	}
}

// inside says whether the table of a card is no wider than what is seen of it.
func inside(card string) string {
	return `((s) => Boolean(s) && s.scrollWidth <= s.clientWidth)(document.querySelector("section[aria-label='` + card + `'] .scroll"))`
}

// All columns of the flows around an incident are seen.
func TestFlowsAroundAnIncidentAreSeenWhole(t *testing.T) {
	const sums = `"bytes":36600000,"low":31500000,"high":42300000,"packets":36600,"packets_low":31500,"packets_high":42300,"samples":18300,"points":3`
	s := stage(t, "switch", "")
	at := but(t, s, map[string]http.HandlerFunc{"/api/v1/flows": says(`{"files":1,"keys":1,"rows":[{"key":["198.51.100.122","198.51.100.119","6","40002"],"step":0,` + sums + `}],"scanned":5,"skipped":0,"total":{` + sums + `}}`)})
	ctx := browser(t)
	looks(t, ctx, 1280, "light")
	look(t, ctx, at+"/#incident?id="+s.scene.Incident.ID, "seen at")
	comesTrue(t, ctx, inside("Flows around it"))
}

// In the window of a telephone nothing that matters is beyond its edge or cut off.
func TestNarrowPageCutsNothingOff(t *testing.T) {
	recent := fmt.Sprintf(`{"from":%q,"to":%q,"step":2,"rows":[{"key":["198.51.100.122","198.51.100.119","6","40002","443"],"step":59,"bytes":1.215e7,"low":9e6,"high":2e7,"points":1}]}`, time.Now().Add(-2*time.Minute).Format(time.RFC3339), time.Now().Format(time.RFC3339))
	at, ctx := but(t, shown{}, map[string]http.HandlerFunc{"/api/v1/lookback/flows": says(recent)}), browser(t)
	looks(t, ctx, 360, "dark")
	look(t, ctx, at+"/#history", "1 change")
	comesTrue(t, ctx, inside("Alerts"))
	look(t, ctx, at+"/", "48.6 Mbit/s")
	comesTrue(t, ctx, inside("Largest flows"))
	comesTrue(t, ctx, `[...document.querySelectorAll(".tile .name")].some((e) => e.textContent === "largest flow" && e.previousSibling.textContent === "48.6 Mbit/s")`)
	comesTrue(t, ctx, `[...document.querySelectorAll(".tile .name")].every((e) => e.scrollWidth <= e.clientWidth)`)
}
