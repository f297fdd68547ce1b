package site

import (
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestAskedForAgainAndAgain: an instance without a host agent on its node that
// goes on sending, while others ask for it by ARP once a second. Nothing is sent
// to it any more where it cannot be reached, and something is where it can.
func TestAskedForAgainAndAgain(t *testing.T) {
	const told, over = "start instance_unreachable warning 10.0.0.9 tap1", "end instance_unreachable warning 10.0.0.9 tap1"
	for _, c := range []struct {
		name    string
		before  uint16 // samples a second of unicast to it, for a minute
		towards uint16 // the same for the 15 s that follow
		sends   uint16 // samples a second that it sends then
		asks    int    // seconds between requests for it then; 0 none
		replies uint16 // ARP replies a second of it then
		always  bool   // it is asked for as much before
		want    bool
	}{
		{name: "answers no ARP, and goes on sending", before: 9, sends: 5, asks: 1, want: true},
		{name: "answers no ARP, half of the requests are sampled", before: 9, sends: 5, asks: 2, want: true},
		{name: "answers no ARP, and sends nothing", before: 9, asks: 1, want: true},
		{name: "its clients went away", before: 9, sends: 5},
		{name: "its clients went away, a monitor of ARP goes on", before: 9, sends: 5, asks: 1, always: true},
		{name: "its clients went away, a monitor of ARP has come and is answered", before: 9, sends: 5, asks: 1, replies: 1},
		{name: "asked for again and again, and sent to", before: 9, towards: 1, sends: 5, asks: 1},
		{name: "asked for again and again, and nothing was ever sent to it", sends: 5, asks: 1},
		{name: "too few samples to tell", before: 1, sends: 1, asks: 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			const mac, index = 0xfa163e000001, 10
			w := newWorld(t)
			source := addr("10.0.0.9")
			w.tell(fact.Fact{Kind: fact.Sender, Agent: 9, Detail: &fact.Detail{Agent: source, Source: source}})
			w.tell(fact.Fact{Kind: fact.Port, Agent: 9, Index: index, Detail: &fact.Detail{Name: "tap1", Status: 3, Counted: true, Instance: true}})
			w.tell(fact.Fact{Kind: fact.PortMAC, Agent: 9, Index: index, A: mac, B: 0x0a090001})
			pass := func(seconds int, sends uint16, towards, replies uint16, asks int) {
				for i := range seconds {
					now := uint64(w.now.UnixNano())
					w.tell(fact.Fact{Kind: fact.Alive, Agent: 9, A: uint64(i)<<32 | 1, B: 10, C: now})
					w.tell(fact.Fact{Kind: fact.Forwards, Agent: 9, Index: 1, A: 10, B: 10})
					if sends > 0 || towards > 0 {
						f := fact.Fact{Kind: fact.PortActive, Agent: 9, Index: index, C: fact.PortRest{Replies: replies}.Pack()}
						f.A = fact.PortMoves{Sent: sends, Towards: towards}.Pack()
						w.tell(f)
					}
					if asks > 0 && i%asks == 0 {
						w.tell(fact.Fact{Kind: fact.Asked, Agent: 9, A: mac, B: 0, C: 1})
					}
					w.run(time.Second)
				}
			}
			before := 0
			if c.always {
				before = c.asks
			}
			pass(60, 5, c.before, 0, before)
			w.want()
			pass(15, c.sends, c.towards, c.replies, c.asks)
			if !c.want {
				w.want()
				return
			}
			w.want(told)
			pass(10, 5, c.before, 1, 0)
			w.want(over)
		})
	}
}

// TestQuestions: what is asked once a second tells after a few seconds, what was
// always asked so tells nothing.
func TestQuestions(t *testing.T) {
	for _, c := range []struct {
		name       string
		past, asks int
		over       time.Duration // of asks
		known      time.Duration // it was, before
		least      float64
		most       float64
	}{
		{"three in five seconds, once a minute before", 10, 3, 5 * time.Second, 10 * time.Minute, 6, 9},
		{"six in six seconds, nothing known before", 0, 6, 6 * time.Second, 0, 16, 20},
		{"two are no more than chance", 0, 2, 2 * time.Second, time.Hour, 0, 0},
		{"once a second as always", 600, 6, 6 * time.Second, 10 * time.Minute, 0, 0.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := questions{past: c.past}
			for i := range c.asks {
				at := epoch.UnixNano() + int64(i)*second
				q.add(at)
				q.add(at + 100*millisecond) // sampled elsewhere too
			}
			if q.now != c.asks {
				t.Errorf("%d requests counted, want %d", q.now, c.asks)
			}
			if got := q.repeated(int64(c.known), int64(c.over)); got < c.least || got > c.most {
				t.Errorf("%.2f nats, want %.1f to %.1f", got, c.least, c.most)
			}
			if q.answered(); q.now != 0 || q.past != c.past+c.asks {
				t.Errorf("after an answer: %+v", q)
			}
		})
	}
}

// TestBlind: who sees too little of an instance says so, with numbers.
func TestBlind(t *testing.T) {
	for _, c := range []struct {
		name    string
		rate    uint64
		towards uint16 // samples a second
		want    string
	}{
		{"one in ten packets", 10, 9, ""},
		{"one in a thousand", 1000, 1, "that it answers no ARP while it sends: about 50m0s, of 1 in 1000 packets and 1 samples/s of what is sent to it"},
		{"none", 10, 0, "that it answers no ARP while it sends: no samples of what is sent to it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			source := addr("10.0.0.9")
			w.tell(fact.Fact{Kind: fact.Sender, Agent: 9, Detail: &fact.Detail{Agent: source, Source: source}})
			w.tell(fact.Fact{Kind: fact.Port, Agent: 9, Index: 10, Detail: &fact.Detail{Name: "tap1", Status: 3, Counted: true, Instance: true}})
			w.tell(fact.Fact{Kind: fact.Sampling, Agent: 9, Index: 1, A: c.rate})
			for range 30 {
				w.tell(fact.Fact{Kind: fact.Alive, Agent: 9, A: 1, C: uint64(w.now.UnixNano())})
				w.tell(fact.Fact{Kind: fact.PortActive, Agent: 9, Index: 10, A: fact.PortMoves{Sent: 1, Towards: c.towards}.Pack()})
				w.run(time.Second)
			}
			b, ok := w.site.Branch("10.0.0.9")
			if !ok || len(b.Parts) != 1 || len(b.Parts[0].Instances) != 1 {
				t.Fatalf("%v %+v", ok, b)
			}
			if got := b.Parts[0].Instances[0].Blind; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
