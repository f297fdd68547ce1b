package main

import (
	"os"
	"path/filepath"
	"testing"

	"weir/collector/config"
)

func TestStateToAsk(t *testing.T) {
	tests := []struct {
		name             string
		own, service     string // a file in the directory
		wantOfTheService bool
	}{
		{"neither", "", "", false},
		{"the service alone", "", "state.db", true},
		{"one of this user's runs", "control.sock", "state.db", false},
		{"one of this user's has ended", "state.db", "state.db", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			own, service := t.TempDir(), t.TempDir()
			for dir, name := range map[string]string{own: tt.own, service: tt.service} {
				if name == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want := own
			if tt.wantOfTheService {
				want = service
			}
			if got := stateToAsk(own, service); got != want {
				t.Errorf("asks %s, want %s", got, want)
			}
		})
	}
}

// Without a configuration the history is asked that lies here, else that of the
// collector, which has left a link to it beside its state.
func TestHistoryToAskWithoutAConfiguration(t *testing.T) {
	if _, err := os.Stat(config.DefaultFile); err == nil {
		t.Skipf("there is a configuration, %s", config.DefaultFile)
	}
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("STATE_DIRECTORY", "")
	t.Chdir(dir)
	cfg, err := (&program{}).loadToAsk()
	if err != nil || cfg.HistoryDir() != filepath.Join(cfg.StateDir, "history") {
		t.Errorf("asks %s, %v, want that beside the state", cfg.HistoryDir(), err)
	}
	here := filepath.Join(dir, "weir-data")
	if err := os.Mkdir(here, 0o700); err != nil {
		t.Fatal(err)
	}
	if cfg, err = (&program{}).loadToAsk(); err != nil || cfg.HistoryDir() != here {
		t.Errorf("asks %s, %v, want %s", cfg.HistoryDir(), err, here)
	}
}
