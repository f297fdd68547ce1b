package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHistoryDirectoryHasAVersion(t *testing.T) {
	for _, c := range []struct{ name, before, want, after string }{
		{"new", "", "", "weir history 3\n"},
		{"of this version", "weir history 3\n", "", "weir history 3\n"},
		{"one older", "weir history 2\n", "", "weir history 3\n"},
		{"older", "weir history 0\n", "", "weir history 3\n"},
		{"newer", "weir history 7\n", "history directory DIR: is of version 7, this weir knows up to 3: run the newer weir, or set another history.dir", "weir history 7\n"},
		{"another's", "1.2.3", `DIR/VERSION: does not say "weir history" and a number: is this the directory of weir's history?`, "1.2.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, versionFile)
			if c.before != "" {
				if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			h, err := OpenHistory(dir)
			if err == nil {
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			}
			got := ""
			if err != nil {
				got = err.Error()
			}
			want := strings.ReplaceAll(c.want, "DIR", dir)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != c.after {
				t.Errorf("version %q afterwards, want %q: %v", b, c.after, err)
			}
		})
	}
}

// Two collectors may have a state_dir each and one history.dir by mistake.
func TestHistoryDirectoryIsHeldByOne(t *testing.T) {
	dir := t.TempDir()
	h, err := OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("history directory %s: in use by process %d: stop it, or set another history.dir", dir, os.Getpid())
	if _, err := OpenHistory(dir); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if h, err = OpenHistory(dir); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}
