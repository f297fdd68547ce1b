package collector

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"weir/collector/web"
)

// What the page is told of the last minutes is each flow with its rate, read once
// for all who look.
func TestRecentFlowsAreReadOnceForAll(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(t))
	one := newExporter("192.0.2.11")
	r.stream(one, r.dial("127.0.0.11"), func() bool { return r.saw("start") })
	var x *web.Recent
	get := func() bool {
		code, _, body := r.fetch("/api/v1/lookback/flows")
		if code != http.StatusOK {
			t.Fatalf("%d %s", code, body)
		}
		if err := json.Unmarshal(body, &x); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(x.Rows, func(row web.RecentRow) bool {
			return len(row.Key) == 5 && row.Bytes > 0 && row.Low <= row.Bytes && row.Bytes <= row.High
		})
	}
	r.eventually("the flow on the page", get)
	if x.Step != 2 || x.To.Sub(x.From) != web.LookbackSeconds*time.Second || x.To.After(time.Now()) {
		t.Errorf("got %v to %v in steps of %v s", x.From, x.To, x.Step)
	}
	// It is good enough for a step at least, and then is not read.
	was := x.To
	r.app.recent.mu.Lock()
	if until := r.app.recent.until; until.Before(was.Add(recentLate + recentStep)) {
		t.Errorf("up to %v, is read anew at %v", was, until)
	}
	r.app.recent.until = time.Now().Add(time.Hour)
	r.app.recent.mu.Unlock()
	if get(); !x.To.Equal(was) {
		t.Errorf("read anew: to %v after %v", x.To, was)
	}
}
