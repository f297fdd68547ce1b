package flows

import (
	"cmp"
	"slices"
	"strconv"
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

	// How many keys of a definition are kept of a row group while they are
	// joined, of a minute (or the part of it that a journal has), of an hour.
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

// roller makes the steps of the rows of a builder, a row group at a time.
type roller struct {
	steps steps
	sums  [3]*sums // of keys of so many columns
	where []int32
	at    []uint32 // minutes
	point []uint32
}

func newRoller() *roller {
	return &roller{steps: steps{}, sums: [3]*sums{nil, newSums(1), newSums(2)}}
}

// group adds a row group.
func (r *roller) group(b *builder) {
	n := len(b.times)
	r.where, r.at, r.point = sized(r.where, n), sized(r.at, n), sized(r.point, n)
	agent, egress := b.column("agent"), b.column("egress")
	length, rate := b.column("length"), b.column("sampling_rate")
	ways := int32(egress.size())
	for i, t := range b.times {
		r.at[i] = uint32(t / rollMinute.Microseconds())
		r.point[i] = uint32(agent.data.Index[i]*ways + egress.data.Index[i])
	}
	for d, names := range definitions {
		s := r.sums[len(names)]
		s.reset()
		first := b.column(names[0]).data.Index
		if len(names) == 1 {
			for i := range n {
				r.where[i] = s.place(uint32(first[i]), r.point[i], r.at[i])
			}
		} else {
			second := b.column(names[1]).data.Index
			for i := range n {
				r.where[i] = s.place(s.chain[0].of(uint32(first[i]), uint32(second[i])), r.point[i], r.at[i])
			}
		}
		for i, place := range r.where {
			s.all[place].count(b.times[i], float64(rate.data.Numbers[rate.data.Index[i]]), float64(length.data.Numbers[length.data.Index[i]]))
		}
		r.take(b, d, s)
	}
}

// take adds the greatest of a definition's sums in a row group.
func (r *roller) take(b *builder, d int, s *sums) {
	best := bestOf(s.all, false)
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
		r.step(d, k.step).rest.add(&rollRow{bytes: k.bytes, packets: k.packets, samples: float64(k.samples), squares: k.squares})
	}
	for t := range byStep {
		r.step(d, t).floor += floors[t]
	}
	names := definitions[d]
	agent, egress := b.column("agent"), b.column("egress")
	for i := range s.all {
		x := &s.all[i]
		if !chosen[at{x.key, x.step}] {
			continue
		}
		k := rollKey{agent: agent.word(int(x.point) / egress.size()), egress: egress.data.Numbers[int(x.point)%egress.size()] == 1}
		for c, place := range s.parts(x.key, len(names)) {
			k.key[c] = b.column(names[c]).word(int(place))
		}
		r.step(d, x.step).add(k, &rollRow{bytes: x.bytes, packets: x.packets, samples: float64(x.samples), squares: x.squares, covered: floors[x.step]})
	}
}

func (r *roller) step(d int, minute uint32) *step {
	return r.steps.at(stepKey{d, int64(minute) * rollMinute.Microseconds()})
}

// keep leaves the greatest of each step.
func (s steps) keep(most int) {
	for _, one := range s {
		one.keep(most)
	}
}

// word returns a value of the dictionary, "" for none.
func (b *built) word(i int) string {
	if b.number == nil {
		return string(b.data.Texts.At(i))
	}
	if b.data.Numbers[i] < 0 {
		return ""
	}
	return strconv.FormatInt(b.data.Numbers[i], 10)
}

func (b *built) size() int { return int(b.at.n) }
