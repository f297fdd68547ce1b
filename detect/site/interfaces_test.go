package site

import (
	"strings"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestInterfacesDownAtOnceAreOneIncident: a switch that loses many links in one poll is
// one alert, with the links inside, and its end; two links are two, and so are links
// lost minutes apart.
func TestInterfacesDownAtOnceAreOneIncident(t *testing.T) {
	setup := func(t *testing.T) (w *world, down func(status uint8, ports ...uint32), run func(time.Duration)) {
		w = newWorld(t)
		sw, other := w.polled(21, "10.1.0.1"), w.polled(22, "10.1.0.2")
		tell := func(e *polled, index uint32, status uint8) {
			w.tell(fact.Fact{Kind: fact.Port, Agent: e.number, Index: index, Detail: &fact.Detail{Name: "Ethernet" + itoa(uint64(index)), Counted: true, Status: status}})
			w.tell(fact.Fact{Kind: fact.PortActive, Agent: e.number, Index: index, A: fact.PortMoves{Sent: 5}.Pack()})
		}
		states := map[uint32]uint8{}
		for i := range uint32(48) {
			states[i+1] = 3
		}
		run = func(d time.Duration) {
			for range d / time.Second {
				for i := range uint32(48) {
					tell(sw, i+1, states[i+1])
				}
				w.play(time.Second, sw, other)
			}
		}
		run(20 * time.Second)
		return w, func(status uint8, ports ...uint32) {
			for _, i := range ports {
				states[i] = status
			}
		}, run
	}
	t.Run("a line card", func(t *testing.T) {
		w, down, run := setup(t)
		var card []uint32
		for i := range uint32(24) {
			card = append(card, i+1)
		}
		down(1, card...)
		run(4 * time.Second)
		e := w.last(InterfaceDown).Evidence.(*Evidence)
		if line := e.Line(); !strings.Contains(line, "with it 24 interfaces down") || e.Facts[0].What != "24 of 48 interfaces within 0s" {
			t.Errorf("%s; %+v", line, e.Facts)
		}
		w.want("start interface_down warning 10.1.0.1 interfaces")
		down(3, card...)
		run(30 * time.Second)
		w.want("end interface_down warning 10.1.0.1 interfaces")
	})
	t.Run("two", func(t *testing.T) {
		w, down, run := setup(t)
		down(1, 1, 2)
		run(4 * time.Second)
		w.want("start interface_down warning 10.1.0.1 Ethernet1", "start interface_down warning 10.1.0.1 Ethernet2")
	})
	t.Run("one after another", func(t *testing.T) {
		w, down, run := setup(t)
		for i := range uint32(4) {
			down(1, i+1)
			run(20 * time.Second)
		}
		if got := w.lines(); len(got) != 4 || strings.Contains(strings.Join(got, "\n"), "interfaces") {
			t.Errorf("%q", got)
		}
	})
}
