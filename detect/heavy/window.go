package heavy

import "time"

// SlotLength is the length of a slot. Slots are numbered from the Unix epoch.
const SlotLength = 100 * time.Millisecond

// MaxLate is how many slots a sample may be behind the newest: 1 s.
const MaxLate = 10

// The tiers, in slots. A key's current slot and those behind it are kept one by
// one, then in granules of one and of ten seconds.
const (
	pastSlots    = 11 // complete slots kept beside the current one
	secondSlots  = 10
	seconds      = 64
	decadeSlots  = 100
	decades      = 32
	reachSlots   = pastSlots + 1
	reachSeconds = seconds*secondSlots + MaxLate
	reachDecades = decades*decadeSlots + MaxLate
)

// Longest is the longest window.
const Longest = decades * decadeSlots * SlotLength

// SlotOf returns the slot of a time in ns since the epoch.
func SlotOf(ns int64) int64 {
	s := ns / int64(SlotLength)
	if ns%int64(SlotLength) < 0 {
		s--
	}
	return s
}

// Window is a range of slots, both ends included. To may be complete or still
// running; From is where a granule of the tier begins.
type Window struct {
	From, To int64
}

// At returns the window of at most this length that ends with slot to. Lengths
// are at least one slot and at most Longest. It depends on its arguments alone:
// summaries that are read at one slot are read over one window.
func At(to int64, length time.Duration) Window {
	n := int64(length / SlotLength)
	switch {
	case n < 1:
		n = 1
		fallthrough
	case n <= reachSlots:
		return Window{to - n + 1, to}
	case n <= seconds*secondSlots:
		return aligned(to, n, secondSlots)
	default:
		return aligned(to, min(n, decades*decadeSlots), decadeSlots)
	}
}

// aligned begins at the first granule that lies wholly within the n slots that
// end with to.
func aligned(to, n, granule int64) Window {
	return Window{ceilTo(to-n+1, granule), to}
}

func floorTo(v, g int64) int64 {
	r := v % g
	if r < 0 {
		r += g
	}
	return v - r
}

func ceilTo(v, g int64) int64 { return floorTo(v+g-1, g) }

// Slots returns how many slots the window has.
func (w Window) Slots() int64 { return w.To - w.From + 1 }

// Length returns the length of the window, its last slot taken as complete.
func (w Window) Length() time.Duration { return time.Duration(w.Slots()) * SlotLength }
