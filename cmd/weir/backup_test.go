package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/collector/config"
	"weir/collector/store"
	"weir/detect"
)

// because is evidence of a test.
type because string

func (b because) Line() string { return string(b) }

// A backup is made while the state is held by somebody, and is proved.
func TestBackupOfWhatIsInUse(t *testing.T) {
	state, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	held, err := store.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	log, err := store.OpenAlertLog(state, store.AlertLogConfig{MaxBytes: 1 << 20, MaxAge: time.Hour, EvidenceAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	log.Put(&detect.Alert{At: time.Now(), ID: "abc-1", Seq: 1, Change: detect.Start, Kind: detect.LargeFlow, Subject: &detect.FloodSubject{}, Evidence: because("it was so")})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { log.Run(ctx); close(done) }()
	stop()
	<-done
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(conf, []byte("state_dir: "+state+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	more := filepath.Join(filepath.Dir(conf), "conf.d")
	if err := os.Mkdir(more, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(more, "site.yaml"), []byte("site: fra1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	added := config.Added{Keys: []config.AddedKey{{By: "Ada", Key: "dst_as: bytes"}}}
	if err := added.Write(state); err != nil {
		t.Fatal(err)
	}
	code, out, text := weir(t, "--config", conf, "backup", to)
	if code != 0 || !strings.Contains(out, "1 changes of alerts, head 1:") {
		t.Fatalf("%d %s %s", code, out, text)
	}
	if st, err := os.Stat(filepath.Join(to, "state.db")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the copy: %v, %v, want it for its owner alone", st, err)
	}
	for _, name := range []string{"state.db", "weir.yaml", "conf.d/site.yaml"} {
		if _, err := os.Stat(filepath.Join(to, name)); err != nil {
			t.Error(err)
		}
	}
	if got, err := config.ReadAdded(to); err != nil || len(got.Keys) != 1 || got.Keys[0].Key != "dst_as: bytes" {
		t.Errorf("added in the copy: %v, %v", got, err)
	}
	if code, _, text := weir(t, "--config", conf, "backup", to); code == 0 || !strings.Contains(text, "is not empty: name a new directory") {
		t.Errorf("a second time: %d %s", code, text)
	}
}
