package alertmanager

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/sink/message"
	"weir/collector/sink/post"
	"weir/collector/sink/sinktest"
	"weir/detect"
)

func send(t *testing.T, s *Sink, batch ...detect.Alert) {
	t.Helper()
	if err := s.Send(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func TestAlertmanagerHoldsWhatIsOpen(t *testing.T) {
	am := sinktest.NewAlertmanager(t)
	s := New(post.New(post.Config{URL: am.URL}), &message.Writer{Site: "fra1", Runbook: "https://wiki.example/{kind}", Link: "https://weir.example/{id}"})
	first := sinktest.Alert(1, detect.Start, "Ethernet12")
	send(t, s, first, sinktest.Alert(2, detect.Start, sinktest.Hostile))
	got := am.Alerts(t)
	if len(got) != 2 {
		t.Fatalf("%d alerts, want 2", len(got))
	}
	slices.SortFunc(got, func(a, b sinktest.GotAlert) int {
		return strings.Compare(a.Labels["subject"], b.Labels["subject"])
	})
	want := map[string]string{"kind": "large_flow", "severity": "critical", "site": "fra1", "subject": "underlay 6 10.0.0.1:443 10.0.1.9:51332"}
	if diff := cmp.Diff(want, got[0].Labels); diff != "" {
		t.Errorf("labels (-want +got)\n%s", diff)
	}
	notes := got[0].Annotations
	if notes["summary"] != "CRITICAL fra1: Large flow 1.2 Gbit/s (0.9-1.5) 10.0.0.1:443 -> 10.0.1.9:51332 TCP on leaf1 Ethernet12, 0.6 s after its first sample" ||
		notes["runbook_url"] != "https://wiki.example/large_flow" || notes["id"] != first.ID || !strings.HasPrefix(got[0].StartsAt, "2026-03-01T11:59:52") {
		t.Errorf("annotations %v, starts %s", notes, got[0].StartsAt)
	}
	if ends, err := time.Parse(time.RFC3339, got[0].EndsAt); err != nil || time.Until(ends) < 2*time.Minute || time.Until(ends) > Holds {
		t.Errorf("ends at %s, want in three minutes", got[0].EndsAt)
	}

	// Another severity is another alert there: the old one ends.
	first.Severity = detect.Warning
	send(t, s, first)
	end := sinktest.Alert(2, detect.End, "x")
	send(t, s, end)
	got = am.Alerts(t)
	if len(got) != 1 || got[0].Labels["severity"] != "warning" {
		t.Errorf("%+v, want one warning", got)
	}
	before := got[0].EndsAt
	time.Sleep(10 * time.Millisecond)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got = am.Alerts(t); len(got) != 1 || got[0].EndsAt <= before {
		t.Errorf("after %s %+v, want it prolonged", before, got)
	}
	first.Change = detect.End
	send(t, s, first)
	if got = am.Alerts(t); len(got) != 0 {
		t.Errorf("%+v, want none", got)
	}
	if err := s.Refresh(t.Context()); err != nil || len(am.Alerts(t)) != 0 {
		t.Errorf("what ended comes back, or %v", err)
	}
	if err := s.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	am.Stop()
	if err := s.Probe(t.Context()); err == nil {
		t.Error("the probe finds one that is gone")
	}
}

// Two collectors that are fed the same sFlow are one alert, whatever each of
// them estimates and calls it.
func TestTwoCollectorsAreOneAlert(t *testing.T) {
	am := sinktest.NewAlertmanager(t)
	for _, name := range []string{"Ethernet12", "swp2"} {
		s := New(post.New(post.Config{URL: am.URL}), &message.Writer{Site: "fra1"})
		send(t, s, sinktest.Alert(1, detect.Start, name))
	}
	if got := am.Alerts(t); len(got) != 1 {
		t.Errorf("%d alerts, want one", len(got))
	}
}

// A repetition on its way never overtakes an end.
func TestAlertmanagerEndsWhileItRepeats(t *testing.T) {
	var ends []time.Time
	posted := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var all []alert
		b, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(b, &all)
		for _, a := range all {
			ends = append(ends, a.EndsAt) // requests come one by one
		}
		select {
		case posted <- struct{}{}:
		default:
		}
		time.Sleep(20 * time.Millisecond)
	}))
	defer srv.Close()
	s := New(post.New(post.Config{URL: srv.URL}), &message.Writer{})
	send(t, s, sinktest.Alert(1, detect.Start, "x"))
	<-posted
	done := make(chan error)
	go func() { done <- s.Refresh(context.Background()) }()
	<-posted
	send(t, s, sinktest.Alert(1, detect.End, "x"))
	if err := <-done; err != nil {
		t.Error(err)
	}
	if last := ends[len(ends)-1]; len(ends) != 3 || time.Until(last) > 0 {
		t.Errorf("ends %v, want the last one now", ends)
	}
}
