package site

import (
	"strings"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestPortsGone: ports that are polled no more are one event of their node; what
// comes back, or goes with its bridge, is none.
func TestPortsGone(t *testing.T) {
	setup := func(t *testing.T) (*world, *polled, func(...uint32)) {
		w := newWorld(t)
		a := w.polled(21, "10.1.0.1")
		for i := range uint32(20) {
			a.port(1+i, "eth"+string(rune('a'+i)), 3)
		}
		w.play(20*time.Second, a)
		return w, a, func(all ...uint32) {
			for _, i := range all {
				w.tell(fact.Fact{Kind: fact.PortGone, Agent: 21, Index: i, At: w.now.Add(-3 * time.Second).UnixNano(), A: uint64(time.Second)})
			}
		}
	}
	t.Run("one", func(t *testing.T) {
		w, a, gone := setup(t)
		gone(3)
		w.play(10*time.Second, a)
		e := w.last(PortGone).Evidence.(*Evidence)
		if f := e.Facts[0]; time.Time(f.At).Sub(time.Time(f.LastGood)) != time.Second || f.Before != "up" {
			t.Errorf("%+v", f)
		}
		w.want("start port_gone info 10.1.0.1 ethc", "end port_gone info 10.1.0.1 ethc")
	})
	t.Run("many", func(t *testing.T) {
		w, a, gone := setup(t)
		gone(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
		w.play(10*time.Second, a)
		if line := w.last(PortGone).Evidence.Line(); !strings.Contains(line, "10 ports") || !strings.Contains(line, "ethh and 2 more") {
			t.Error(line)
		}
		w.want("start port_gone info 10.1.0.1 ports", "end port_gone info 10.1.0.1 ports")
	})
	t.Run("its agent was restarted and polls what it samples from", func(t *testing.T) {
		w, a, _ := setup(t)
		w.tell(fact.Fact{Kind: fact.Port, Agent: 21, Index: 30, Detail: &fact.Detail{Name: "nic1", Counted: true, Status: 3}})
		w.play(5*time.Second, a)
		a.boot, a.seq = w.now.Add(-time.Second), 0
		w.play(4*time.Second, a)
		w.tell(fact.Fact{Kind: fact.PortGone, Agent: 21, Index: 30, At: w.now.Add(-8 * time.Second).UnixNano(), A: uint64(time.Second)})
		w.play(20*time.Second, a)
		w.want()
	})
	t.Run("back", func(t *testing.T) {
		w, a, gone := setup(t)
		gone(3)
		w.play(2*time.Second, a)
		a.port(3, "ethc", 3)
		w.play(20*time.Second, a)
		w.want()
	})
}
