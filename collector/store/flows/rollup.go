package flows

import (
	"slices"
	"time"
)

// Rollups keep for long what flow samples say only for days: of every minute,
// and of every hour, the keys with most octets by each of these definitions,
// what was left out as one sum, and how much one that was left out may have had.
var definitions = [][]string{
	{"src"}, {"dst"}, {"src", "dst"}, {"proto"}, {"domain"}, {"agent", "input"}, {"agent", "output"},
}

const (
	rollMinute = time.Minute
	rollHour   = time.Hour

	// How many keys of a definition are kept of some rows while they are joined,
	// of a minute (or the part of it that a journal has), of an hour.
	groupKeys  = 400
	minuteKeys = 100
	maxWaiting = 8 * groupKeys  // before they are joined
	manyRows   = 2 * maxWaiting // of a step: where keys are seen at more places fewer are kept meanwhile
	hourKeys   = 200
)

// rollRow is what one vantage point saw of a key in a step. Where one of a key is
// kept, all are.
type rollRow struct {
	bytes, packets, samples float64
	squares                 float64
	// covered is how much of the step's floor does not count for this key: it
	// was among the greatest then.
	covered float64
}

func (r *rollRow) add(o *rollRow) {
	r.bytes, r.packets, r.samples = r.bytes+o.bytes, r.packets+o.packets, r.samples+o.samples
	r.squares, r.covered = r.squares+o.squares, r.covered+o.covered
}

// rollKey is a key at a vantage point, in the numbers that the steps' words give.
type rollKey struct {
	key   [2]uint32 // its columns
	point uint32    // the agent, twice, and one more where it was leaving
}

func pointOf(agent uint32, egress bool) uint32 {
	if egress {
		return agent<<1 | 1
	}
	return agent << 1
}

// words are the key's columns as one number.
func (k *rollKey) words() uint64 { return uint64(k.key[0])<<32 | uint64(k.key[1]) }

// rollEntry is a row of a step.
type rollEntry struct {
	rollKey
	rollRow
}

// step is what is kept of a definition in a minute or an hour.
type step struct {
	at    places
	rows  []rollEntry
	wait  []rollEntry // not yet joined
	rest  rollRow     // of the keys left out, each at the vantage point that saw most
	floor float64     // octets that a key left out has at most
	ended bool        // a later minute is at hand

	thinned int // rows that thin left last
}

// stepKey is a definition's number and the start of a step, µs.
type stepKey struct {
	definition int
	at         int64
}

// steps are those of a file.
type steps struct {
	words *lexicon
	all   map[stepKey]*step
	spare []*step // whose memory is used again
}

func newSteps() *steps { return &steps{words: newLexicon(), all: map[stepKey]*step{}} }

// next returns those of another file, which take over the memory of s.
func (s *steps) next() *steps {
	n := newSteps()
	n.spare = s.spare
	for _, one := range s.all {
		if !one.ended {
			n.spare = append(n.spare, one.cleared())
		}
	}
	return n
}

func (s *steps) at(k stepKey) *step {
	one := s.all[k]
	if one != nil {
		return one
	}
	if n := len(s.spare) - 1; n >= 0 {
		one, s.spare = s.spare[n], s.spare[:n]
	} else {
		one = (&step{}).cleared()
	}
	s.all[k] = one
	return one
}

// cleared returns a step with nothing.
func (s *step) cleared() *step {
	*s = step{at: s.at, rows: s.rows[:0], wait: s.wait[:0]}
	s.at.reset()
	return s
}

// missed is how much a key's row may lack.
func (s *step) missed(r *rollRow) float64 { return max(s.floor-r.covered, 0) }

// add joins what another part of the step has.
func (s *step) add(k rollKey, r *rollRow) {
	n, fresh := s.at.of(k.words(), uint64(k.point))
	if fresh {
		s.rows = append(s.rows, rollEntry{k, *r})
		return
	}
	s.rows[n].add(r)
}

// later is add that join does: what is far from the processor by then, the step, is
// fetched once for many.
func (s *step) later(k rollKey, r rollRow) { s.wait = append(s.wait, rollEntry{k, r}) }

// join adds what waits.
func (s *step) join() {
	const far = 16 // entries between asking and reading
	for i := range s.wait {
		if next := i + far; next < len(s.wait) {
			s.at.ahead(s.wait[next].words(), uint64(s.wait[next].point))
		}
		s.add(s.wait[i].rollKey, &s.wait[i].rollRow)
	}
	s.wait = s.wait[:0]
}

// thin leaves groupKeys, or fewer, when rows are a quarter more than it left last.
func (s *step) thin() {
	if len(s.rows) > max(manyRows, s.thinned+s.thinned/4) {
		s.keep(keysOf(len(s.rows)))
		s.thinned = len(s.rows)
	}
}

// keysOf returns how many of groupKeys are kept of so many rows that these have:
// fewer where they are seen at so many vantage points that they take much memory.
func keysOf(rows int) int { return max(minuteKeys, min(groupKeys, groupKeys*manyRows/rows)) }

// keep leaves the keys with most octets at one vantage point, so many.
func (s *step) keep(most int) {
	s.join()
	if len(s.rows) <= most {
		return
	}
	var at places
	at.reset()
	of := make([]int32, len(s.rows)) // which of best each row's key is
	var best []int32                 // rows
	for i := range s.rows {
		n, fresh := at.of(0, s.rows[i].words())
		switch of[i] = n; {
		case fresh:
			best = append(best, int32(i))
		case s.rows[i].bytes > s.rows[best[n]].bytes:
			best[n] = int32(i)
		}
	}
	if len(best) <= most {
		return
	}
	stays := s.greatest(best, most)
	floor := s.floor // one that no part kept
	for n, i := range best {
		if r := &s.rows[i]; !stays[n] {
			floor = max(floor, r.bytes+s.missed(&r.rollRow))
			s.rest.add(&r.rollRow)
		}
	}
	s.at.reset()
	left := s.rows[:0]
	for i := range s.rows {
		if stays[of[i]] {
			r := s.rows[i]
			r.covered = floor - s.missed(&r.rollRow)
			s.at.of(r.words(), uint64(r.point))
			left = append(left, r)
		}
	}
	s.rows, s.floor, s.rest.covered = left, floor, 0
}

// greatest says which of some rows have most octets, so many; of those with the
// same the first.
func (s *step) greatest(rows []int32, most int) (stays []bool) {
	values := make([]float64, len(rows))
	for n, i := range rows {
		values[n] = s.rows[i].bytes
	}
	least := nth(slices.Clone(values), most-1)
	stays = make([]bool, len(rows))
	for n, v := range values {
		if v > least {
			stays[n] = true
			most--
		}
	}
	for n, v := range values {
		if v == least && most > 0 {
			stays[n] = true
			most--
		}
	}
	return stays
}

// end leaves of the steps that begin before a time, µs, what a file has of them, in
// no more memory than that takes. What comes late is added nevertheless.
func (s *steps) end(before int64) {
	for k, one := range s.all {
		if k.at >= before || one.ended {
			continue
		}
		one.keep(minuteKeys)
		small := &step{rows: slices.Clone(one.rows), rest: one.rest, floor: one.floor, ended: true}
		small.at.reset()
		for i := range small.rows {
			small.at.of(small.rows[i].words(), uint64(small.rows[i].point))
		}
		s.all[k], s.spare = small, append(s.spare, one.cleared())
	}
}

// keep leaves the greatest of each step.
func (s *steps) keep(most int) {
	for _, one := range s.all {
		one.keep(most)
	}
}
