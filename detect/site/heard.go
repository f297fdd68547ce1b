package site

import (
	"fmt"
	"math"
	"time"

	"weir/detect/site/fact"
	weigh "weir/detect/site/instance"
)

// rhythm is how samples of one direction of an instance come.
type rhythm struct {
	firstAt, rateAt int64
	rate            float64 // a second, smoothed over a minute
	late            float64 // the same over some seconds
	spread          float64 // of their number around the rate, smoothed
	spreads         int
}

// add takes n samples of the time since the last ones.
func (r *rhythm) add(at int64, n float64) {
	if r.firstAt == 0 {
		r.firstAt, r.rateAt = at, at
	}
	d := float64(at-r.rateAt) / 1e9
	if d <= 0 {
		return
	}
	w := min(d/60, 1)
	if total := float64(at-r.firstAt) / 1e9; total < 60 {
		w = min(d/max(total, 1), 1)
	}
	if e := r.rate * d; e > 0.5 {
		r.spread += ((n-e)*(n-e)/e - r.spread) / min(float64(r.spreads+1), 64)
		r.spreads++
	}
	r.rate += (n/d - r.rate) * w
	r.late += (n/d - r.late) * max(w, min(d/lateFor, 1))
	r.rateAt = at
}

// lateFor is the time constant of rhythm.late, s.
const lateFor = 8.0

// least is how many samples a second are to be expected at least: some that have
// become few a moment ago are not taken for none.
func (r *rhythm) least() float64 { return min(r.rate, r.late) }

// usualSpread is the spread of the samples, two while little is known.
func (r *rhythm) usualSpread() float64 {
	if r.spreads < 20 {
		return max(r.spread, 2)
	}
	return max(r.spread, 1)
}

// questions are ARP requests for an instance. One that is answered is not asked
// again for a while; who gets no answer asks once a second, as long as it has
// something to send.
type questions struct {
	past int   // seconds in which it was asked for, before it was last heard or sent to
	now  int   // the same since
	last int64 // request
}

// questionsApart is how far apart requests are counted: several exporters may
// have sampled one.
const questionsApart = 700 * millisecond

func (q *questions) add(at int64) {
	if at-q.last < questionsApart {
		return
	}
	q.now++
	q.last = at
}

// answered takes that the instance answers, or that somebody knows its address.
func (q *questions) answered() { q.past, q.now = q.past+q.now, 0 }

// repeated is how unlikely it is that so much is asked for the instance over
// quiet, as a log likelihood ratio in nats. Before anything is known of it, it is
// taken to be asked for once a minute.
func (q *questions) repeated(known, quiet int64) float64 {
	const least = 3
	k, t := float64(q.now), float64(quiet)/1e9
	usual := float64(q.past+1) / (float64(known)/1e9 + 60) * t
	if q.now < least || k <= usual {
		return 0
	}
	return k*math.Log(k/usual) - (k - usual)
}

// sentTo takes samples of unicast to the instance.
func (s *Site) sentTo(a *activity, m fact.PortMoves, replies uint16) {
	if m.Towards > 0 {
		a.to.add(s.now, float64(m.Towards))
		a.toAt = s.now
	}
	if m.Towards > 0 || replies > 0 {
		a.questions.answered()
	}
}

// unheard fills in what is known of traffic to the instance having stopped.
func (s *Site) unheard(p *port, k *weigh.Known) {
	a := &p.act
	last := s.sampled(p)
	if a.toAt == 0 || last <= a.toAt {
		return
	}
	quiet := min(s.quietFor(a.toAt), last-a.toAt)
	k.Missed = a.to.rate * float64(quiet) / 1e9 / a.to.usualSpread()
	q := a.questions
	if t := &a.told; t.vain > 0 && s.now-t.vainAt < vainOld && p.node.agentSpeaks(s.now) && quiet > 0 {
		// The host agent sees all; several may ask at once, each of them once a second.
		exact := questions{past: int(min(t.requests-min(t.vain, t.requests), 1e6)), now: int(min(int64(t.vain), quiet/questionsApart+1))}
		if exact.now > q.now {
			q = exact
		}
	}
	k.Repeated = q.repeated(a.toAt-min(a.firstAt(), a.toAt), quiet)
}

// Of an instance that answers no ARP and goes on sending, samples tell when so
// many of unicast to it are missing and so many requests for it were sampled. Who
// asks does so once a second.
const (
	missedLeast   = 6
	requestsLeast = 3
	blindAfter    = time.Minute // what takes longer is not noticed in time
)

// blind says what would not be noticed in time of the instance behind a port, and
// why; "" where the host agent sees all of its ARP, or samples are enough.
func (s *Site) blind(p *port) string {
	const what = "that it answers no ARP while it sends"
	st := s.streams[streamKey{p.number, p.sub}]
	switch {
	case p.node.agentSpeaks(s.now) && (p.act.told.at != 0 || p.act.to.rate == 0):
		return ""
	case st == nil || p.act.to.rate == 0:
		return what + ": no samples of what is sent to it"
	}
	rate := uint64(1)
	for _, x := range st.points {
		rate = max(rate, x.rates[len(x.rates)-1])
	}
	missed := missedLeast * p.act.to.usualSpread() / p.act.to.rate
	takes := time.Duration(min(max(missed, float64(requestsLeast*rate)), 1e6)) * time.Second
	if takes <= blindAfter {
		return ""
	}
	return fmt.Sprintf("%s: about %s, of 1 in %d packets and %.2g samples/s of what is sent to it", what, takes, rate, p.act.to.rate)
}

// firstAt is when the first sample of the instance came; 0 none has.
func (a *activity) firstAt() int64 {
	switch {
	case a.sends.firstAt == 0:
		return a.to.firstAt
	case a.to.firstAt == 0:
		return a.sends.firstAt
	}
	return min(a.sends.firstAt, a.to.firstAt)
}
