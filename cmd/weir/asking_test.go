package main

import (
	"os"
	"path/filepath"
	"testing"
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
