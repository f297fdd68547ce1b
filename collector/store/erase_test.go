package store

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weir/detect"
)

// saidJSON is a subject or evidence of a test.
type saidJSON string

func (s saidJSON) AppendCanonical(b []byte) []byte { return append(b, s...) }
func (s saidJSON) Line() string                    { return string(s) }
func (s saidJSON) MarshalJSON() ([]byte, error)    { return []byte(s), nil }

// putAll writes alerts to the history.
func putAll(t *testing.T, dir string, all ...detect.Alert) {
	t.Helper()
	l, err := OpenAlertLog(dir, AlertLogConfig{MaxBytes: 1 << 20, MaxAge: 1000 * time.Hour, EvidenceAge: 1000 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		l.Put(&all[i])
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	stop()
	<-done
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEraseKeepsTheChain(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveSite("model", []byte(`{"nodes":[],"open":[{"id":"a","subject":{"project":"secret-project"}},{"id":"b","subject":{"project":"other"}}]}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	alert := func(id, subject, evidence string) detect.Alert {
		return detect.Alert{At: now, ID: id, Seq: 1, Change: detect.Start, Kind: "instance_unreachable", Subject: saidJSON(subject), Evidence: saidJSON(evidence)}
	}
	putAll(t, dir,
		alert("a", `{"type":"instance","name":"secret-name","uuid":"secret-uuid","project":"secret-project","address":"10.9.9.9"}`, `{}`),
		alert("b", `{"type":"instance","name":"n","project":"other","address":"10.1.1.1"}`, `{}`),
		alert("c", `{"type":"bridge","node":"cn7"}`, `{"children":[{"subject":{"name":"secret-name","project":"secret-project"}}]}`),
		alert("d", `{"type":"bridge","node":"cn8"}`, `{"children":[]}`),
	)
	before, err := VerifyAlerts(t.Context(), dir, nil)
	if err != nil || before.Break != nil || before.Changes != 4 {
		t.Fatal(before, err)
	}
	got, err := EraseProject(t.Context(), dir, "secret-project", Named{}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := &Erased{Changes: 2, Open: 0, Alerts: []string{"a"}, Instances: []string{"secret-uuid"}, Addresses: []netip.Addr{netip.MustParseAddr("10.9.9.9")}}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	files, err := filepath.Glob(filepath.Join(dir, "state.db*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"secret", "10.9.9.9"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s still has %q", filepath.Base(path), word)
			}
		}
	}
	putAll(t, dir, alert("e", `{"type":"bridge","node":"cn9"}`, `{}`))
	proof, err := VerifyAlerts(t.Context(), dir, []Head{before.Head})
	if err != nil || proof.Break != nil || proof.Changes != 6 || proof.Erased != 2 || proof.Heads != 1 {
		t.Errorf("%+v, %v: want a whole chain of 6, 2 erased", proof, err)
	}

	// Who erases without saying so breaks it.
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Exec(`UPDATE alert_log SET line = 'erased', subject = '{}', evidence = NULL WHERE n = 2; INSERT INTO alert_erased VALUES (2)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if proof, err = VerifyAlerts(t.Context(), dir, nil); err != nil || proof.Break == nil || proof.Break.N != 2 {
		t.Errorf("%+v, %v: want a break at 2", proof, err)
	}
}
