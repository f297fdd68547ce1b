package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLogIsBoundedAndKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, 4096)
	for i := range 200 {
		if err := l.Put(Entry{Person: "Ada", What: Query, Path: "/api/v1/flows", Query: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{file, older} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.Size() > 4096 || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, st, err)
		}
	}
	got, err := l.Last(5, func(*Entry) bool { return true })
	if err != nil || len(got) != 5 || got[0].Query != "195" || got[4].Query != "199" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = l.Last(50, func(e *Entry) bool { return e.Query == "198" }); err != nil || len(got) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// What a crash cut is passed over, and nothing is glued to it.
func TestLogOutlivesACutLine(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(`{"person":"Ada","what":"query"}`+"\n"+`{"person":"Eve","wh`), 0o600); err != nil {
		t.Fatal(err)
	}
	l := New(dir, 0)
	if err := l.Put(Entry{Person: "Joe", What: Export}); err != nil {
		t.Fatal(err)
	}
	got, err := l.Last(10, func(*Entry) bool { return true })
	if err != nil || len(got) != 2 || got[0].Person != "Ada" || got[1].Person != "Joe" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLogCutsWhatIsLongAndCountsWhatIsLost(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, 0)
	if err := l.Put(Entry{What: Query, Query: strings.Repeat("é", 5000), Path: "/" + strings.Repeat("x", 1<<20)}); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(dir, file)); err != nil || st.Size() > 5000 {
		t.Errorf("%v, %v", st.Size(), err)
	}
	gone := New(filepath.Join(dir, "no", "such"), 0)
	if err := gone.Put(Entry{What: Query}); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	if _, _, lost, problem := gone.Stats(); lost != 1 || problem == "" {
		t.Errorf("lost %d, %q", lost, problem)
	}
}

// A collector and commands that read its files write to the same log: nothing is
// lost where one of them gives the full file its other name.
func TestLogIsSharedByProcesses(t *testing.T) {
	dir := t.TempDir()
	var all []*Log // each with a file of its own, as in processes of their own
	for range 4 {
		all = append(all, New(dir, 64<<10))
	}
	var wait sync.WaitGroup
	for i, l := range all {
		wait.Go(func() {
			for j := range 200 {
				if err := l.Put(Entry{Person: fmt.Sprint(i), What: Query, Query: fmt.Sprint(j)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	got, err := all[0].Last(1000, func(*Entry) bool { return true })
	if err != nil || len(got) != 800 {
		t.Errorf("%d entries of 800, %v", len(got), err)
	}
	st, err := os.Stat(filepath.Join(dir, older))
	if err != nil || st.Size() > 64<<10 || st.Size() < 32<<10 {
		t.Errorf("the older file: %v, %v", st, err)
	}
}

// Whoever cannot write lets others write: the file is free again.
func TestLogThatFailsHoldsNobodyUp(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path, []byte(`{"person":"Eve","wh`), 0o600); err != nil { // a line to be ended
		t.Fatal(err)
	}
	l := New(dir, 0)
	var err error
	if l.f, err = os.Open(path); err != nil { // which cannot be written to
		t.Fatal(err)
	}
	if err := l.Put(Entry{Person: "Ada", What: Query}); err == nil {
		t.Fatal("written into a file that is open to be read")
	}
	other, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("the file is held: %v", err)
	}
}
