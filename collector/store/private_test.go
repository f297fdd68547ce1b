package store

import (
	"os"
	"path/filepath"
	"testing"
)

// TestStateFileIsPrivate: nobody but owner and group may read the state file and its
// journals, also where an earlier weir or a person left them open to all, and the
// directory too.
func TestStateFileIsPrivate(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		all, err := filepath.Glob(filepath.Join(dir, stateFile+"*"))
		if err != nil || len(all) == 0 {
			t.Fatalf("%q, %v", all, err)
		}
		for _, path := range all {
			if fi, err := os.Stat(path); err != nil || fi.Mode().Perm()&0o007 != 0 {
				t.Errorf("%s: %v, %v", path, fi.Mode(), err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, stateFile), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
