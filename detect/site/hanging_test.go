package site

import (
	"strings"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestSwitchTakesItsNodes: a switch that is silent together with all nodes that hang
// on it is down, though nobody else sees any of their traffic; one of them that
// still speaks, or is seen, says that it is not.
func TestSwitchTakesItsNodes(t *testing.T) {
	for _, c := range []struct {
		name  string
		dark  int  // of the nodes, with the switch
		seen  bool // the traffic of the last is still seen elsewhere
		other bool // the last hangs on another switch too
		want  string
	}{
		{"with all of them", 3, false, false, "start node_down critical cn1"},
		{"one still speaks", 2, false, false, "start telemetry_silent warning cn1"},
		{"one is seen elsewhere, where it must hang too", 3, true, false, "start node_down critical cn1\nstart telemetry_silent critical cn5"},
		{"one hangs on another too", 2, false, true, "start node_down critical cn1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			sw, far := w.node(0), w.node(0)
			for k, name := range []string{"swp1", "swp2", "swp3", "swp30"} {
				sw.member(name, 7+uint32(k), 0, true)
			}
			far.member("swp1", 8, 0, true)
			var hosts []*actor
			var own []uint64
			for i := range 3 {
				a := w.node(0)
				hosts, own = append(hosts, a), append(own, a.owns(byte(i)))
			}
			var beyond []uint64
			for i := range 4 {
				beyond = append(beyond, w.node(1).owns(byte(9+i)))
			}
			for i := range 80 {
				if i == 60 {
					w.want()
					sw.up = false
					for _, a := range hosts[:c.dark] {
						a.up = false
					}
				}
				for k := range hosts {
					if sw.up {
						w.tell(fact.Fact{Kind: fact.Seen, Agent: sw.number, A: own[k], B: 7 + uint64(k), C: 5})
						w.tell(fact.Fact{Kind: fact.Seen, Agent: sw.number, A: beyond[k], B: 10, C: 5}) // by its uplink
					}
				}
				if c.other || c.seen {
					w.tell(fact.Fact{Kind: fact.Seen, Agent: far.number, A: own[2], B: 8, C: 5})
				}
				w.run(time.Second)
			}
			effects := 0
			for _, a := range w.alerts {
				if a.Kind == NodeDown {
					effects = max(effects, a.Evidence.(*Evidence).Affected)
				}
			}
			lines := w.lines()
			switch {
			case c.seen && strings.Join(lines, "\n") != c.want, len(lines) == 0 || lines[0] != strings.Split(c.want, "\n")[0]:
				t.Errorf("told\n%s\nwant %s first", strings.Join(lines, "\n"), c.want)
			case strings.Contains(c.want, "node_down") && !c.seen && (len(lines) != 1 || effects != c.dark):
				t.Errorf("%d effects, want %d; told\n%s", effects, c.dark, strings.Join(lines, "\n"))
			}
		})
	}
}
