package site

import (
	"fmt"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestBegunAnewWithoutSamples: a bridge of Open vSwitch whose samples stop when its
// sub-agent begins anew, as it does when its sFlow is set, has not lost its
// forwarding: its ports are told of as before. One that is not told of has.
func TestBegunAnewWithoutSamples(t *testing.T) {
	for _, c := range []struct {
		after time.Duration // that it is told of first
		told  bool
		want  []string
	}{
		{400 * time.Millisecond, true, nil},
		{2 * time.Second, true, []string{"start bridge_down critical 10.0.0.9 br0", "end bridge_down critical 10.0.0.9 br0"}},
		{0, false, []string{"start bridge_down critical 10.0.0.9 br0"}},
	} {
		t.Run(fmt.Sprintf("%v after %v", c.told, c.after), func(t *testing.T) {
			o := newPolled(t, 10)
			o.seen = false
			for _, a := range o.w.site.macs {
				a.seen = nil // nobody else has ever seen it
			}
			o.gone = true
			began := o.w.now
			n := uint32(0)
			for o.w.now.Sub(began) < 14*time.Second {
				if d := o.w.now.Sub(began) - c.after; c.told && d >= 0 && d%time.Second == 0 {
					if n == 0 {
						for i, name := range []string{"br0", "tapa", "tapb", "tapc", "eth1"} {
							d := fact.Detail{Name: name, Status: 3, Was: 3, Counted: true, Datapath: 100, OFPort: uint32(i), Instance: i > 0 && i < 4}
							if i == 0 {
								d.OFPort = 0xfffe
							}
							o.w.tell(fact.Fact{Kind: fact.Port, Agent: exported, Index: uint32(10 + i), Detail: &d})
						}
					}
					n++
					o.w.tell(fact.Fact{Kind: fact.Alive, Agent: exported, A: uint64(n)<<32 | 1, B: uint64(o.w.now.Sub(began).Milliseconds()+1) << 32, C: uint64(o.w.now.UnixNano())})
				}
				o.run(100 * time.Millisecond)
			}
			o.w.want(c.want...)
		})
	}
}
