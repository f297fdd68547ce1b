package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func loadNodes(t *testing.T, s *Store) (all []string, damaged int) {
	t.Helper()
	damaged, err := s.LoadNodes(func(b []byte) { all = append(all, string(b)) })
	if err != nil {
		t.Fatal(err)
	}
	return all, damaged
}

func TestSaveNodes(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	save := func(refused int, nodes ...SiteNode) {
		t.Helper()
		if n, err := s.SaveNodes(nodes, now.Add(-time.Hour)); err != nil || n != refused {
			t.Fatalf("%d refused, %v, want %d", n, err, refused)
		}
	}
	save(0, SiteNode{"a", now, []byte(`{"a":1}`)}, SiteNode{"b", now.Add(-30 * time.Minute), []byte(`{"b":1}`)})
	save(0, SiteNode{"a", now, []byte(`{"a":2}`)})
	save(1, SiteNode{"a", now, bytes.Repeat([]byte("x"), maxText+1)}, SiteNode{"c", now, []byte(`{"c":1}`)})
	all, _ := loadNodes(t, s)
	if diff := cmp.Diff([]string{`{"b":1}`, `{"c":1}`}, all); diff != "" {
		t.Errorf("what does not fit is kept as it was (-want +got):\n%s", diff)
	}
	now = now.Add(40 * time.Minute) // b is old now
	save(0, SiteNode{"c", now, []byte(`{"c":2}`)})
	if _, err := s.db.Exec(`INSERT INTO site_nodes VALUES ('d', 1, 1, x'00')`); err != nil {
		t.Fatal(err)
	}
	all, damaged := loadNodes(t, s)
	if diff := cmp.Diff([]string{`{"c":2}`}, all); diff != "" || damaged != 1 {
		t.Errorf("%d damaged (-want +got):\n%s", damaged, diff)
	}
}

// TestInventedNodesFillNoDisk: what there is no place for is refused and counted, and
// the file stays small.
func TestInventedNodesFillNoDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < 2<<20 {
		fmt.Fprintf(&b, "%016x", random.Uint64())
	}
	body := []byte(b.String())
	refused := 0
	for i := range 80 {
		n, err := s.SaveNodes([]SiteNode{{fmt.Sprint(i), now, body}}, now.Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		refused += n
	}
	if want := 80 - maxNodesText/len(body); refused != want {
		t.Errorf("%d refused, want %d", refused, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if i, err := os.Stat(filepath.Join(dir, stateFile)); err != nil || i.Size() > maxNodesText {
		t.Errorf("%v, the file has %d octets", err, i.Size())
	}
}

// TestEraseTakesFromTheModel: nothing of a project is left in the model of the site,
// and all of the others.
func TestEraseTakesFromTheModel(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	body := `{"key":"10.0.0.1","more":7,"parts":{"carries":true,
		"instances":[{"uuid":"u1","name":"secret-name","project":"secret-project","macs":["fa:16:3e:00:00:01"]},{"uuid":"u2","project":"other"}],
		"ports":[{"index":1,"name":"tap-secret","uuid":"u1","macs":[{"mac":"fa:16:3e:00:00:02","ips":["192.168.7.9"]}]},{"index":2,"name":"tap-b","uuid":"u2"},{"index":3,"name":"eth0"}]},
		"learned":{"heard":"2026-05-01T12:00:00Z","sights":[{"mac":"fa:16:3e:00:00:02","node":"10.0.0.9"},{"mac":"fa:16:3e:00:00:03","node":"10.0.0.9"}]}}`
	if _, err := s.SaveNodes([]SiteNode{{"10.0.0.1", now, []byte(body)}, {"10.0.0.2", now, []byte(`{"key":"10.0.0.2"}`)}}, now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := &Erased{Model: 1, Instances: []string{"u1"}, Addresses: []netip.Addr{netip.MustParseAddr("192.168.7.9")}}
	same := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	found, err := FindProject(t.Context(), dir, "secret-project")
	if diff := cmp.Diff(want, found, same); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	e, err := EraseProject(t.Context(), dir, "secret-project", Named{}, now)
	if diff := cmp.Diff(want, e, same); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, _ := loadNodes(t, s)
	left := strings.Join(all, "\n")
	for text, is := range map[string]bool{
		"secret": false, "u1": false, "192.168.7.9": false, "fa:16:3e:00:00:01": false, "fa:16:3e:00:00:02": false,
		"u2": true, "tap-b": true, "eth0": true, "fa:16:3e:00:00:03": true, `"more":7`: true, `"carries":true`: true, "10.0.0.2": true,
	} {
		if strings.Contains(left, text) != is {
			t.Errorf("%q is left: %t, want %t\n%s", text, !is, is, left)
		}
	}
}
