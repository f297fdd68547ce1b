package ovs

import (
	"testing"

	"weir/hostagent/source"
)

// TestPortsAreToldWhenTheyChange: a port whose index becomes known after it was
// told is told again with the next poll.
func TestPortsAreToldWhenTheyChange(t *testing.T) {
	s := New(Options{})
	p := &port{name: "tap1", ifaceID: "one"}
	s.view = newView()
	s.view.bridges["br-int"] = &bridge{name: "br-int", ports: map[string]*port{"tap1": p, "tap2": {name: "tap2", ifIndex: 9}}}
	for i, c := range []struct {
		do   func()
		told int
	}{
		{func() {}, 2},
		{func() {}, 0},
		{func() { p.ifIndex, p.link = 7, "up" }, 1},
		{func() {}, 0},
	} {
		c.do()
		var out source.Snapshot
		s.ports(&out)
		if out.Len() != c.told {
			t.Errorf("poll %d: %d ports told, want %d", i, out.Len(), c.told)
		}
	}
	if s.told["tap1"].ifIndex != 7 {
		t.Errorf("%+v", s.told["tap1"])
	}
}
