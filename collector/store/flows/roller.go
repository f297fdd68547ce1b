package flows

import (
	"cmp"
	"math"
	"path/filepath"
	"slices"
)

// roller makes the minutes' rollups of the rows of a segment, while this is made:
// of places in the columns' dictionaries, so that no text is looked at but those of
// keys that are kept.
//
// The rows of a minute are counted under their keys, as long as the numbers of these
// stay; what the definitions are made of is these sums, of which there are fewer than
// rows.
type roller struct {
	steps   *steps
	columns rolledColumns
	runs    []run
	now     int64    // the minute that is tallied
	tallies []tally  // by number of key
	touched []uint32 // those that have something
	seen    []spot   // of a minute, of each key that was seen
	two     places   // numbers of pairs of places in dictionaries
	pairs   grouped  // by these
	part    grouped  // of another definition

	best   []uint32 // by number, the spot that saw most, and one; 0 is none
	keys   []uint32 // numbers of them
	of     []uint32 // of each spot its number
	agents places   // numbers of an agent and a place
	values []float64
	text   []byte
}

// run is rows of one minute that follow each other.
type run struct {
	minute   int64 // since the epoch
	from, to int
}

// tally is what the rows of a key in a minute have.
type tally struct {
	octets  uint64
	squares float64 // of the octets of each
	samples uint32
}

// rolledColumns are those of a segment, by name.
type rolledColumns map[string]*built

func newRoller(columns []*built) *roller {
	r := &roller{steps: newSteps(), columns: rolledColumns{}}
	for _, c := range columns {
		r.columns[c.name] = c
	}
	return r
}

// begin begins the rollups of another segment.
func (r *roller) begin() {
	r.steps = r.steps.next()
	for _, k := range r.touched {
		r.tallies[k] = tally{}
	}
	r.touched = r.touched[:0]
}

// add counts rows, whose keys the columns have.
func (r *roller) add(x *block) {
	r.tallies = extended(r.tallies, len(x.keys))
	r.split(x.times)
	for _, part := range r.runs {
		if part.minute != r.now {
			r.flush()
			r.now = part.minute
			r.steps.end((r.now - 1) * rollMinute.Microseconds())
		}
		r.tally(x.of[part.from:part.to], x.lengths[part.from:part.to])
	}
}

// flush adds what was tallied to the steps of the minute. It must be called before
// numbers of keys begin anew.
func (r *roller) flush() {
	if len(r.touched) > 0 {
		r.minute(r.now*rollMinute.Microseconds(), r.columns)
		r.touched = r.touched[:0]
	}
}

// split finds the runs, those of a minute after each other, that which is tallied
// first.
func (r *roller) split(times []int64) {
	r.runs = r.runs[:0]
	from, to := int64(0), int64(0)
	for i, t := range times {
		if t < from || t >= to {
			minute := t / rollMinute.Microseconds()
			from, to = minute*rollMinute.Microseconds(), (minute+1)*rollMinute.Microseconds()
			r.runs = append(r.runs, run{minute: minute, from: i})
		}
		r.runs[len(r.runs)-1].to = i + 1
	}
	if len(r.runs) > 1 {
		slices.SortStableFunc(r.runs, func(a, b run) int {
			return cmp.Compare(r.turnOf(a.minute), r.turnOf(b.minute))
		})
	}
}

// turnOf returns what minutes are sorted by.
func (r *roller) turnOf(minute int64) int64 {
	if minute == r.now {
		return math.MinInt64
	}
	return minute
}

// tally sums rows.
func (r *roller) tally(of, lengths []uint32) {
	lengths = lengths[:len(of)]
	for i, k := range of {
		one := &r.tallies[k]
		if one.samples == 0 {
			r.touched = append(r.touched, k)
		}
		length := uint64(min(lengths[i], maxLength))
		one.samples++
		one.octets += length
		one.squares += float64(length * length)
	}
}

// minute adds what was tallied to the steps at a time, µs.
func (r *roller) minute(start int64, at rolledColumns) {
	r.take(at)
	points := 2 * at["agent"].at.size()
	src, dst := at["src"].data.Index, at["dst"].data.Index
	r.two.reset()
	r.pairs.begin(len(r.seen), points)
	for i := range r.seen {
		s := &r.seen[i]
		n, _ := r.two.of(uint64(src[s.key]), uint64(dst[s.key]))
		r.pairs.add(uint32(n), s)
	}
	for d, names := range definitions {
		if isPair(names) {
			r.definition(stepKey{d, start}, names, &r.pairs, at)
			continue
		}
		c := at[names[len(names)-1]]
		r.part.begin(c.at.size(), points)
		switch names[0] {
		case "src", "dst": // of the pairs, of which there are fewer
			for i := range r.pairs.spots {
				s := &r.pairs.spots[i]
				pair := &r.two.keys[s.key]
				place := pair[0]
				if names[0] == "dst" {
					place = pair[1]
				}
				r.part.add(uint32(place), s)
			}
		default:
			for i := range r.seen {
				s := &r.seen[i]
				r.part.add(uint32(c.data.Index[s.key]), s)
			}
		}
		r.definition(stepKey{d, start}, names, &r.part, at)
	}
}

func isPair(names []string) bool { return len(names) == 2 && names[0] == "src" }

// take lists the keys that were tallied, which are none afterwards.
func (r *roller) take(at rolledColumns) {
	agent, egress, rates := at["agent"].data.Index, at["egress"].data, at["sampling_rate"].data
	r.seen = r.seen[:0]
	for _, k := range r.touched {
		t := &r.tallies[k]
		rate := float64(rates.Numbers[rates.Index[k]])
		r.seen = append(r.seen, spot{
			key: k, point: uint32(agent[k])<<1 | uint32(egress.Numbers[egress.Index[k]]), samples: t.samples,
			bytes: rate * float64(t.octets), packets: rate * float64(t.samples), squares: rate * rate * t.squares,
		})
		*t = tally{}
	}
}

// definition adds the greatest keys of a definition to a step.
func (r *roller) definition(k stepKey, names []string, g *grouped, at rolledColumns) {
	into := r.steps.at(k)
	floor := r.choose(g, names[0] == "agent", into)
	agents := at["agent"]
	r.steps.words.mu.Lock()
	for i := range g.spots {
		if r.best[r.of[i]] == 0 {
			continue
		}
		s := &g.spots[i]
		k := rollKey{point: pointOf(r.word(agents, int(s.point>>1)), s.point&1 == 1)}
		places := [2]uint64{uint64(s.key)}
		switch {
		case isPair(names):
			places = r.two.keys[s.key]
		case names[0] == "agent":
			places = [2]uint64{uint64(s.point >> 1), uint64(s.key)}
		}
		for c, name := range names {
			k.key[c] = r.word(at[name], int(places[c]))
		}
		row := s.row()
		row.covered = floor
		if into.later(k, row); len(into.wait) == maxWaiting { // many see each key
			into.join()
		}
	}
	r.steps.words.mu.Unlock()
	for _, n := range r.keys {
		r.best[n] = 0
	}
	if len(into.wait)+len(into.rows) > 2*maxWaiting {
		into.join()
		into.thin()
	}
}

// choose finds of each key the vantage point that saw most, and which keys are
// kept: those that still have a best. The others go to the rest of the step. It
// returns how much one of them has at most.
func (r *roller) choose(g *grouped, byAgent bool, into *step) (floor float64) {
	r.number(g, byAgent)
	r.keys, r.values = r.keys[:0], r.values[:0]
	for i, n := range r.of {
		switch b := &r.best[n]; {
		case *b == 0:
			r.keys = append(r.keys, n)
			*b = uint32(i) + 1
		case g.spots[i].bytes > g.spots[*b-1].bytes:
			*b = uint32(i) + 1
		}
	}
	if len(r.keys) <= groupKeys && len(g.spots) <= manyRows {
		return 0
	}
	for _, n := range r.keys {
		r.values = append(r.values, g.spots[r.best[n]-1].bytes)
	}
	if floor = r.least(groupKeys); len(g.spots) > manyRows {
		if rows := r.rowsAbove(g, floor); rows > manyRows {
			floor = r.least(keysOf(rows))
		}
	}
	if floor < 0 {
		return 0
	}
	into.floor += floor // 0 where agents say that frames have no length
	for _, n := range r.keys {
		if s := &g.spots[r.best[n]-1]; s.bytes <= floor {
			row := s.row()
			into.rest.add(&row)
			r.best[n] = 0
		}
	}
	return floor
}

// least returns what the greatest values, so many, are above: less than none where
// these are all.
func (r *roller) least(most int) float64 {
	if len(r.values) <= most {
		return -1
	}
	return nth(r.values, most)
}

// rowsAbove returns how many rows the keys have whose best has more octets than a
// floor.
func (r *roller) rowsAbove(g *grouped, floor float64) (rows int) {
	for _, n := range r.of {
		if g.spots[r.best[n]-1].bytes > floor {
			rows++
		}
	}
	return rows
}

// number gives the keys of spots numbers: of a definition by agent those of an
// agent and a place, else the places. There is room for the best of each.
func (r *roller) number(g *grouped, byAgent bool) {
	r.of = sized(r.of, len(g.spots))
	most := uint32(0)
	r.agents.reset()
	for i := range g.spots {
		n := g.spots[i].key
		if byAgent {
			place, _ := r.agents.of(uint64(g.spots[i].point>>1), uint64(n))
			n = uint32(place)
		}
		r.of[i] = n
		most = max(most, n)
	}
	if int(most) >= len(r.best) {
		r.best = make([]uint32, max(2*len(r.best), int(most)+1))
	}
}

// word returns the number of a text of a dictionary. The lock is the caller's.
func (r *roller) word(c *built, place int) uint32 {
	r.text = c.appendText(r.text[:0], place)
	return r.steps.words.number(r.text)
}

// save makes the rollups of the journal with the id.
func (r *roller) save(dir, id string) error {
	r.steps.keep(minuteKeys)
	err := saveRollup(filepath.Join(dir, rollupDir), minutePrefix, rollMinute, id, func(d int) (*steps, error) {
		return r.steps.only(d), nil
	})
	if err != nil {
		return err
	}
	return addLate(dir, id)
}

// only returns the steps of a definition.
func (s *steps) only(d int) *steps {
	one := &steps{words: s.words, all: map[stepKey]*step{}}
	for _, at := range s.of(d) {
		k := stepKey{d, at}
		one.all[k] = s.all[k]
	}
	return one
}
