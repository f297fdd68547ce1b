package collector

import (
	"os"
	"path/filepath"
	"testing"
)

// What is kept elsewhere is found from the state directory, wherever it was kept
// at earlier starts.
func TestHistoryElsewhereIsLinkedFromTheState(t *testing.T) {
	cfg := testConfig(t)
	link := filepath.Join(cfg.StateDir, "history")
	for range 2 {
		cfg.History.Dir = t.TempDir()
		start(t, cfg).stop()
		if at, err := os.Readlink(link); err != nil || at != cfg.History.Dir {
			t.Errorf("%s leads to %q, %v, want %s", link, at, err, cfg.History.Dir)
		}
	}
}

// A history in the state directory is not replaced by a link.
func TestHistoryInTheStateIsKept(t *testing.T) {
	cfg := testConfig(t)
	start(t, cfg).stop()
	cfg.History.Dir = t.TempDir()
	start(t, cfg).stop()
	if s, err := os.Lstat(filepath.Join(cfg.StateDir, "history")); err != nil || !s.IsDir() {
		t.Errorf("%v, %v, want the directory that was there", s, err)
	}
}
