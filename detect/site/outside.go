package site

import (
	"fmt"
	"slices"

	"weir/detect/site/fact"
)

// view is what others see of some addresses.
type view struct {
	known bool    // they used to be seen
	rate  float64 // samples a second before
	nats  float64 // for: their traffic has stopped
	after int64   // last seen after it all began; 0 never
	where string
	who   uint64
	by    *stream // saw it then

	lull    bool    // seen after it all began, and then no more for longer than usual
	stopped float64 // nats for: it has stopped since it was seen last
}

// settle is how much later than a packet its sample may arrive: exporters
// gather samples for a second.
const settle = 1500 * millisecond

// lossy is the share of datagrams from which on the last word of a node may have
// been lost.
const lossy = 0.005

// outside returns what streams other than those of mine see of addresses since
// a time, which is uncertain by slack: what is seen in that may be from before.
func (s *Site) outside(macs []uint64, since, slack int64, mine func(*seen) bool) view {
	var v view
	missing := 0.0 // samples
	for _, m := range macs {
		a := s.macs[m]
		if a == nil || a.many {
			continue
		}
		for i := range a.seen {
			x := s.current(&a.seen[i])
			st := s.streams[streamKey{x.number, x.sub}]
			if st == nil || mine(x) {
				continue
			}
			if x.last > since+settle+slack {
				v.known = true
				if x.last > v.after {
					v.after, v.who, v.by = x.last, m, st
					v.where = st.node.label()
					if p := st.node.ports[x.input]; p != nil {
						v.where += " " + p.label()
					}
				}
				continue
			}
			if st.last < since+settle || x.n < seenLeast || since-x.last > int64(60e9) {
				continue // that witness is silent too, or has not seen it lately
			}
			v.known = true
			v.rate += x.rate
			from := max(since+settle, x.last)
			heard := s.quietFor(from)
			u := st.usually()
			if u > 0 && s.quietFor(st.last) > u*3/2 { // it tells as long as it is heard itself
				heard = min(heard, st.last+u-from)
			}
			if st.gapAt > from { // what told of it may have been lost
				heard -= max(min(st.gapFor, st.gapAt-from)-u, 0)
			}
			missing += x.rate * float64(max(heard, 0)) / 1e9
		}
	}
	if v.after == 0 { // traffic comes in bursts: half of what a Poisson process would tell
		v.nats = min(missing/2, weightTraffic)
	}
	return v
}

// clears reports whether it can be decided in time: who is seen elsewhere once a
// minute, as by what every node sends to all, is not waited for.
func (v *view) clears() bool {
	return v.known && (v.lull || v.rate*float64(undecided)/2e9 >= decided)
}

// noted is the view as a fact.
func (v *view) noted(since int64) Noted {
	switch {
	case v.after != 0:
		return Noted{At: at(v.after), Group: "neighbour", From: v.where, What: "its traffic is still seen, from " + fact.UnpackMAC(v.who).String()}
	case v.rate > 0:
		return Noted{At: at(since), Group: "neighbour", What: fmt.Sprintf("its traffic is seen nowhere any more, before %.3g samples/s", v.rate), Weight: v.nats}
	}
	return Noted{At: at(since), Group: "neighbour", What: "nobody else sees its traffic"}
}

// neighbours is what others see of a node's traffic since a time.
func (s *Site) neighbours(n *node, since int64) view {
	macs := slices.Clone(n.own)
	for _, index := range sortedKeys(n.ports) {
		if p := n.ports[index]; p.instance {
			macs = append(macs, p.macs...)
		}
	}
	slack := int64(0)
	if s.losses.Share() > lossy {
		slack = s.period(n) // its last word may have been lost
	}
	mine := func(x *seen) bool { return s.byNumber[x.number] == n }
	v := s.outside(macs, since, slack, mine)
	if v.after != 0 && v.after <= since+slack+straggles {
		s.straggled(&v, macs, mine)
	}
	return v
}

// straggles is for how long after a node's last word what was sampled of its traffic
// may come: exporters and collectors that are busy are late, each by as much as it is.
// What comes later is sent later.
const straggles = 5 * second

// straggled looks at whether traffic that was seen after a node's last word goes on,
// or was its last: what was on its way, or somewhere held up, says nothing of now.
func (s *Site) straggled(v *view, macs []uint64, mine func(*seen) bool) {
	at, u := v.after, v.by.usually()
	quiet := s.quietFor(at)
	rate := s.outside(macs, at-settle, 0, mine).rate // of those who would see it now
	if rate == 0 {
		if u > 0 && s.quietFor(v.by.last) > u*5/2 { // who saw it is silent too
			v.after, v.known = 0, false
		}
		return
	}
	if v.lull = quiet > second && rate*float64(quiet)/1e9 >= lullLeast; !v.lull {
		return
	}
	if since := s.outside(macs, at, 0, mine); since.nats >= decided {
		v.after, v.rate, v.nats, v.lull = 0, since.rate, since.nats, false
	} else {
		v.stopped = since.nats
	}
}

// lullLeast is how many samples are missing where traffic pauses for longer than is
// usual.
const lullLeast = 3
