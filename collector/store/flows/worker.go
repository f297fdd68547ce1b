package flows

import (
	"errors"

	"weir/detect/prefetch"
)

// worker sums what one goroutine reads.
type worker struct {
	s    *scan
	sums *sums
	file *segmentSource
	calculus
	rows   []int32 // that pass
	keys   []uint32
	trans  [][]uint32 // by column of the key and place of a text, its number and one; 0 is not known
	points []uint32
	ways   int     // of points
	where  []int32 // their sums
	length []float64
	rate   []float64
}

func newWorker(s *scan) *worker {
	return &worker{s: s, sums: newSums(len(s.q.By)), file: newSegmentSource(), trans: make([][]uint32, len(s.q.By))}
}

// forget forgets what dictionaries that grew have.
func (w *worker) forget() {
	w.calculus.forget()
	for d := range w.trans {
		w.trans[d] = w.trans[d][:0]
	}
	w.points = w.points[:0]
}

// group sums the rows of a group that pass, with besides those of hours whose rollups
// are not read.
func (w *worker) group(g group, besides bool) error {
	at, err := g.times()
	if err != nil {
		return err
	}
	rows, every, err := w.s.passing(w.calculus.of(g), at, w.rows, besides)
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
		trans := w.translate(d, c, index, rows, named)
		switch {
		case d == 0 && rows == nil:
			for i, x := range index[:n] {
				w.keys[i] = trans[x] - 1
			}
		case d == 0:
			for i, r := range rows {
				w.keys[i] = trans[index[r]] - 1
			}
		default:
			chain := &w.sums.chain[d-1]
			for i := range w.keys {
				w.keys[i] = chain.of(w.keys[i], trans[index[rowAt(rows, i)]]-1)
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

// translate returns the numbers, and one, of a dictionary's texts for a column of the
// key, of those at least that rows have; of addresses, with named, the names of their
// instances.
func (w *worker) translate(d int, c *column, index, rows []int32, named bool) []uint32 {
	if !c.grows {
		w.trans[d] = w.trans[d][:0]
	}
	w.trans[d] = extended(w.trans[d], c.size)
	trans, l := w.trans[d], w.s.words[d]
	var b []byte
	l.mu.Lock()
	defer l.mu.Unlock()
	number := func(i int) {
		if b = c.text(b[:0], i); named {
			b = append(b[:0], w.s.q.named[string(b)]...)
		}
		trans[i] = l.number(b) + 1
	}
	if rows == nil {
		for i := range trans {
			number(i)
		}
	}
	for _, r := range rows {
		if i := index[r]; trans[i] == 0 {
			number(int(i))
		}
	}
	return trans
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
	if !cols[0].grows || w.ways != cols[1].size {
		w.points, w.ways = w.points[:0], cols[1].size
	}
	l := w.s.points
	l.mu.Lock()
	defer l.mu.Unlock()
	var b []byte
	for a := len(w.points) / max(w.ways, 1); a < cols[0].size; a++ {
		for e := range w.ways {
			b = cols[0].text(b[:0], a)
			b = cols[1].text(append(b, 0), e)
			w.points = append(w.points, l.number(b))
		}
	}
	return agent, egress, w.points, cols[1].size, err
}
