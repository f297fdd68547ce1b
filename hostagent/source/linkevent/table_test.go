package linkevent

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

func TestTableTellsEachChangeOnce(t *testing.T) {
	up := link{index: 3, name: "tap1", kind: "tap", admin: true, carrier: true, oper: operUp}
	with := func(f func(*link)) link {
		l := up
		f(&l)
		return l
	}
	down := with(func(l *link) { l.oper, l.carrier = 2, false })
	bridge := link{index: 9, name: "br0", kind: "bridge", admin: true, carrier: true, oper: operUp}
	other := link{index: 8, name: "br1", kind: "bridge", admin: true, oper: 2}
	bond := link{index: 7, name: "bond0", kind: "bond", admin: true, oper: operUp}
	in := func(master uint32) link { return with(func(l *link) { l.master = master }) }
	for _, c := range []struct {
		name string
		then []link // announced after up, br0, br1 and bond0
		gone uint32
		want []string // name subject before>after reason
	}{
		{"the same again", []link{up, up, up}, 0, nil},
		{"only counters moved", []link{with(func(l *link) { l.stats.rxBytes = 7 })}, 0, nil},
		{"carrier lost, told five times", []link{down, down, down, down, down}, 0, []string{"link_down tap1 up>down carrier oper"}},
		{"down and up", []link{down, up}, 0, []string{"link_down tap1 up>down carrier oper", "link_up tap1 down>up carrier oper"}},
		{"up before it carries", []link{
			with(func(l *link) { l.admin, l.carrier, l.oper = false, false, 2 }),
			with(func(l *link) { l.oper = 2 }), up,
		}, 0, []string{"link_down tap1 up>down admin carrier oper", "link_changed tap1 down>down admin carrier", "link_up tap1 down>up oper"}},
		{"renamed", []link{with(func(l *link) { l.name = "tap2" })}, 0, []string{"link_renamed tap2 tap1>tap2 "}},
		{"joins a bridge", []link{in(9), in(9)}, 0, []string{"bridge_port_added br0 > ", "link_changed tap1 up>up master"}},
		{"changes bridges", []link{in(9), in(8)}, 0, []string{
			"bridge_port_added br0 > ", "link_changed tap1 up>up master",
			"bridge_port_removed br0 > ", "bridge_port_added br1 > ", "link_changed tap1 up>up master",
		}},
		{"joins a bond", []link{in(7)}, 0, []string{"link_changed tap1 up>up master"}},
		{"a port that goes leaves its bridge", []link{in(9)}, 3, []string{
			"bridge_port_added br0 > ", "link_changed tap1 up>up master", "bridge_port_removed br0 > ", "link_removed tap1 up> ",
		}},
		{"one nobody knew goes", nil, 77, nil},
		{"mtu", []link{with(func(l *link) { l.mtu = 9000 })}, 0, []string{"link_changed tap1 up>up mtu"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			tb := newTable(nil)
			for _, l := range []link{up, bridge, other, bond} {
				tb.set(l)
			}
			tb.emit = func(e source.Event) {
				got = append(got, e.Name+" "+e.Subject+" "+e.Before+">"+e.After+" "+e.Reason)
				if tells := e.Name == witness.LinkDown || e.Name == witness.LinkUp; tells && (e.State == nil || e.State.Len() != 1) {
					t.Errorf("%s without the interface's counters", e.Name)
				}
			}
			for _, l := range c.then {
				tb.set(l)
			}
			if c.gone != 0 {
				tb.remove(c.gone)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("events (-want +got)\n%s", d)
			}
		})
	}
}

// FuzzParse holds that no message makes the parser fail otherwise than by an
// error.
func FuzzParse(f *testing.F) {
	f.Add(make([]byte, ifInfoLen))
	f.Add(append(make([]byte, ifInfoLen), 9, 0, 3, 0, 'e', 't', 'h', '0', 0, 0, 0, 0, 5, 0, 16, 0, 6, 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, _, err := parse(b)
		if err == nil && len(b) < ifInfoLen {
			t.Error("short message accepted")
		}
		_ = l.counters()
	})
}
