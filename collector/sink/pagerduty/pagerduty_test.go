package pagerduty

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/collector/sink/post"
	"weir/collector/sink/sinktest"
	"weir/detect"
)

func TestPagerDutyTriggersAndResolvesByKey(t *testing.T) {
	var got []event
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var v event
		if err := json.Unmarshal(b, &v); err != nil || r.URL.Path != "/v2/enqueue" {
			t.Errorf("%s: %v: %s", r.URL.Path, err, b)
		}
		got = append(got, v)
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"status":"success"}`))
	}))
	defer srv.Close()
	s := New(post.New(post.Config{URL: srv.URL}), &message.Writer{Site: "fra1", Runbook: "https://wiki.example/{kind}"}, "r0uting")
	start := message.Redacted(sinktest.Alert(1, detect.Start, sinktest.Hostile))
	if err := s.Send(t.Context(), []detect.Alert{start, message.Redacted(sinktest.Alert(1, detect.End, "x"))}); err != nil {
		t.Fatal(err)
	}
	want := []event{
		{
			RoutingKey: "r0uting", Action: "trigger", DedupKey: "weir-" + start.Key, Client: "weir",
			Payload: &payload{
				Summary: "CRITICAL fra1: Large flow " + start.Key + ": details in weir, alert " + start.ID, Source: "fra1", Severity: "critical",
				Timestamp: "2026-03-01T11:59:52Z", Class: "large_flow", Details: map[string]string{
					"Where": "site fra1", "Since": "2026-03-01 11:59:52 UTC", "How sure": "confirmed", "Runbook": "https://wiki.example/large_flow",
					"Check first": "who owns the two addresses, and whether a backup or migration is due", "Alert": "critical large_flow, " + start.ID,
				},
			},
			Links: []link{{"https://wiki.example/large_flow", "Runbook"}},
		},
		{RoutingKey: "r0uting", Action: "resolve", DedupKey: "weir-" + start.Key},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPagerDutyIsAskedAgainWhenItSays(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer srv.Close()
	s := New(post.New(post.Config{URL: srv.URL}), &message.Writer{}, "k")
	err := s.Send(t.Context(), []detect.Alert{sinktest.Alert(1, detect.Start, "x")})
	if l, ok := errors.AsType[*sink.Later](err); !ok || l.After != 7*time.Second {
		t.Errorf("%v", err)
	}
}
