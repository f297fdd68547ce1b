package flows

import (
	"errors"
	"sync"

	"weir/detect/prefetch"
)

// lexicon gives texts numbers, which all goroutines of a query share.
type lexicon struct {
	mu    sync.Mutex
	at    map[string]uint32
	texts []string
}

func newLexicon() *lexicon { return &lexicon{at: map[string]uint32{}} }

// number returns the number of a text. The lock is the caller's.
func (l *lexicon) number(text []byte) uint32 {
	n, ok := l.at[string(text)]
	if !ok {
		n = uint32(len(l.texts))
		s := string(text)
		l.at[s] = n
		l.texts = append(l.texts, s)
	}
	return n
}

// sums are sums by key, vantage point and step.
type sums struct {
	chain []pairs // for keys of several columns: the key so far and the next column
	at    places
	all   []sum
	// cells are where sums of the first step are, by key and, of so many, vantage
	// point: where these have small numbers nothing need be hashed. 0 is not known.
	cells  []uint32
	points uint32
	// Of rollups, by step: what keys that were left out may have, and what they
	// had together.
	floors map[uint32]float64
	rests  map[uint32]*sum
}

// left adds what a rollup left out of a step.
func (s *sums) left(step uint32, floor float64, rest *sum) {
	if s.floors == nil {
		s.floors, s.rests = map[uint32]float64{}, map[uint32]*sum{}
	}
	s.floors[step] += floor
	if s.rests[step] == nil {
		s.rests[step] = &sum{}
	}
	s.rests[step].add(rest)
}

// pairs give a pair of numbers one.
type pairs struct {
	at  places
	all [][2]uint32
}

func (p *pairs) of(a, b uint32) uint32 {
	n, fresh := p.at.of(0, uint64(a)<<32|uint64(b))
	if fresh {
		p.all = append(p.all, [2]uint32{a, b})
	}
	return uint32(n)
}

// sum is what was sampled of a key at a vantage point in a step.
type sum struct {
	key, point, step        uint32
	samples                 uint64
	bytes, packets, squares float64 // squares of the bytes of each sample
	first, last             int64   // µs
	covered                 float64 // of the floor of a rollup
}

func newSums(columns int) *sums {
	s := &sums{chain: make([]pairs, max(columns-1, 0))}
	s.reset()
	return s
}

// reset forgets all sums and keeps the memory.
func (s *sums) reset() {
	for i := range s.chain {
		s.chain[i].at.reset()
		s.chain[i].all = s.chain[i].all[:0]
	}
	s.at.reset()
	s.all = s.all[:0]
	clear(s.cells)
}

// manyCells are so many that they take 2 MB.
const manyCells = 1 << 19

// expect makes cells for vantage points below a number.
func (s *sums) expect(points uint32) {
	if points <= s.points || points > manyCells/256 {
		return
	}
	s.points = max(2*s.points, points)
	if s.cells == nil {
		s.cells = make([]uint32, manyCells)
	}
	clear(s.cells) // they are by other points now
}

// place returns where the sum of a key is.
func (s *sums) place(key, point, step uint32) int32 {
	cell := uint64(key)*uint64(s.points) + uint64(point)
	if step > 0 || point >= s.points || cell >= uint64(len(s.cells)) {
		return s.find(key, point, step)
	}
	if n := s.cells[cell]; n > 0 {
		return int32(n - 1)
	}
	n := s.find(key, point, step)
	s.cells[cell] = uint32(n) + 1
	return n
}

func (s *sums) find(key, point, step uint32) int32 {
	n, fresh := s.at.of(uint64(step), uint64(key)<<32|uint64(point))
	if fresh {
		s.all = append(s.all, sum{key: key, point: point, step: step})
	}
	return n
}

// count counts a sample of so many packets, each of so many octets.
func (s *sum) count(at int64, packets, length float64) {
	if s.samples == 0 {
		s.first, s.last = at, at
	} else {
		s.first, s.last = min(s.first, at), max(s.last, at)
	}
	bytes := packets * length
	s.samples++
	s.packets += packets
	s.bytes += bytes
	s.squares += bytes * bytes
}

func (s *sum) add(o *sum) {
	if s.last == 0 || o.first < s.first {
		s.first = o.first
	}
	s.last = max(s.last, o.last)
	s.samples += o.samples
	s.bytes, s.packets, s.squares = s.bytes+o.bytes, s.packets+o.packets, s.squares+o.squares
	s.covered += o.covered
}

// merge adds the sums of another goroutine, whose texts have the same numbers.
func (s *sums) merge(o *sums) error {
	var same []uint32 // our number of their key
	for i := range o.chain {
		next := make([]uint32, len(o.chain[i].all))
		for n, p := range o.chain[i].all {
			if i > 0 {
				p[0] = same[p[0]]
			}
			next[n] = s.chain[i].of(p[0], p[1])
		}
		same = next
	}
	for i := range o.all {
		x := &o.all[i]
		key := x.key
		if same != nil {
			key = same[key]
		}
		s.all[s.place(key, x.point, x.step)].add(x)
	}
	for step, floor := range o.floors {
		s.left(step, floor, o.rests[step])
	}
	return s.bounded()
}

// bounded returns an error where there are too many keys.
func (s *sums) bounded() error {
	most := len(s.all)
	for i := range s.chain {
		most = max(most, len(s.chain[i].all))
	}
	if most > MaxKeys {
		return errTooMany
	}
	return nil
}

// parts returns the numbers of the texts of a key's columns.
func (s *sums) parts(key uint32, columns int) []uint32 {
	all := make([]uint32, columns)
	for i := columns - 1; i > 0; i-- {
		p := s.chain[i-1].all[key]
		all[i], key = p[1], p[0]
	}
	if columns > 0 {
		all[0] = key
	}
	return all
}

// worker sums what one goroutine reads.
type worker struct {
	s      *scan
	sums   *sums
	file   *segmentSource
	rows   []int32 // that pass
	keys   []uint32
	trans  []uint32
	used   []bool
	points []uint32
	where  []int32 // their sums
	length []float64
	rate   []float64
}

func newWorker(s *scan) *worker {
	return &worker{s: s, sums: newSums(len(s.q.By)), file: newSegmentSource()}
}

// group sums the rows of a group that pass.
func (w *worker) group(g group) error {
	at, err := g.times()
	if err != nil {
		return err
	}
	rows, every, err := w.s.passing(g, at, w.rows)
	if err != nil || !every && len(rows) == 0 {
		return err
	}
	if w.rows = rows; every {
		rows = nil
	}
	n := len(at)
	if !every {
		n = len(rows)
	}
	if err := w.key(g, rows, n); err != nil {
		return err
	}
	if err := w.add(g, at, rows, n); err != nil {
		return err
	}
	return w.sums.bounded()
}

// key makes the keys of n rows, those named or all.
func (w *worker) key(g group, rows []int32, n int) error {
	w.keys = sized(w.keys, n)
	clear(w.keys)
	for d, name := range w.s.q.By {
		of, named := instanceColumn(name)
		if named {
			name = of
		}
		c, err := g.column(name)
		if err != nil {
			return err
		}
		index, err := c.places()
		if err != nil {
			return err
		}
		w.translate(w.s.words[d], c, index, rows, named)
		switch {
		case d == 0 && rows == nil:
			for i, x := range index[:n] {
				w.keys[i] = w.trans[x]
			}
		case d == 0:
			for i, r := range rows {
				w.keys[i] = w.trans[index[r]]
			}
		default:
			chain := &w.sums.chain[d-1]
			for i := range w.keys {
				w.keys[i] = chain.of(w.keys[i], w.trans[index[rowAt(rows, i)]])
			}
		}
	}
	return nil
}

func rowAt(rows []int32, i int) int {
	if rows == nil {
		return i
	}
	return int(rows[i])
}

func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// translate fills w.trans with the numbers of a dictionary's texts, of those at
// least that rows have; of addresses, with named, the names of their instances.
func (w *worker) translate(l *lexicon, c *column, index, rows []int32, named bool) {
	w.trans, w.used = sized(w.trans, c.size), sized(w.used, c.size)
	if rows != nil {
		clear(w.used)
		for _, r := range rows {
			w.used[index[r]] = true
		}
	}
	var b []byte
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range w.trans {
		if rows == nil || w.used[i] {
			if b = c.text(b[:0], i); named {
				b = append(b[:0], w.s.q.named[string(b)]...)
			}
			w.trans[i] = l.number(b)
		}
	}
}

var errNumbers = errors.New("length or sampling_rate is no number")

// add adds n rows to the sums of their keys.
func (w *worker) add(g group, at []int64, rows []int32, n int) error {
	var index [2][]int32
	var cols [2]*column
	for i, name := range []string{"length", "sampling_rate"} {
		c, err := g.column(name)
		if err != nil {
			return err
		}
		if index[i], err = c.places(); err != nil {
			return err
		}
		cols[i] = c
	}
	length, rate := index[0], index[1]
	if cols[0].numbers == nil || cols[1].numbers == nil {
		return errNumbers
	}
	w.length, w.rate = floats(w.length, cols[0].numbers), floats(w.rate, cols[1].numbers)
	agent, egress, points, ways, err := w.vantage(g)
	if err != nil {
		return err
	}
	step := w.s.q.Step.Microseconds()
	// First where each row belongs, then the sums: rows do not wait for the
	// memory of those before them.
	for _, p := range points {
		w.sums.expect(p + 1)
	}
	w.where = sized(w.where, n)
	for i := range n {
		r, which := rowAt(rows, i), uint32(0)
		if step > 0 {
			which = uint32((at[r] - w.s.from) / step)
		}
		w.where[i] = w.sums.place(w.keys[i], points[int(agent[r])*ways+int(egress[r])], which)
	}
	const far = 16 // rows between asking for a sum and adding to it
	for i, place := range w.where {
		if next := i + far; next < len(w.where) {
			prefetch.Line(&w.sums.all[w.where[next]])
		}
		r := rowAt(rows, i)
		w.sums.all[place].count(at[r], w.rate[rate[r]], w.length[length[r]])
	}
	return nil
}

func floats(f []float64, n []int64) []float64 {
	f = f[:0]
	for _, v := range n {
		f = append(f, float64(v))
	}
	return f
}

// vantage returns where each row was sampled: the places of its agent and its
// direction, of which there are so many ways, and the numbers of each two.
func (w *worker) vantage(g group) (agent, egress []int32, points []uint32, ways int, err error) {
	cols := [2]*column{}
	for i, name := range []string{"agent", "egress"} {
		if cols[i], err = g.column(name); err != nil {
			return nil, nil, nil, 0, err
		}
	}
	if agent, err = cols[0].places(); err == nil {
		egress, err = cols[1].places()
	}
	w.points = w.points[:0]
	l := w.s.points
	l.mu.Lock()
	defer l.mu.Unlock()
	var b []byte
	for a := range cols[0].size {
		for e := range cols[1].size {
			b = cols[0].text(b[:0], a)
			b = cols[1].text(append(b, 0), e)
			w.points = append(w.points, l.number(b))
		}
	}
	return agent, egress, w.points, cols[1].size, err
}
