package store

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/care"
	"weir/detect"
)

// What large flows, floods and rules are about has addresses, and no project: those
// of its instances are erased all the same, and no others that look like them.
func TestEraseTakesAlertsThatNameAnInstance(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	now, node := time.Now(), netip.MustParseAddr("10.0.0.1")
	if err := s.SaveTenants([]Tenant{{
		Project: "secret-project", UUID: "0a1b-secret", Ports: []Port{{node, "tap-1"}},
		Addresses: []netip.Addr{netip.MustParseAddr("192.168.7.9"), netip.MustParseAddr("fd00::5")},
	}}, now, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveAlerts([]OpenAlert{
		{Key: "k1", Body: []byte(`{"subject":{"dst":"192.168.7.9"}}`)}, {Key: "k2", Body: []byte(`{"subject":{"dst":"192.168.7.90"}}`)},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	said := []struct{ id, subject, evidence string }{
		{"gone-flow", `{"src":"192.168.7.9","dst":"10.1.1.1"}`, `{}`},
		{"gone-line", `{"line":"large flow 10.1.1.1:4000 → 192.168.7.9:443 TCP"}`, `{}`},
		{"gone-evidence", `{"src":"198.51.100.1"}`, `{"targets":["10.1.1.1","192.168.7.9"]}`},
		{"gone-six", `{"line":"large flow [fd00::5]:443 → 10.1.1.1:4000"}`, `{}`},
		{"gone-named", `{"dst":"172.16.0.3"}`, `{}`},
		{"gone-orphan", `{"type":"domain","uuid":"0a1b-secret"}`, `{}`},
		{"gone-port", `{"type":"port","agent":"10.0.0.1","name":"tap-1"}`, `{}`},
		{"kept-port", `{"type":"port","agent":"10.0.0.2","name":"tap-1"}`, `{}`},
		{"kept-longer", `{"src":"192.168.7.90","dst":"1.192.168.7.9"}`, `{}`},
		{"kept-six", `{"src":"fd00::5:1","dst":"2001:fd00::5"}`, `{}`},
	}
	var all []detect.Alert
	for _, a := range said {
		all = append(all, detect.Alert{At: now, ID: a.id, Seq: 1, Change: detect.Start, Kind: "large_flow", Subject: saidJSON(a.subject), Evidence: saidJSON(a.evidence)})
	}
	putAll(t, dir, all...)
	l, err := OpenAlertLog(dir, AlertLogConfig{MaxBytes: 1 << 20, MaxAge: 1000 * time.Hour, EvidenceAge: 1000 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	for _, id := range []string{"gone-flow", "kept-longer"} {
		d := care.Deed{Do: care.Ack, At: now, By: "Ada", Note: "note about " + id}
		if err := l.Deed(ctx, AlertChange{ID: id, Kind: "large_flow"}, d); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	<-done
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := EraseProject(t.Context(), dir, "secret-project", Named{Addresses: []netip.Addr{netip.MustParseAddr("172.16.0.3")}}, now)
	if err != nil || e.Open != 1 {
		t.Errorf("%+v, %v: want one open alert gone", e, err)
	}
	a, err := QueryAlerts(t.Context(), dir, AlertQuery{From: now.Add(-time.Hour), To: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, c := range a.Alerts {
		if c.Change != eraseChange {
			got[c.ID+" "+c.Change] = c.Line == erasedText
		}
	}
	want := map[string]bool{"gone-flow ack": true, "kept-longer ack": false}
	for _, a := range said {
		want[a.id+" start"] = strings.HasPrefix(a.id, "gone")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("erased (-want +got)\n%s", diff)
	}
	if proof, err := VerifyAlerts(t.Context(), dir, nil); err != nil || proof.Break != nil || proof.Erased != 8 {
		t.Errorf("%+v, %v: want a whole chain, 8 erased", proof, err)
	}
}
