package silence

import (
	"math"
	"time"
)

// Learned is what is to be kept of a Pace over a restart, to be written as JSON.
type Learned struct {
	Gaps   [][2]int `json:"gaps,omitempty"`  // bin and how many gaps fell into it
	Fine   int64    `json:"fine,omitempty"`  // mean of the gaps about the period, ns
	Counts [4]int64 `json:"counts,omitzero"` // datagrams sent and lost, beats lost and runs of them
}

// Learned returns what p has learned, without when it last heard.
func (p *Pace) Learned() Learned {
	l := Learned{
		Fine:   int64(p.fine) / int64(time.Millisecond) * int64(time.Millisecond),
		Counts: [4]int64{int64(p.sent), int64(p.lost), int64(p.run.lost), int64(p.run.n)},
	}
	for i, c := range p.hist {
		if c > 0 {
			l.Gaps = append(l.Gaps, [2]int{i, int(c)})
		}
	}
	return l
}

// Learn makes p what it was when Learned was called; numbers that cannot be are
// ignored. What it last heard is unknown: call Expect before a deadline is asked for.
func (p *Pace) Learn(l Learned) {
	*p = Pace{}
	for _, g := range l.Gaps {
		if i, c := g[0], g[1]; i >= 0 && i < bins && c > 0 && c <= math.MaxUint16 && p.hist[i] == 0 && p.n+c <= memory {
			p.hist[i], p.n = uint16(c), p.n+c
		}
	}
	if l.Fine > 0 && l.Fine < edge(bins-1) {
		p.fine = float64(l.Fine)
	}
	if c := l.Counts; c[0] >= c[1] && c[1] >= 0 && c[0] <= lossMind {
		p.sent, p.lost = float64(c[0]), float64(c[1])
	}
	if c := l.Counts; c[2] >= c[3] && c[3] >= 0 && c[2] <= runMind {
		p.run = runs{float64(c[2]), float64(c[3])}
	}
}

// Expect says that the sender is expected from at on, in ns, as if it had spoken
// then. Reset before it is heard: the time until then is no gap.
func (p *Pace) Expect(at int64) { p.last = at }
