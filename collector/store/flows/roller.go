package flows

import (
	"path/filepath"

	"weir/collector/store/columnar"
)

// roller makes the minutes' rollups of the row groups of a segment, while these
// are made: of places in their dictionaries, so that no row is looked at twice
// and no text but those of keys that are kept.
//
// A row is counted under its key, and a key of a minute under two others: the pair
// of addresses, and what else the definitions have. What the definitions are made
// of is these sums, of which there are fewer than rows.
type roller struct {
	steps   *steps
	tallies []tally  // by number of key
	touched []uint32 // those that have something
	minutes []int64  // of the row group, µs
	pairs   spots
	ways    spots
	part    spots // of a definition
	best    []best
	at      places // of best
	of      []int32
	values  []float64
	text    []byte
}

// tally is what the rows of a key in a minute have.
type tally struct {
	octets  uint64
	squares float64 // of the octets of each
	samples uint32
}

// spot is what was sampled of a key at a vantage point in a minute.
type spot struct {
	hi, lo                  uint64
	bytes, packets, squares float64
	samples                 uint32
}

// spots are those of a row group.
type spots struct {
	at  places
	all []spot
}

func (s *spots) reset() {
	s.at.reset()
	s.all = s.all[:0]
}

func (s *spots) of(hi, lo uint64) *spot {
	n, fresh := s.at.of(hi, lo)
	if fresh {
		s.all = append(s.all, spot{hi: hi, lo: lo})
	}
	return &s.all[n]
}

// best is the vantage point that saw most of a key in a minute.
type best struct {
	spot   int32
	minute uint32
	stays  bool
}

// Places in dictionaries have placeBits bits in a spot's words, since a row group
// has no more rows than that.
const (
	placeBits = 20
	placeMask = columnar.MaxGroup - 1
)

func newRoller() *roller { return &roller{steps: newSteps()} }

// The words of a spot of a definition have its key's places, the first above the
// second, and from the lowest bit egress, agent and minute; so have those of
// pairs. Those of ways have output, protocol and domain, and egress, agent, minute
// and input.
const (
	pointBits  = 1 + placeBits
	minuteMask = 1<<(pointBits+placeBits) - 1
)

func pair(first, second uint64) uint64 { return first<<placeBits | second }

// source is where the keys of a definition are taken from; nil is from where they
// are as they must be.
type source struct {
	from *spots
	key  func(s *spot) uint64
}

// sources are those of each of the definitions.
func (r *roller) sources() []source {
	agent := func(s *spot) uint64 { return s.lo >> 1 & placeMask }
	return []source{
		{&r.pairs, func(s *spot) uint64 { return pair(s.hi>>placeBits, 0) }},
		{&r.pairs, func(s *spot) uint64 { return pair(s.hi&placeMask, 0) }},
		{&r.pairs, nil},
		{&r.ways, func(s *spot) uint64 { return pair(s.hi>>placeBits&placeMask, 0) }},
		{&r.ways, func(s *spot) uint64 { return pair(s.hi>>(2*placeBits), 0) }},
		{&r.ways, func(s *spot) uint64 { return pair(agent(s), s.lo>>(pointBits+placeBits)) }},
		{&r.ways, func(s *spot) uint64 { return pair(agent(s), s.hi&placeMask) }},
	}
}

// group adds a row group: of each row the time, the number of its key and its
// length. The columns are in the order of fields.
func (r *roller) group(times []int64, of, lengths []uint32, columns []*built) {
	at := map[string]*built{}
	for _, c := range columns {
		at[c.name] = c
	}
	r.count(times, of, lengths, at)
	for d, source := range r.sources() {
		keys := make([]*built, len(definitions[d]))
		for i, name := range definitions[d] {
			keys[i] = at[name]
		}
		r.definition(d, r.gather(source), keys, at["agent"])
	}
}

// count sums the rows.
func (r *roller) count(times []int64, of, lengths []uint32, at map[string]*built) {
	r.pairs.reset()
	r.ways.reset()
	r.minutes = r.minutes[:0]
	r.tallies = sized(r.tallies, len(at["src"].data.Index))
	clear(r.tallies)
	seen := map[int64]uint64{}
	for len(times) > 0 {
		now := times[0] / rollMinute.Microseconds()
		n := r.tally(times, of, lengths, now)
		minute, ok := seen[now]
		if !ok {
			minute = uint64(len(r.minutes))
			seen[now], r.minutes = minute, append(r.minutes, now*rollMinute.Microseconds())
		}
		r.spread(minute, at)
		times, of, lengths = times[n:], of[n:], lengths[n:]
	}
}

// tally sums the rows up to the first that is not of a minute.
func (r *roller) tally(times []int64, of, lengths []uint32, minute int64) (n int) {
	from, to := minute*rollMinute.Microseconds(), (minute+1)*rollMinute.Microseconds()
	r.touched = r.touched[:0]
	for i, t := range times {
		if t < from || t >= to {
			return i
		}
		one := &r.tallies[of[i]]
		if one.samples == 0 {
			r.touched = append(r.touched, of[i])
		}
		one.samples++
		length := uint64(min(lengths[i], maxLength))
		one.octets += length
		one.squares += float64(length * length)
	}
	return len(times)
}

// spread adds what was tallied to the two sums.
func (r *roller) spread(minute uint64, at map[string]*built) {
	src, dst, proto, domain := at["src"].data.Index, at["dst"].data.Index, at["proto"].data.Index, at["domain"].data.Index
	input, output, agent, egress := at["input"].data.Index, at["output"].data.Index, at["agent"].data.Index, at["egress"].data
	rates := at["sampling_rate"].data
	for _, i := range r.touched {
		t := &r.tallies[i]
		rate := float64(rates.Numbers[rates.Index[i]])
		s := spot{bytes: rate * float64(t.octets), packets: rate * float64(t.samples), squares: rate * rate * t.squares, samples: t.samples}
		*t = tally{}
		where := uint64(egress.Numbers[egress.Index[i]]) | uint64(agent[i])<<1 | minute<<pointBits
		r.pairs.of(pair(uint64(src[i]), uint64(dst[i])), where).add(&s)
		r.ways.of(uint64(output[i])|uint64(proto[i])<<placeBits|uint64(domain[i])<<(2*placeBits), where|uint64(input[i])<<(pointBits+placeBits)).add(&s)
	}
}

func (s *spot) add(o *spot) {
	s.samples += o.samples
	s.bytes, s.packets, s.squares = s.bytes+o.bytes, s.packets+o.packets, s.squares+o.squares
}

// gather returns the spots of a definition, which are valid until the next call.
func (r *roller) gather(from source) []spot {
	if from.key == nil {
		return from.from.all
	}
	r.part.reset()
	for i := range from.from.all {
		s := &from.from.all[i]
		r.part.of(from.key(s), s.lo&minuteMask).add(s)
	}
	return r.part.all
}

// definition adds the greatest keys of a definition.
func (r *roller) definition(d int, all []spot, columns []*built, agents *built) {
	into := make([]*step, len(r.minutes))
	for m, at := range r.minutes {
		into[m] = r.steps.at(stepKey{d, at})
	}
	floors := r.choose(all, into)
	r.steps.words.mu.Lock()
	defer r.steps.words.mu.Unlock()
	for i := range all {
		b := &r.best[r.of[i]]
		if !b.stays {
			continue
		}
		s := &all[i]
		k := rollKey{point: pointOf(r.word(agents, s.lo>>1&placeMask), s.lo&1 == 1)}
		places := [2]uint64{s.hi >> placeBits, s.hi & placeMask}
		for c := range columns {
			k.key[c] = r.word(columns[c], places[c])
		}
		row := s.row()
		row.covered = floors[b.minute]
		into[b.minute].add(k, &row)
	}
	for _, one := range into {
		if len(one.rows) > 2*groupKeys {
			one.keep(groupKeys)
		}
	}
}

func (s *spot) row() rollRow {
	return rollRow{bytes: s.bytes, packets: s.packets, samples: float64(s.samples), squares: s.squares}
}

// choose finds of each key in each minute the vantage point that saw most, and
// which keys are kept. Those that are not go to the rest of their step. It
// returns how much one of them has at most, of each minute.
func (r *roller) choose(all []spot, into []*step) (floors []float64) {
	r.at.reset()
	r.best, r.of = r.best[:0], sized(r.of, len(all))
	for i := range all {
		s := &all[i]
		minute := s.lo >> pointBits
		n, fresh := r.at.of(minute, s.hi)
		switch r.of[i] = n; {
		case fresh:
			r.best = append(r.best, best{spot: int32(i), minute: uint32(minute)})
		case s.bytes > all[r.best[n].spot].bytes:
			r.best[n].spot = int32(i)
		}
	}
	floors = r.floors(all)
	for m, one := range into {
		one.floor += floors[m]
	}
	for i := range r.best {
		b := &r.best[i]
		s := &all[b.spot]
		if b.stays = floors[b.minute] == 0 || s.bytes > floors[b.minute]; !b.stays {
			row := s.row()
			into[b.minute].rest.add(&row)
		}
	}
	return floors
}

// floors returns the octets above which a key is kept, of each minute; 0 where
// all are.
func (r *roller) floors(all []spot) []float64 {
	count := make([]int, len(r.minutes))
	for i := range r.best {
		count[r.best[i].minute]++
	}
	floors := make([]float64, len(r.minutes))
	for m, n := range count {
		if n <= groupKeys {
			continue
		}
		r.values = r.values[:0]
		for i := range r.best {
			if r.best[i].minute == uint32(m) {
				r.values = append(r.values, all[r.best[i].spot].bytes)
			}
		}
		floors[m] = nth(r.values, groupKeys)
	}
	return floors
}

// word returns the number of a text of a dictionary. The lock is the caller's.
func (r *roller) word(c *built, place uint64) uint32 {
	r.text = c.appendText(r.text[:0], int(place))
	return r.steps.words.number(r.text)
}

// save makes the rollup of the journal with the id, whose rows are from first to
// last µs.
func (r *roller) save(dir string, first, last int64, id string) error {
	if err := dropHours(dir, first, last+1); err != nil {
		return err
	}
	r.steps.keep(minuteKeys)
	return saveRollup(filepath.Join(dir, rollupDir), minutePrefix, rollMinute, id, func(d int) (*steps, error) {
		return r.steps.only(d), nil
	})
}

// only returns the steps of a definition.
func (s *steps) only(d int) *steps {
	one := &steps{s.words, map[stepKey]*step{}}
	for _, at := range s.of(d) {
		k := stepKey{d, at}
		one.all[k] = s.all[k]
	}
	return one
}
