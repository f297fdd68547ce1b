package store

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is erased of a project is what the model knew of its instances, those that
// have gone too, and nothing says so afterwards.
func TestEraseKnowsThePortsOfAProject(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	node, moved := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	ip := netip.MustParseAddr("192.168.7.9")
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	const keep = 400 * 24 * time.Hour
	for _, step := range []struct {
		days  int
		there []Tenant
	}{
		{-500, []Tenant{{Project: "secret-project", UUID: "long-gone", Ports: []Port{{node, "tap-old"}}}}},
		{-30, []Tenant{{Project: "secret-project", UUID: "gone", Ports: []Port{{node, "tap-gone"}}}}},
		{-1, []Tenant{{Project: "secret-project", UUID: "a", Ports: []Port{{node, "tap-a"}}, Addresses: []netip.Addr{ip}}}},
		{0, []Tenant{
			{Project: "secret-project", UUID: "a", Ports: []Port{{moved, "tap-a"}}},
			{Project: "other", UUID: "b", Ports: []Port{{node, "tap-b"}}},
		}},
	} {
		if err := s.SaveTenants(step.there, now.AddDate(0, 0, step.days), keep); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := &Erased{Instances: []string{"a", "gone"}, Addresses: []netip.Addr{ip}, Ports: []Port{{moved, "tap-a"}, {node, "tap-a"}, {node, "tap-gone"}}}
	found, err := FindProject(t.Context(), dir, "secret-project")
	if diff := cmp.Diff(want, found, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if _, err := EraseProject(t.Context(), dir, "secret-project", Named{}, now); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil || bytes.Contains(b, []byte("secret-project")) || bytes.Contains(b, []byte("tap-gone")) || !bytes.Contains(b, []byte("tap-b")) {
		t.Errorf("%v; what was erased is in the file, or what was not is gone", err)
	}
	if left, err := FindProject(t.Context(), dir, "secret-project"); err != nil || len(left.Ports) > 0 {
		t.Errorf("%+v, %v", left, err)
	}
}
