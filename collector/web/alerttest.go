package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"weir/collector/web/access"
	"weir/collector/web/audit"
)

// SinkAnswer is what became of a test alert at one sink.
type SinkAnswer struct {
	Sink    string   `json:"sink"`
	Type    string   `json:"type"`
	Answers []string `json:"answers"`         // of the other side
	Error   string   `json:"error,omitempty"` // "" where it arrived
	Seconds float64  `json:"seconds"`
}

// AlertTester is a Source that can send test alerts.
type AlertTester interface {
	// TestAlerts sends a test to the sink named, or to all for "".
	TestAlerts(ctx context.Context, sink string) ([]SinkAnswer, error)
}

// testRoute sends test alerts.
func testRoute(t AlertTester) Route {
	return Route{
		Method: "POST", Path: "/api/v1/alerts/test", Needs: access.Operator, Audit: audit.Change, Summary: "Send a test alert to the sinks and tell what they answer.",
		Params: []Param{{Name: "sink", Says: "name of the only sink; all without"}}, Answer: []SinkAnswer{},
		Serve: func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(testTime + 5*time.Second)) // else the server's holds
			got, err := t.TestAlerts(r.Context(), r.URL.Query().Get("sink"))
			if err != nil {
				refuse(w, asked(err))
				return
			}
			for i := range got {
				got[i].Answers = orEmpty(got[i].Answers)
			}
			writeJSON(w, http.StatusOK, got)
		},
	}
}

// testTime is how long a client waits for the answers of all sinks.
const testTime = 28 * time.Second

// TestAlerts asks the collector that runs with stateDir to send a test to the
// sink named, or to all for "".
func TestAlerts(ctx context.Context, stateDir, sink string) (got []SinkAnswer, err error) {
	return got, ask(ctx, stateDir, http.MethodPost, "api/v1/alerts/test?"+url.Values{"sink": {sink}}.Encode(), nil, testTime, &got)
}
