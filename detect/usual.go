package detect

import (
	"math/bits"
	"time"

	"weir/decoder/packet"
	"weir/detect/largeflow"
)

const (
	// A group of flows is usual for an hour of the day if it had a large flow
	// on that link in this hour, or one beside it, on so many of the last seven
	// days before today.
	usualDays = 3

	usualGroups = 8192             // remembered at once: about 1 MB
	usualEvery  = 10 * time.Second // between looks at the large flows
)

// flowGroup is large flows that are alike: from one network to another, to one
// service, over one link.
type flowGroup struct {
	link     linkKey
	src, dst [6]byte // /24, or /48 of IPv6
	domain   uint32
	service  uint16 // the lower port
	proto    uint8
	v6       bool
}

func groupOf(link linkKey, k *packet.Key) flowGroup {
	g := flowGroup{link: link, domain: k.Domain, service: min(k.SrcPort, k.DstPort), proto: k.Proto, v6: k.V6}
	from, n := 12, 3
	if k.V6 {
		from, n = 0, 6
	}
	copy(g.src[:n], k.Src[from:])
	copy(g.dst[:n], k.Dst[from:])
	return g
}

// habit tells for each hour of the day, in UTC, on which of the last days there
// was a large flow: bit 0 is the day of the last note.
type habit struct {
	day   int64 // since 1970
	hours [24]uint8
}

// habits is what is usual, learned from the large flows, in bounded memory: a
// group is forgotten after a week without one, and a new one is not taken up
// while there is no place.
type habits struct {
	groups  map[flowGroup]*habit
	looked  int64 // ns
	swept   int64 // day
	refused uint64
}

const dayNs = int64(24 * time.Hour)

// learn takes note of the flows that are large now.
func (h *habits) learn(t *largeflow.Tracker, now int64) {
	if now-h.looked < int64(usualEvery) {
		return
	}
	h.looked = now
	if day := now / dayNs; day != h.swept {
		h.swept = day
		for g, b := range h.groups {
			if day-b.day > 7 {
				delete(h.groups, g)
			}
		}
	}
	t.Large(func(k *packet.Key, p *largeflow.Point) {
		if i, ok := p.Input.Single(); ok {
			h.note(groupOf(linkKey{p.Vantage.Agent, i, false}, k), now)
		}
		if i, ok := p.Output.Single(); ok {
			h.note(groupOf(linkKey{p.Vantage.Agent, i, true}, k), now)
		}
	})
}

func (h *habits) note(g flowGroup, now int64) {
	b := h.groups[g]
	day := now / dayNs
	if b == nil {
		if len(h.groups) >= usualGroups {
			h.refused++
			return
		}
		if h.groups == nil {
			h.groups = map[flowGroup]*habit{}
		}
		b = &habit{day: day}
		h.groups[g] = b
	}
	if passed := day - b.day; passed > 0 {
		for i := range b.hours {
			b.hours[i] <<= min(passed, 8)
		}
		b.day = day
	}
	b.hours[now%dayNs/int64(time.Hour)] |= 1
}

// usual reports whether a group is usual for the hour of now.
func (h *habits) usual(g flowGroup, now int64) bool {
	b := h.groups[g]
	if b == nil {
		return false
	}
	passed := now/dayNs - b.day
	if passed < 0 || passed > 7 {
		return false
	}
	hour := int(now % dayNs / int64(time.Hour))
	var days uint8
	for _, i := range [3]int{hour + 23, hour, hour + 1} {
		days |= b.hours[i%24]
	}
	return bits.OnesCount8(days<<passed&^1) >= usualDays
}

// reset forgets all.
func (h *habits) reset() { *h = habits{} }
