package store

import (
	"database/sql"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weir/collector/agents"
)

var day = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

func crowd(n int) []agents.Known {
	var all []agents.Known
	for i := range n {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		all = append(all, agents.Known{Agent: a, Source: a, Name: fmt.Sprintf("leaf-%d", i), First: day, Last: day.Add(time.Hour)})
	}
	return all
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func load(t *testing.T, s *Store) []agents.Known {
	t.Helper()
	known, err := s.LoadAgents()
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func save(t testing.TB, s *Store, known []agents.Known) {
	t.Helper()
	if err := s.SaveAgents(known); err != nil {
		t.Fatal(err)
	}
}

var sameAddr = cmpopts.EquateComparable(netip.Addr{})

func TestAgentsOutliveTheProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%", "state")
	want := []agents.Known{
		{Agent: netip.MustParseAddr("10.0.0.1"), Source: netip.MustParseAddr("10.0.0.9"), Name: "spine 'x'", First: day, Last: day.Add(1)},
		{Agent: netip.MustParseAddr("127.0.0.1"), Source: netip.MustParseAddr("10.0.0.1"), First: day, Last: day},
		{Agent: netip.MustParseAddr("127.0.0.1"), Source: netip.MustParseAddr("10.0.0.2"), First: day, Last: day},
		{Agent: netip.MustParseAddr("2001:db8::1"), Source: netip.MustParseAddr("2001:db8::2"), First: day, Last: day},
	}
	s := open(t, dir)
	save(t, s, want)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, load(t, open(t, dir)), sameAddr); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSaveWritesOnlyWhatChanged(t *testing.T) {
	s := open(t, t.TempDir())
	writes := func() (n int) {
		if err := s.db.QueryRow(`SELECT total_changes()`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	known := crowd(100)
	save(t, s, known)
	load(t, s)
	for _, c := range []struct {
		name   string
		change func()
		want   int
	}{
		{"nothing", func() {}, 0},
		{"heard a minute later", func() { known[3].Last = known[3].Last.Add(time.Minute) }, 0},
		{"heard an hour later", func() { known[3].Last = known[3].Last.Add(time.Hour) }, 1},
		{"renamed", func() { known[4].Name = "spine-4" }, 1},
		{"one more", func() { known = append(known, crowd(101)[100]) }, 1},
		{"ten gone", func() { known = known[10:] }, 10},
	} {
		c.change()
		before := writes()
		save(t, s, known)
		if n := writes() - before; n != c.want {
			t.Errorf("%s: %d rows written, want %d", c.name, n, c.want)
		}
	}
	if got := len(load(t, s)); got != 91 {
		t.Errorf("%d agents, want 91", got)
	}
}

func TestTenThousandAgentsAreSaved(t *testing.T) {
	s := open(t, t.TempDir())
	start := time.Now()
	save(t, s, crowd(10000))
	t.Logf("took %v", time.Since(start))
	if n := len(load(t, s)); n != 10000 {
		t.Errorf("%d agents", n)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	_, err := Open(dir)
	want := fmt.Sprintf("state_dir %s: in use by process %d: stop it, or set another state_dir", dir, os.Getpid())
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestUnusableStateIsOneLine(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, dir string)
		want    string
	}{
		{"a later version", func(t *testing.T, dir string) {
			s := open(t, dir)
			if _, err := s.db.Exec(`PRAGMA user_version = 99`); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}, fmt.Sprintf("has schema version 99, this weir knows up to %d", len(migrations))},
		{"another program's database", func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, stateFile))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(`CREATE TABLE songs (name TEXT)`); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}, "is another program's database"},
		{"no database", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(strings.Repeat("no database", 500)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is no state of weir, or damaged"},
		{"a directory in its place", func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, stateFile), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "state file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.prepare(t, dir)
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, c.want)
			}
		})
	}
}

func TestStateDirThatIsAFileIsOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.HasPrefix(err.Error(), "state_dir "+path+": ") {
		t.Errorf("got %v", err)
	}
}

func TestOlderFileIsBroughtToThisVersion(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	save(t, s, crowd(3))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	old := migrations
	defer func() { migrations = old }()

	migrations = append(slices.Clone(old), `CREATE TABLE alerts (id TEXT)`, `nonsense`)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "cannot be brought to this version") {
		t.Errorf("got %v", err)
	}
	migrations = append(slices.Clone(old), `CREATE TABLE alerts (id TEXT)`, `CREATE TABLE windows (id TEXT)`)
	s = open(t, dir)
	if n := len(load(t, s)); n != 3 {
		t.Errorf("%d agents, want 3", n)
	}
	if _, err := s.db.Exec(`INSERT INTO alerts VALUES ('x')`); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	migrations = old
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("has schema version %d, this weir knows up to %d", len(old)+2, len(old))) {
		t.Errorf("got %v", err)
	}
}

func TestSiteOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, body := range []string{"one", "two", "two"} {
		if err := s.SaveSite("model", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	for name, want := range map[string]string{"model": "two", "windows": ""} {
		if got, err := s.LoadSite(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}
