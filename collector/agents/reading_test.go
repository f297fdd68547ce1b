package agents

import "math"

// Publish makes all that is known visible to Agents at once. Tick does it when
// due, and spreads it over several ticks.
func (r *Registry) Publish() {
	r.pending = append(r.pending, r.changed...)
	clear(r.changed)
	r.changed = r.changed[:0]
	r.publish(math.MaxInt)
}
