package largeflow

import (
	"math"
	"time"

	"weir/decoder"
)

const (
	// maxLinks bounds the links whose background a shard learns, 136 octets
	// each; further ones share one place and keep the lowest background.
	maxLinks = 16384

	// The background of a link is the largest share that a flow below the
	// threshold had in the last hour, kept in pieces.
	backgroundPieces = 7
	backgroundPiece  = int64(10 * time.Minute)

	unknownShare = 0.1 // of the link, where an absolute threshold meets an unknown speed
)

// link is what is known of the interface behind a vantage point.
type link struct {
	vantage decoder.Vantage
	speed   uint64 // for which the next three hold
	class   decoder.PortClass
	theta   float64 // threshold, octets per ns
	budget  float32 // Budget.budgetLog
	share   float32 // that the threshold is of the speed
	lowest  uint8   // level
	level   uint8   // the background: lowest, or the highest of pieces
	pieces  [backgroundPieces]uint8
	piece   int64 // number of the newest

	crowd crowd
}

// set computes what follows from the speed.
func (l *link) set(th Threshold, b Budget, speed uint64) {
	bits := th.At(speed)
	share, lowest := th.Share, lowLevel
	switch {
	case share > 0: // never below 1 % of the link, while that is well below the threshold
		lowest = min(max(lowLevel, 0.01/share), 0.4)
	case speed > 0:
		share = min(max(bits/float64(speed), 1e-3), 1)
	default:
		share = unknownShare
	}
	l.speed, l.theta = speed, bits/8/1e9
	l.budget, l.share = float32(b.budgetLog(share)), float32(share)
	l.lowest = levelOf(lowest)
	l.settle()
}

func (l *link) settle() {
	l.level = l.lowest
	for _, p := range l.pieces {
		l.level = max(l.level, p)
	}
}

// learn takes notice of a flow below the threshold.
func (l *link) learn(level uint8, at int64) {
	if p := at / backgroundPiece; p > l.piece {
		for i := max(l.piece+1, p-backgroundPieces+1); i <= p; i++ {
			l.pieces[i%backgroundPieces] = 0
		}
		l.piece = p
		l.crowd.fade(at)
		l.settle()
	}
	i := l.piece % backgroundPieces
	if level > l.pieces[i] {
		l.pieces[i] = level
		l.level = max(l.level, level)
	}
}

// linkOf returns the number of the link behind a vantage point.
func (t *Table) linkOf(v decoder.Vantage) int32 {
	if i, ok := t.linkAt[v]; ok {
		return i
	}
	if len(t.links) >= maxLinks {
		t.RefusedLinks++
		return 0
	}
	i := int32(len(t.links))
	t.links = append(t.links, link{vantage: v, speed: math.MaxUint64, lowest: levels})
	t.linkAt[v] = i
	return i
}

// The life of an entry, for the background: how long, in samples of a flow at
// the threshold, before it says something; when the past begins to fade; and
// what silence ends it.
const (
	lifeLeast = 40
	lifeMost  = 1000
	lifeIdle  = 40

	// The largest of many estimates is too large by chance; what so many
	// standard deviations below it amounts to is about the truth.
	linkDoubt = 3.5
	// A flow is below the threshold when so many standard deviations above its
	// rate are.
	subThreshold = 3
)

// learn judges the flow's own life every 16 samples: a steady flow below the
// threshold is its own background, and the link's for flows to come.
// rate is the samples per ns of a flow at the threshold.
func (e *entry) learn(l *link, rate float64, at int64) {
	span := rate * float64(at-e.lifeAt)
	if span < lifeLeast {
		return
	}
	k := float64(e.life) - 1
	share, doubt := k/span, 1/math.Sqrt(max(k, 1))
	if span > lifeMost {
		e.life /= 2
		e.lifeAt = at - (at-e.lifeAt)/2
	}
	e.own = 0
	if share*(1+subThreshold*doubt) < 1 {
		e.own = levelOf(share * (1 + doubt))
		if share > lowLevel {
			l.learn(levelBelow(share*(1-linkDoubt*doubt)), at)
		}
	}
}
