package detect

import (
	"testing"
	"time"

	"weir/decoder/packet"
)

func testGroup(n byte) flowGroup {
	k := packet.Key{SrcPort: 51000, DstPort: 873, Proto: 6}
	k.Src[10], k.Src[11], k.Dst[10], k.Dst[11] = 255, 255, 255, 255
	copy(k.Src[12:], []byte{10, 0, 1, n})
	copy(k.Dst[12:], []byte{10, 0, 2, n})
	return groupOf(linkKey{1, 7, true}, &k)
}

func TestUsualForThisHour(t *testing.T) {
	at := func(day int, hour float64) int64 {
		return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day).UnixNano() + int64(hour*float64(time.Hour))
	}
	for _, c := range []struct {
		name string
		days []int // with a large flow at 02:30
		ask  int64
		want bool
	}{
		{"never seen", nil, at(3, 2.5), false},
		{"three nights", []int{0, 1, 2}, at(3, 2.5), true},
		{"an hour later", []int{0, 1, 2}, at(3, 3.9), true},
		{"an hour earlier", []int{0, 1, 2}, at(3, 1.1), true},
		{"at noon", []int{0, 1, 2}, at(3, 12), false},
		{"two nights", []int{0, 2}, at(3, 2.5), false},
		{"today does not count", []int{0, 1, 2}, at(2, 2.6), false},
		{"three of seven", []int{0, 3, 6}, at(7, 2.5), true},
		{"too long ago", []int{0, 1, 2}, at(9, 2.5), false},
		{"a month later", []int{0, 1, 2}, at(30, 2.5), false},
		{"the clock was set back", []int{5, 6, 7}, at(3, 2.5), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h habits
			for _, d := range c.days {
				// Another port and another host of the same network each night.
				h.note(testGroup(byte(d)), at(d, 2.5))
			}
			if got := h.usual(testGroup(99), c.ask); got != c.want {
				t.Errorf("usual %v, want %v", got, c.want)
			}
		})
	}
}

func TestHabitsAreBounded(t *testing.T) {
	var h habits
	g := testGroup(1)
	for i := range usualGroups + 100 {
		g.domain = uint32(i)
		h.note(g, dayNs)
	}
	if len(h.groups) != usualGroups || h.refused != 100 {
		t.Errorf("%d groups, %d refused", len(h.groups), h.refused)
	}
	w := newWorld(1, tenPercent)
	h.learn(w.engine.tracker, 20*dayNs)
	if len(h.groups) != 0 {
		t.Errorf("%d groups after weeks of silence", len(h.groups))
	}
}
