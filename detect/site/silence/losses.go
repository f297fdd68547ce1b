package silence

import (
	"math"
	"time"
)

// runs is how many beats were lost, and in how many runs of them: by time, not by
// datagrams. Many datagrams that are lost within a second are one beat of a sender
// that beats once a second, and say nothing of the next.
type runs struct{ lost, n float64 }

// add adds a run of lost beats, 0 is none. Of more than most, the oldest count half.
func (r *runs) add(lost int, most float64) {
	if lost <= 0 {
		return
	}
	r.lost += float64(lost)
	r.n++
	if r.lost > most {
		r.lost, r.n = r.lost/2, r.n/2
	}
}

// pairs is how often one lost beat followed another.
func (r *runs) pairs() float64 { return r.lost - r.n }

// Losses is how much all senders together lose, and in how long runs: what is
// expected of a sender that has not lost enough to tell. The zero value expects
// little.
type Losses struct {
	sent, lost float64 // datagrams
	runs       [classes]runs
}

// Runs of beats depend on how far beats are apart: senders are compared with those
// of about their period, from 0.7 s on by factors of four.
const (
	classes    = 4
	firstClass = 700 * time.Millisecond
	classWidth = 4
)

func class(period int64) int {
	k := math.Log(max(float64(period)/float64(firstClass), 1)) / math.Log(classWidth)
	return min(int(k), classes-1)
}

// Kept is what is to be kept of Losses over a restart.
type Kept struct {
	Datagrams [3]float64          // sent, lost, and a number that is used no more
	Beats     [classes][2]float64 // lost, and runs of them, by class of period
}

// Kept returns what is to be kept of l over a restart, and Keep takes it.
func (l *Losses) Kept() Kept {
	k := Kept{Datagrams: [3]float64{l.sent, l.lost}}
	for i, r := range l.runs {
		k.Beats[i] = [2]float64{r.lost, r.n}
	}
	return k
}

// Keep takes what Kept has returned; numbers that cannot be are ignored.
func (l *Losses) Keep(k Kept) {
	if v := k.Datagrams; v[0] >= v[1] && v[1] >= 0 && v[0] <= lossMindAll {
		l.sent, l.lost = v[0], v[1]
	}
	for i, v := range k.Beats {
		if v[0] >= v[1] && v[1] >= 0 && v[0] <= runMindAll {
			l.runs[i] = runs{v[0], v[1]}
		}
	}
}

// How many datagrams, and lost beats of a class, of all senders count, and how many
// lost beats of one.
const (
	lossMindAll = 200000
	runMindAll  = 4000
	runMind     = 100
)

// Count is Pace.Count for all senders.
func (l *Losses) Count(came, lost uint32) {
	l.sent += float64(came + lost)
	l.lost += float64(lost)
	if l.sent > lossMindAll {
		l.sent, l.lost = l.sent/2, l.lost/2
	}
}

// Missed takes what Pace.Beat of a sender with that period has returned.
func (l *Losses) Missed(period int64, beats int) {
	l.runs[class(period)].add(beats, runMindAll)
}

// Share is the share of datagrams that is lost, never quite zero.
func (l *Losses) Share() float64 { return min((l.lost+1)/(l.sent+1000), 0.9) }

// burst is how likely a lost beat follows a lost beat of a sender with that
// period.
func (l *Losses) burst(period int64) float64 {
	share, r := l.Share(), &l.runs[class(period)]
	return min(max((r.pairs()+4*share)/(r.lost+4), share), 0.98)
}
