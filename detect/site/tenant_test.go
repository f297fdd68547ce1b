package site

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTenanciesNamePortsOfInstances(t *testing.T) {
	w := newWorld(t)
	a := w.node(2)
	w.run(3 * time.Second)
	agent := netip.MustParseAddr("10.0.0.2")
	want := []Tenancy{
		{Project: "acme", UUID: a.instances[0], Ports: []Tap{{agent, a.tap(0)}}},
		{Project: "acme", UUID: a.instances[1], Ports: []Tap{{agent, a.tap(1)}}},
	}
	got := w.site.Tenancies()
	for i := range got {
		got[i].Addresses = nil
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
