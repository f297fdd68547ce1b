package flows

import (
	"cmp"
	"path/filepath"
	"slices"
	"time"

	"weir/collector/store/columnar"
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

	// How many keys of a definition are kept of some rows while they are joined, of a minute (or the part of it that a journal has), of an hour.
	groupKeys  = 1000
	minuteKeys = 100
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

// rollKey is a key at a vantage point: its columns, and the point.
type rollKey struct {
	key    [2]string
	agent  string
	egress bool
}

// step is what is kept of a definition in a minute or an hour.
type step struct {
	rows  map[rollKey]*rollRow
	rest  rollRow // of the keys left out, each at the vantage point that saw most
	floor float64 // octets that a key left out has at most
}

// stepKey is a definition's number and the start of a step, µs.
type stepKey struct {
	definition int
	at         int64
}

// steps are those of a file.
type steps map[stepKey]*step

func (s steps) at(k stepKey) *step {
	if s[k] == nil {
		s[k] = &step{rows: map[rollKey]*rollRow{}}
	}
	return s[k]
}

// missed is how much a key's row may lack.
func (s *step) missed(r *rollRow) float64 { return max(s.floor-r.covered, 0) }

// add joins what another part of the step has.
func (s *step) add(k rollKey, r *rollRow) {
	if have := s.rows[k]; have != nil {
		have.add(r)
		return
	}
	c := *r
	s.rows[k] = &c
}

// keep leaves the keys with most octets at one vantage point, so many.
func (s *step) keep(most int) {
	best := map[[2]string]*rollRow{}
	for k, r := range s.rows {
		if have := best[k.key]; have == nil || r.bytes > have.bytes {
			best[k.key] = r
		}
	}
	if len(best) <= most {
		return
	}
	keys := make([][2]string, 0, len(best))
	for k := range best {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(best[b].bytes, best[a].bytes), slices.Compare(a[:], b[:]))
	})
	floor := s.floor // one that no part kept
	for _, k := range keys[most:] {
		floor = max(floor, best[k].bytes+s.missed(best[k]))
		s.rest.add(best[k])
	}
	for _, k := range keys[most:] {
		delete(best, k)
	}
	for k, r := range s.rows {
		if best[k.key] == nil {
			delete(s.rows, k)
			continue
		}
		r.covered = floor - s.missed(r)
	}
	s.floor, s.rest.covered = floor, 0
}

// rollRows is how many rows are summed at a time.
const rollRows = 1 << 15

// roller makes the steps of one definition of the rows of a segment, a row group
// at a time: those of all definitions at once would be the most that a collector
// has in memory.
type roller struct {
	definition int
	steps      steps
	words      map[string]string // of the steps, each once
	sums       *sums
	best       bests
	where      []int32
	cols       []*column // of the key, then agent and egress
	index      [][]int32
	buf        []byte
}

func newRoller(definition int) *roller {
	return &roller{definition: definition, steps: steps{}, words: map[string]string{}, sums: newSums(len(definitions[definition]))}
}

// group adds a row group.
func (r *roller) group(g *segmentSource) error {
	times, err := g.times()
	if err != nil {
		return err
	}
	r.cols, r.index = r.cols[:0], r.index[:0]
	for _, name := range append(slices.Clone(definitions[r.definition]), "agent", "egress", "length", "sampling_rate") {
		c, err := g.column(name)
		if err != nil {
			return err
		}
		places, err := c.places()
		if err != nil {
			return err
		}
		r.cols, r.index = append(r.cols, c), append(r.index, places)
	}
	n := len(r.cols)
	if r.cols[n-1].numbers == nil || r.cols[n-2].numbers == nil || r.cols[n-3].numbers == nil {
		return errNumbers
	}
	for from := 0; from < len(times); from += rollRows {
		r.part(times, from, min(from+rollRows, len(times)))
	}
	r.steps.keep(groupKeys)
	return nil
}

// part adds some rows of the row group at hand.
func (r *roller) part(times []int64, from, to int) {
	s, keys := r.sums, len(definitions[r.definition])
	s.reset()
	r.where = sized(r.where, to-from)
	agent, egress, length, rate := r.index[keys], r.index[keys+1], r.index[keys+2], r.index[keys+3]
	ways := int32(r.cols[keys+1].size)
	for i := range r.where {
		row := from + i
		key := uint32(r.index[0][row])
		if keys == 2 {
			key = s.chain[0].of(key, uint32(r.index[1][row]))
		}
		r.where[i] = s.place(key, uint32(agent[row]*ways+egress[row]), uint32(times[row]/rollMinute.Microseconds()))
	}
	lengths, rates := r.cols[keys+2].numbers, r.cols[keys+3].numbers
	for i, place := range r.where {
		row := from + i
		s.all[place].count(times[row], float64(rates[rate[row]]), float64(lengths[length[row]]))
	}
	r.take()
}

// take adds the greatest of the sums.
func (r *roller) take() {
	s := r.sums
	best := r.best.of(s.all, false)
	byStep := map[uint32][]float64{}
	for i := range best {
		byStep[best[i].step] = append(byStep[best[i].step], best[i].bytes)
	}
	floors := map[uint32]float64{}
	for at, values := range byStep {
		if len(values) > groupKeys {
			floors[at] = nth(values, groupKeys)
		}
	}
	type at struct{ key, step uint32 }
	chosen := map[at]bool{}
	for i := range best {
		k := &best[i]
		floor, cut := floors[k.step]
		if !cut || k.bytes > floor {
			chosen[at{k.key, k.step}] = true
			continue
		}
		r.step(k.step).rest.add(&rollRow{bytes: k.bytes, packets: k.packets, samples: float64(k.samples), squares: k.squares})
	}
	for t := range byStep {
		r.step(t).floor += floors[t]
	}
	keys := len(definitions[r.definition])
	agent, egress := r.cols[keys], r.cols[keys+1]
	for i := range s.all {
		x := &s.all[i]
		if !chosen[at{x.key, x.step}] {
			continue
		}
		k := rollKey{agent: r.word(agent, int(x.point)/egress.size), egress: egress.numbers[int(x.point)%egress.size] == 1}
		for c, place := range s.parts(x.key, keys) {
			k.key[c] = r.word(r.cols[c], int(place))
		}
		r.step(x.step).add(k, &rollRow{bytes: x.bytes, packets: x.packets, samples: float64(x.samples), squares: x.squares, covered: floors[x.step]})
	}
}

func (r *roller) step(minute uint32) *step {
	return r.steps.at(stepKey{r.definition, int64(minute) * rollMinute.Microseconds()})
}

// word returns a value of a dictionary.
func (r *roller) word(c *column, i int) string {
	r.buf = c.text(r.buf[:0], i)
	w, ok := r.words[string(r.buf)]
	if !ok {
		w = string(r.buf)
		r.words[w] = w
	}
	return w
}

// rollSegment makes the rollup of a segment, which is the journal's with the id.
func rollSegment(dir, path, id string) error {
	f, in, err := columnar.OpenFile(path)
	if err != nil {
		return err
	}
	defer in.Close()
	source := newSegmentSource()
	for n := range f.Groups() {
		if first, last, ok := f.Span(n, timeColumn); ok {
			if err := dropHours(dir, first, last+1); err != nil {
				return err
			}
		}
	}
	return saveRollup(filepath.Join(dir, rollupDir), minutePrefix, rollMinute, id, func(definition int) (steps, error) {
		r := newRoller(definition)
		for n := range f.Groups() {
			source.at(f, n)
			if err := r.group(source); err != nil {
				return nil, err
			}
		}
		r.steps.keep(minuteKeys)
		return r.steps, nil
	})
}

// keep leaves the greatest of each step.
func (s steps) keep(most int) {
	for _, one := range s {
		one.keep(most)
	}
}
