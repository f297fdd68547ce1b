package hostagent

import (
	"strings"
	"time"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// words is when something was last said of each entity whose state waits to be
// said again with its event.
type words map[string]*word

type word struct {
	at      time.Time
	holders int // states that wait
}

// hold notes the state of an event that was sent at the time now.
func (w words) hold(state *source.Snapshot, now time.Time) {
	if state == nil {
		return
	}
	for smp := range state.All() {
		v := w[string(smp.About())]
		if v == nil {
			v = &word{}
			w[string(smp.About())] = v
		}
		v.at = now
		v.holders++
	}
}

// said notes what was said, as it was at the time now.
func (w words) said(snap *source.Snapshot, now time.Time) {
	if len(w) == 0 {
		return
	}
	for smp := range snap.All() {
		if v := w[string(smp.About())]; v != nil && now.After(v.at) {
			v.at = now
		}
	}
}

// end notes that the entity of an event is no more: nothing that was said of it
// is said again.
func (w words) end(e *source.Event, now time.Time) {
	switch e.Name {
	case witness.LinkRemoved, witness.OVSBridgeRemoved, witness.OVSPortRemoved, witness.InstanceUndefined, witness.InstanceMigratedOut:
	default:
		return
	}
	entity := e.Subject
	for _, p := range e.More {
		switch p.Name {
		case witness.Port:
			entity = p.Text
		case witness.IfIndex:
			ds := source.Sample{Counter: true, Source: source.Interface(uint32(p.Bits))}
			if v := w[string(ds.About())]; v != nil {
				v.at = now
			}
		}
	}
	entity = "/" + witness.Escape(entity)
	for about, v := range w {
		if strings.HasSuffix(about, entity) {
			v.at = now
		}
	}
}

// retain drops from the state of an event sent at first what something newer was
// said of, and counters where they are not wanted.
func (w words) retain(state *source.Snapshot, first time.Time, counters bool) {
	state.Retain(func(smp source.Sample) bool {
		v := w[string(smp.About())]
		if v != nil && !v.at.After(first) && (counters || !smp.Counter) {
			return true
		}
		w.drop(smp)
		return false
	})
}

// release forgets a state that is not said again.
func (w words) release(state *source.Snapshot) {
	if state == nil {
		return
	}
	for smp := range state.All() {
		w.drop(smp)
	}
}

func (w words) drop(smp source.Sample) {
	about := string(smp.About())
	if v := w[about]; v != nil {
		if v.holders--; v.holders <= 0 {
			delete(w, about)
		}
	}
}
