package site

import (
	"slices"
	"strings"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// hosted is a node of Open vSwitch with hsflowd beside it, which describes the
// host every five seconds.
type hosted struct {
	*switched
	down  bool // ovs-vswitchd
	still bool // hsflowd
	n     uint32
	born  time.Time // when hsflowd was started
}

func newHosted(t *testing.T, every time.Duration) *hosted {
	o := &hosted{switched: newPolled(t, every)}
	o.start()
	o.run(60 * time.Second)
	o.w.want()
	return o
}

// start starts hsflowd, whose first datagram describes the host before anything
// else is known of who sends it.
func (o *hosted) start() {
	o.still, o.born, o.n = false, o.w.now, 0
	o.w.tell(fact.Fact{Kind: fact.Host, Agent: exported, Sub: hsflowdSub + 1, Index: 1, Detail: &fact.Detail{Name: "cn9", Class: 2}})
}

func (o *hosted) run(d time.Duration) {
	for end := o.w.now.Add(d); o.w.now.Before(end); {
		if age := o.w.now.Sub(o.born); !o.still && age%(5*time.Second) == 0 {
			o.n++
			o.w.tell(fact.Fact{Kind: fact.Alive, Agent: exported, Sub: hsflowdSub + 1, A: uint64(o.n)<<32 | 1, B: uint64(age.Milliseconds()) << 32, C: uint64(o.w.now.UnixNano())})
		}
		if o.down {
			o.tenth()
		} else {
			o.switched.run(100 * time.Millisecond)
		}
	}
}

// tenth is a tenth of a second in which the switch says nothing.
func (o *hosted) tenth() {
	mute, seen := o.mute, o.seen
	o.mute = true
	o.switched.run(100 * time.Millisecond)
	o.mute, o.seen = mute, seen
}

// TestSwitchAlone: all bridges of Open vSwitch that fall silent while hsflowd goes
// on are one cause, and no node that is down.
func TestSwitchAlone(t *testing.T) {
	for _, c := range []struct {
		name  string
		every time.Duration // tenths
		do    func(o *hosted)
		want  []string
	}{
		{"ovs-vswitchd is killed, and started again", 100, func(o *hosted) {
			o.down, o.seen = true, false
			o.run(8 * time.Second)
			o.w.want("start bridge_down critical cn9 Open vSwitch")
			o.run(32 * time.Second) // longer than three polls of the bridges
			o.w.want()
			o.seen = true // others see it before it speaks
			o.run(time.Second)
			o.down = false
			o.run(5 * time.Second)
		}, []string{"end bridge_down critical cn9 Open vSwitch"}},
		{"ovs-vswitchd is killed, which is polled five times as often", 10, func(o *hosted) {
			o.run(time.Second) // hsflowd has just spoken
			o.down, o.seen = true, false
			o.run(8 * time.Second)
		}, []string{"start bridge_down critical cn9 Open vSwitch"}},
		{"the node dies, whose switch is polled five times as often", 10, func(o *hosted) {
			o.every = 10
			o.run(63 * time.Second)
			o.down, o.still, o.seen = true, true, false
			o.run(8 * time.Second)
		}, []string{"start node_down critical cn9"}},
		{"sFlow is cleared on all bridges", 100, func(o *hosted) {
			o.down = true
			o.run(45 * time.Second)
		}, []string{"start telemetry_silent critical cn9 Open vSwitch"}},
		{"one bridge is deleted", 100, func(o *hosted) {
			o.gone, o.seen = true, false
			o.run(8 * time.Second)
		}, []string{"start bridge_down critical cn9 br0"}},
		{"the node dies", 100, func(o *hosted) {
			o.down, o.still, o.seen = true, true, false
			o.run(40 * time.Second)
		}, []string{"start node_down critical cn9"}},
		{"hsflowd is killed, and started again", 100, func(o *hosted) {
			o.still = true
			o.run(22 * time.Second)
			o.w.want("start telemetry_silent critical cn9 hsflowd")
			o.start()
			o.run(12 * time.Second)
		}, []string{"end telemetry_silent critical cn9 hsflowd"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newHosted(t, c.every)
			c.do(o)
			o.w.want(c.want...)
		})
	}
}

// TestSwitchNamesWhoGoesOn: the alert says who is heard, and what follows.
func TestSwitchNamesWhoGoesOn(t *testing.T) {
	o := newHosted(t, 100)
	o.down, o.seen = true, false
	o.run(8 * time.Second)
	e := o.w.last(BridgeDown).Evidence.(*Evidence)
	if want := "all its 2 bridges have fallen silent at once, while hsflowd goes on"; e.Summary != want || e.Cause != "ovs-vswitchd was stopped or has crashed" || len(e.Facts) != 3 {
		t.Errorf("%+v, want %q", e, want)
	}
}

// TestReplacedBridge: a bridge whose instances' ports are another's now is neither
// down nor silent, although nothing is told of it.
func TestReplacedBridge(t *testing.T) {
	o := newSwitched(t)
	gone := func(indexes ...uint32) {
		for _, i := range indexes {
			o.w.tell(fact.Fact{Kind: fact.PortGone, Agent: exported, Index: i, A: uint64(10 * second)})
		}
	}
	o.gone, o.seen = true, false
	o.run(12 * time.Second)
	gone(10, 11, 12, 13, 14)
	o.run(25 * time.Second)
	o.w.want("start bridge_down critical 10.0.0.9 br0")
	for i, d := range []fact.Detail{{Name: "br2", OFPort: 0xfffe}, {Name: "tapa", OFPort: 1, Instance: true}, {Name: "tapb", OFPort: 2, Instance: true}, {Name: "tapc", OFPort: 3, Instance: true}} {
		d.Status, d.Counted, d.Datapath = 3, true, 300
		o.w.tell(fact.Fact{Kind: fact.Port, Agent: exported, Sub: 2, Index: 10 + uint32(i) + 20*uint32(1/(i+1)), Detail: &d})
	}
	o.run(60 * time.Second)
	o.w.want("end bridge_down critical 10.0.0.9 br0")
}

// TestStaleStatus: what an agent tells of an interface as the first thing after a
// silence may be as old as its last look, and is told when it stays so.
func TestStaleStatus(t *testing.T) {
	for _, c := range []struct {
		name  string
		stale int // polls
		want  []string
	}{
		{"up at the next look", 2, nil},
		{"down", 9, []string{"start interface_down warning 10.0.0.9 eth7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.node(0)
			source := addr("10.0.0.9")
			w.tell(fact.Fact{Kind: fact.Sender, Agent: exported, Detail: &fact.Detail{Agent: source, Source: source}})
			n := uint64(0)
			poll := func(status uint8, polls int) {
				for range polls {
					n++
					w.tell(fact.Fact{Kind: fact.Alive, Agent: exported, Sub: hsflowdSub, A: n<<32 | 1, B: uint64(w.now.Sub(epoch).Milliseconds()+1e6) << 32, C: uint64(w.now.UnixNano())})
					w.tell(fact.Fact{Kind: fact.Port, Agent: exported, Sub: hsflowdSub, Index: 7, Detail: &fact.Detail{Name: "eth7", Counted: true, Status: status}})
					w.run(5 * time.Second)
				}
			}
			poll(3, 20)
			w.run(40 * time.Second)
			w.lines() // silent
			poll(0, c.stale)
			poll(3, 3)
			got := slices.DeleteFunc(w.lines(), func(l string) bool { return !strings.HasPrefix(l, "start interface") })
			for i := range got {
				got[i] = strings.Replace(got[i], " info ", " warning ", 1)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestSilenceOfHsflowd names what it is known to stop for, where it speaks alone.
func TestSilenceOfHsflowd(t *testing.T) {
	n := &node{streams: []*stream{{speaks: hsflowd}}}
	if c := n.stalls(); !strings.Contains(c, "an interface that hsflowd takes samples from was switched off") {
		t.Errorf("%q", c)
	}
	n.streams = append(n.streams, &stream{speaks: openVSwitch})
	if c := n.stalls(); c != "" {
		t.Errorf("%q although Open vSwitch is silent too", c)
	}
}
