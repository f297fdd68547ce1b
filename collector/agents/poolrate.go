package agents

import "math"

const (
	poolMin  = 64   // samples before a pool is believed
	poolSpan = 2048 // samples of half the sliding span
	poolStep = 8    // samples between two looks at it
)

// poolRate estimates the effective sampling rate of one sequence space from
// sample_pool: packets that could have been sampled per sample sent. Both sides
// are differences of what the agent says, so losses on the way do not bias it.
type poolRate struct {
	sent   uint32 // rate the agent says; another begins the estimate anew
	pool   uint32 // as of the latest sample
	known  bool
	until  uint8  // samples until the rate is worked out again
	rate   uint32 // to be used
	cur    poolSum
	before poolSum // the half span before
}

type poolSum struct {
	pool    float64 // packets
	squares float64 // sum of (packets between two samples)²
	samples float64
}

// begin starts anew with one sample.
func (p *poolRate) begin(sent, pool uint32) {
	*p = poolRate{sent: sent, pool: pool, known: true, rate: max(sent, 1), until: poolMin}
}

// advance counts a sample that is n after the one before.
func (p *poolRate) advance(sent, pool, n uint32) {
	d := pool - p.pool // modulo 2^32
	if !p.known || sent != p.sent || d > 1<<31 || uint64(n)*uint64(sent) > 1<<31 {
		p.begin(sent, pool) // a new rate, a pool that fell, or a gap it may have wrapped in
		return
	}
	p.pool = pool
	f, s := float64(d), float64(n)
	p.cur.pool += f
	if n == 1 {
		p.cur.squares += f * f
	} else {
		p.cur.squares += f * f / s
	}
	p.cur.samples += s
	if p.until--; p.until > 0 {
		return
	}
	p.until, p.rate = poolStep, p.choose()
	if p.cur.samples >= poolSpan {
		p.before, p.cur = p.cur, poolSum{}
	}
}

// effective returns the packets per sample of the sliding span, and the
// standard error of that; 0 is unknown.
func (p *poolRate) effective() (rate, stderr float64) {
	n := p.cur.samples + p.before.samples
	if n < poolMin {
		return 0, 0
	}
	rate = (p.cur.pool + p.before.pool) / n
	if rate < 1 || rate > math.MaxUint32 {
		return 0, 0
	}
	variance := max(0, (p.cur.squares+p.before.squares)/n-rate*rate)
	return rate, math.Sqrt(variance / n)
}

// choose returns the rate to multiply with: what the agent says, unless its pool
// shows another beyond what chance explains. Chance would only add noise.
func (p *poolRate) choose() uint32 {
	rate, stderr := p.effective()
	if rate == 0 || math.Abs(rate-float64(p.sent)) <= 3*stderr+0.005*float64(p.sent) {
		return max(p.sent, 1)
	}
	return uint32(min(rate+0.5, math.MaxUint32))
}

// poolWatch tells an agent with one pool for all its data sources from those
// that keep one for each, as the specification wants. With one pool, packets
// per sample of a single source would be too many: the more so, the less
// traffic the source has.
type poolWatch struct {
	from         *source // of the latest sample
	pool         uint32
	hits, misses uint8
}

// see counts a sample. Where sources share a pool, the next sample of another
// source is always a little ahead; where they do not, hardly ever, or one way
// only.
func (w *poolWatch) see(from *source, pool, rate uint32) {
	if w.from != from && w.from != nil {
		if uint64(pool-w.pool) <= 64*uint64(max(rate, 1)) {
			w.hits++
		} else {
			w.misses++
		}
		if w.hits|w.misses >= 128 {
			w.hits, w.misses = w.hits/2, w.misses/2
		}
	}
	w.from, w.pool = from, pool
}

func (w *poolWatch) shared() bool { return w.hits >= 16 && uint16(w.hits) > 8*uint16(w.misses) }
