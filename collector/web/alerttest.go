package web

import (
	"context"
	"net/http"
	"net/url"
	"time"
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

// answerAlertTest serves POST /alert/test?sink=NAME.
func answerAlertTest(w http.ResponseWriter, r *http.Request, s Source) {
	t, ok := s.(AlertTester)
	if !ok {
		http.Error(w, "has no sinks", http.StatusNotFound)
		return
	}
	got, err := t.TestAlerts(r.Context(), r.URL.Query().Get("sink"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for i := range got {
		got[i].Answers = orEmpty(got[i].Answers)
	}
	writeJSON(w, http.StatusOK, got)
}

// testTime is how long a client waits for the answers of all sinks.
const testTime = 28 * time.Second

// TestAlerts asks the collector that runs with stateDir to send a test to the
// sink named, or to all for "".
func TestAlerts(ctx context.Context, stateDir, sink string) (got []SinkAnswer, err error) {
	return got, ask(ctx, stateDir, http.MethodPost, "alert/test?"+url.Values{"sink": {sink}}.Encode(), testTime, &got)
}
