package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/collector/store"
)

func TestEraseAsksFirstAndNeedsTheDirectoryAlone(t *testing.T) {
	state := t.TempDir()
	conf := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(conf, []byte("state_dir: "+state+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no project", nil, 2, "--project: name the project"},
		{"not sure", []string{"--project", "p"}, 2, "what is erased cannot be brought back: add --yes"},
		{"no address", []string{"--project", "p", "--address", "cn7", "--yes"}, 2, `--address "cn7": write an IP address`},
		{"nothing kept", []string{"--project", "p", "--yes"}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, text := weir(t, append([]string{"--config", conf, "erase"}, c.args...)...)
			if code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("%d %s %s, want %d %s", code, out, text, c.code, c.want)
			}
		})
	}
	held, err := store.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if code, _, text := weir(t, "--config", conf, "erase", "--project", "p", "--yes"); code != 1 || !strings.Contains(text, "in use by process") {
		t.Errorf("while weir runs: %d %s", code, text)
	}
}
