package site

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"weir/detect"
	"weir/detect/site/fact"
)

// words are names from a file.
type words map[netip.Addr]string

func (w words) NodeName(agent netip.Addr) string { return w[agent] }

func (w words) InterfaceName(agent netip.Addr, ifIndex uint32, said string) (string, string) {
	if w[agent] == "" {
		return said, ""
	}
	if said == "" {
		said = "Ethernet" + itoa(uint64(ifIndex))
	}
	return said, "to spine2"
}

// TestNamesOfOthers: what a file calls a switch and its interfaces stands in alerts,
// timelines, windows and the model, and changes no identity.
func TestNamesOfOthers(t *testing.T) {
	alert := func(name string, names Names) (*world, *detect.Alert) {
		w := newWorld(t)
		sw, other := w.polled(21, "10.1.0.1"), w.polled(22, "10.1.0.2")
		w.site.SetNames(names)
		for i := range 24 {
			status := uint8(3)
			if i >= 20 {
				status = 1
			}
			w.tell(fact.Fact{Kind: fact.Port, Agent: 21, Index: 7, Detail: &fact.Detail{Name: name, Counted: true, Status: status}})
			w.tell(fact.Fact{Kind: fact.PortActive, Agent: 21, Index: 7, A: fact.PortMoves{Sent: 5}.Pack()})
			w.play(time.Second, sw, other)
		}
		return w, w.last(InterfaceDown)
	}
	given := words{addr("10.1.0.1"): "leaf1"}
	for _, c := range []struct {
		name  string
		said  string
		names Names
		want  string
	}{
		{"of a file", "", given, `Ethernet7 "to spine2" on leaf1`},
		{"of its own", "xe-7", given, `xe-7 "to spine2" on leaf1`},
		{"none", "", words{}, "interface 7 on 10.1.0.1"},
		{"without any", "", nil, "interface 7 on 10.1.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a := alert(c.said, c.names)
			if got := a.Subject.Line(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			_, plain := alert(c.said, nil)
			if a.ID != plain.ID {
				t.Errorf("identity %s, without names %s", a.ID, plain.ID)
			}
			i, _ := w.site.Incident(a.ID)
			if c.names == nil || len(c.names.(words)) == 0 {
				return
			}
			if !strings.Contains(i.Steps[0].What+i.Steps[1].What, `"to spine2"`) || i.Steps[0].Node != "leaf1" {
				t.Errorf("%+v", i.Steps)
			}
			for subject, holds := range map[string]bool{"leaf1": true, "leaf1/Ethernet7": c.said == "", "leaf1/xe-7": c.said != "", "leaf2": false, "10.1.0.1": true} {
				win := Window{Subject: subject, From: w.now.Add(-time.Hour), To: w.now.Add(time.Hour)}
				if win.Holds(a, w.now) != holds {
					t.Errorf("a window for %s: %t, want %t", subject, !holds, holds)
				}
			}
			if b, ok := w.site.Branch("leaf1"); !ok || b.Name != "leaf1" {
				t.Errorf("%+v", b)
			}
		})
	}
}
