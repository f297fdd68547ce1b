package flows

import (
	"strings"
	"time"
)

// worker sums what one goroutine reads, by numbers that stand for texts.
type worker struct {
	by    int // dimensions of the key; the others are the vantage point
	ids   []map[string]int32
	words [][]string
	at    map[sumKey]int32
	sums  []tallySum
}

// maxDims is how many dimensions there are at most: six of the key, two of the
// vantage point.
const maxDims = 8

type sumKey struct {
	id   [maxDims]int32
	step int32
}

func newWorker(by, dims int) *worker {
	w := &worker{by: by, ids: make([]map[string]int32, dims), words: make([][]string, dims), at: map[sumKey]int32{}}
	for d := range w.ids {
		w.ids[d] = map[string]int32{}
	}
	return w
}

// translate returns the worker's numbers for the values of a dictionary.
func (w *worker) translate(d int, c *column) []int32 {
	all := make([]int32, c.size())
	for i := range all {
		text := c.text(int32(i))
		id, ok := w.ids[d][text]
		if !ok {
			id = int32(len(w.words[d]))
			w.ids[d][text] = id
			w.words[d] = append(w.words[d], text)
		}
		all[i] = id
	}
	return all
}

func (w *worker) add(k sumKey, s *tallySum) {
	i, ok := w.at[k]
	if !ok {
		w.at[k] = int32(len(w.sums))
		w.sums = append(w.sums, *s)
		return
	}
	w.sums[i].join(s)
}

// into turns numbers back to texts.
func (w *worker) into(all map[groupKey]*Sum) {
	text := make([]string, len(w.words))
	for k, i := range w.at {
		for d := range text {
			text[d] = w.words[d][k.id[d]]
		}
		at := groupKey{strings.Join(text[:w.by], "\x00"), strings.Join(text[w.by:], "\x00"), k.step}
		s := &w.sums[i]
		one := &Sum{
			Bytes: s.bytes, Packets: s.packets, Samples: s.n, squares: s.squares,
			First: time.UnixMicro(s.first).UTC(), Last: time.UnixMicro(s.last).UTC(),
		}
		if have := all[at]; have != nil {
			have.add(one)
		} else {
			all[at] = one
		}
	}
}

// join adds what another group has.
func (s *tallySum) join(o *tallySum) {
	s.bytes, s.packets, s.squares, s.n = s.bytes+o.bytes, s.packets+o.packets, s.squares+o.squares, s.n+o.n
	s.first, s.last = min(s.first, o.first), max(s.last, o.last)
}

// tally sums the rows of one group by their places in the dictionaries. The
// dimensions are three lots, each of which fits a word: a group has at most 2^17
// rows, and so many values.
type tally struct {
	lots  [3][]*column // key, rest of the key, vantage point
	size  [3]int64     // places of a lot
	sums  map[tallyKey]*tallySum
	dense []tallySum // where the places are few: by place
}

type tallyKey struct {
	place [3]int64
	step  int64
}

type tallySum struct {
	bytes, packets, squares float64
	first, last             int64
	n                       uint64
}

// maxDense is how many places are kept in one piece.
const maxDense = 1 << 18

func newTally(key, point []*column, rows int) *tally {
	half := min(len(key), 3)
	t := &tally{lots: [3][]*column{key[:half], key[half:], point}, sums: map[tallyKey]*tallySum{}}
	all := 1.0
	for i, lot := range t.lots {
		t.size[i] = 1
		for _, c := range lot {
			t.size[i] *= int64(max(c.size(), 1))
		}
		all *= float64(t.size[i])
	}
	if all <= maxDense && all <= float64(8*rows) {
		t.dense = make([]tallySum, int(all))
	}
	return t
}

func (t *tally) add(i int, step, at int64, packets, bytes float64) {
	k := tallyKey{step: step}
	for l, lot := range t.lots {
		for _, c := range lot {
			k.place[l] = k.place[l]*int64(c.size()) + int64(c.index[i])
		}
	}
	var s *tallySum
	if t.dense != nil && step == 0 {
		s = &t.dense[(k.place[0]*t.size[1]+k.place[1])*t.size[2]+k.place[2]]
	} else if s = t.sums[k]; s == nil {
		s = &tallySum{}
		t.sums[k] = s
	}
	if s.n == 0 || at < s.first {
		s.first = at
	}
	s.last = max(s.last, at)
	s.bytes += bytes
	s.packets += packets
	s.squares += bytes * bytes
	s.n++
}

// into adds the sums to those of other groups.
func (t *tally) into(w *worker) {
	var trans [3][][]int32
	d := 0
	for l, lot := range t.lots {
		for _, c := range lot {
			trans[l] = append(trans[l], w.translate(d, c))
			d++
		}
	}
	for i := range t.dense {
		if s := &t.dense[i]; s.n > 0 {
			n := int64(i)
			t.put(w, &trans, tallyKey{place: [3]int64{n / t.size[2] / t.size[1], n / t.size[2] % t.size[1], n % t.size[2]}}, s)
		}
	}
	for k, s := range t.sums {
		t.put(w, &trans, k, s)
	}
}

func (t *tally) put(w *worker, trans *[3][][]int32, k tallyKey, s *tallySum) {
	at := sumKey{step: int32(k.step)}
	d := 0
	for l, lot := range t.lots {
		for i := len(lot) - 1; i >= 0; i-- {
			size := int64(lot[i].size())
			at.id[d+i] = trans[l][i][k.place[l]%size]
			k.place[l] /= size
		}
		d += len(lot)
	}
	w.add(at, s)
}
