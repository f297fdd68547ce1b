package linkevent

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/witness"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

func TestTableTellsEachChangeOnce(t *testing.T) {
	up := link.Info{Index: 3, Name: "tap1", Kind: link.Tap, Admin: true, Carrier: true, Oper: link.OperUp}
	with := func(f func(*link.Info)) link.Info {
		l := up
		f(&l)
		return l
	}
	down := with(func(l *link.Info) { l.Oper, l.Carrier = 2, false })
	bridge := link.Info{Index: 9, Name: "br0", Kind: link.Bridge, Admin: true, Carrier: true, Oper: link.OperUp}
	other := link.Info{Index: 8, Name: "br1", Kind: link.Bridge, Admin: true, Oper: link.OperDown}
	bond := link.Info{Index: 7, Name: "bond0", Kind: link.Bond, Admin: true, Oper: link.OperUp}
	in := func(master uint32) link.Info { return with(func(l *link.Info) { l.Master = master }) }
	for _, c := range []struct {
		name string
		then []link.Info // announced after up, br0, br1 and bond0
		gone uint32
		want []string // name subject before>after reason
	}{
		{"the same again", []link.Info{up, up, up}, 0, nil},
		{"only counters moved", []link.Info{with(func(l *link.Info) { l.Stats.RxBytes = 7 })}, 0, nil},
		{"carrier lost, told five times", []link.Info{down, down, down, down, down}, 0, []string{"link_down tap1 up>down carrier oper"}},
		{"down and up", []link.Info{down, up}, 0, []string{"link_down tap1 up>down carrier oper", "link_up tap1 down>up carrier oper"}},
		{"up before it carries", []link.Info{
			with(func(l *link.Info) { l.Admin, l.Carrier, l.Oper = false, false, 2 }),
			with(func(l *link.Info) { l.Oper = 2 }), up,
		}, 0, []string{"link_down tap1 up>down admin carrier oper", "link_changed tap1 down>down admin carrier", "link_up tap1 down>up oper"}},
		{"renamed", []link.Info{with(func(l *link.Info) { l.Name = "tap2" })}, 0, []string{"link_renamed tap2 tap1>tap2 "}},
		{"joins a bridge", []link.Info{in(9), in(9)}, 0, []string{"bridge_port_added br0 > ", "link_changed tap1 up>up master"}},
		{"changes bridges", []link.Info{in(9), in(8)}, 0, []string{
			"bridge_port_added br0 > ", "link_changed tap1 up>up master",
			"bridge_port_removed br0 > ", "bridge_port_added br1 > ", "link_changed tap1 up>up master",
		}},
		{"joins a bond", []link.Info{in(7)}, 0, []string{"link_changed tap1 up>up master"}},
		{"a port that goes leaves its bridge", []link.Info{in(9)}, 3, []string{
			"bridge_port_added br0 > ", "link_changed tap1 up>up master", "bridge_port_removed br0 > ", "link_removed tap1 up> ",
		}},
		{"one nobody knew goes", nil, 77, nil},
		{"mtu", []link.Info{with(func(l *link.Info) { l.MTU = 9000 })}, 0, []string{"link_changed tap1 up>up mtu"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			tb := newTable(nil)
			for _, l := range []link.Info{up, bridge, other, bond} {
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
