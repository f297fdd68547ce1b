package flows

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weir/collector/store/columnar"
	"weir/detect/rules"
)

// Rolled says from which rollups an answer is, and how good it is.
type Rolled struct {
	Definition string `json:"definition"` // the columns whose greatest keys were kept
	Hours      int    `json:"hours"`      // rollups of hours and of minutes that were read
	Minutes    int    `json:"minutes"`
	// Rest is the octets of the keys that were not kept, which Total has.
	Rest float64 `json:"rest"`
}

// rollFrom is how long a time must be for rollups to answer.
const rollFrom = 24 * time.Hour

// rolled is how a query is answered from rollups.
type rolled struct {
	definition []string
	whole      bool           // the keys are those of the definition
	hours      map[int64]bool // whose rollup is read, by their start, µs
	from       int64          // µs, start of a minute
	read       [2]int         // hours and minutes
}

// definition returns whose keys answer a query: those with all its columns and
// the fields of its filter. A rollup has the vantage points, too.
func (q *Query) definition() (names []string, ok bool) {
	if q.named != nil { // of instances rollups have no floor
		return nil, false
	}
	need := slices.Clone(q.By)
	if q.Filter != nil {
		asked := &askedFields{}
		if _, err := rules.Fold(q.Filter, asked); err != nil {
			return nil, false
		}
		need = append(need, asked.names...)
	}
	need = slices.DeleteFunc(need, func(n string) bool { return n == "agent" || n == "egress" })
	if len(need) == 0 {
		need = []string{"proto"} // of which there are few
	}
	for _, names := range definitions {
		if !slices.ContainsFunc(need, func(n string) bool { return !slices.Contains(names, n) }) {
			return names, true
		}
	}
	return nil, false
}

// askedFields collects the columns that a filter looks at.
type askedFields struct {
	checker
	names []string
}

func (a *askedFields) Compare(f rules.Field, _ func(hi, lo uint64, ok bool) bool) (struct{}, error) {
	name, ok := filterColumn(f)
	if !ok {
		return struct{}{}, notKept(f.String())
	}
	a.names = append(a.names, name)
	return struct{}{}, nil
}

// errMoved says that a journal became a segment while rollups were looked for: the
// hours may have its rows by now.
var errMoved = errors.New("a journal became a segment")

// plan turns a query to rollups where they answer it: parts then are the samples
// that no rollup has yet. The error is errMoved where the parts are to be listed anew.
func (s *scan) plan(dir string, p *parts) error {
	q := s.q
	names, ok := q.definition()
	if q.Samples || !ok || q.To.Sub(q.From) < rollFrom || q.Step > 0 && q.Step < rollMinute {
		return nil
	}
	hours, err := rollFiles(dir, hourPrefix)
	if err != nil {
		return err
	}
	minutes, err := rollFiles(dir, minutePrefix)
	if err != nil || len(minutes)+len(hours) == 0 {
		return err
	}
	r := &rolled{definition: names, hours: map[int64]bool{}, from: s.from - s.from%rollMinute.Microseconds()}
	r.whole = !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(q.By, n) })
	samples := map[string]bool{} // journals that are open
	for i := range p.files {
		if p.files[i].journal {
			samples[p.files[i].id] = true
		}
	}
	waiting, err := waitingJournals(dir)
	if err != nil {
		return err
	}
	for id := range samples {
		if !waiting[id] {
			return errMoved
		}
	}
	for i := range hours {
		h := &hours[i]
		if h.late() == "" && h.first >= r.from && h.last <= s.to && (q.Step == 0 || q.Step >= rollHour) {
			r.hours[h.first] = true
		}
	}
	var files []part
	for _, x := range slices.Concat(hours, minutes) {
		p.since(x.first)
	}
	for i := range hours {
		if h := &hours[i]; r.hours[h.first] && !samples[h.late()] {
			files = append(files, part{name: h.name, path: filepath.Join(dir, rollupDir, h.name), rollup: true})
		}
	}
	r.read[0] = len(files)
	have := map[string]bool{} // rollups of journals
	for _, m := range minutes {
		have[m.id] = true
		if m.last > r.from && m.first < s.to && !samples[m.id] && !r.covers(m.first, m.last) {
			files = append(files, part{name: m.name, path: filepath.Join(dir, rollupDir, m.name), rollup: true})
		}
	}
	r.read[1] = len(files) - r.read[0]
	p.files = slices.DeleteFunc(p.files, func(f part) bool {
		if f.journal || !have[f.id] && !r.covers(f.first, f.last+1) {
			return false
		}
		_ = f.file.Close() // it was not even read
		return true
	})
	for i := range p.files {
		p.files[i].besides = len(r.hours) > 0 && !p.files[i].journal // hours do not have what waits
	}
	p.bad = slices.DeleteFunc(p.bad, func(b badFile) bool { return have[b.id] || r.covers(b.first, b.last) })
	if err := r.lacks(dir, p, hours, have); err != nil {
		return err
	}
	p.files = append(p.files, files...)
	s.rolled = r
	return nil
}

// lacks adds the rollups that were set aside, and whose time neither samples have
// nor hours that were made before.
// have are the journals whose minutes have rollups.
func (r *rolled) lacks(dir string, p *parts, hours []rollFile, have map[string]bool) error {
	made := map[int64]int64{}
	for i := range hours {
		if h := &hours[i]; h.late() == "" {
			made[h.first] = h.changed.UnixMicro()
		}
	}
	bad, err := badFiles(filepath.Join(dir, rollupDir))
	for i := range bad {
		b := &bad[i]
		_, journal, late := strings.Cut(b.id, ".")
		lacking := late && (r.hours[b.first] || !have[journal]) // the hour's own never had them
		there := slices.ContainsFunc(p.files, func(f part) bool { return f.id == b.id })
		for h := hourOf(b.first); h < b.last && !late && !lacking; h += rollHour.Microseconds() {
			if lacking = !there; r.hours[h] {
				lacking = made[h] >= b.aside
			}
		}
		if lacking {
			p.bad = append(p.bad, *b)
		}
	}
	return err
}

func hourOf(at int64) int64 { return at - at%rollHour.Microseconds() }

// covers reports that rollups of hours have a time.
func (r *rolled) covers(first, last int64) bool {
	for h := hourOf(first); h < last; h += rollHour.Microseconds() {
		if !r.hours[h] {
			return false
		}
	}
	return true
}

// rollup sums what a rollup has.
func (s *scan) rollup(ctx context.Context, p *part, w *worker) (rows int64, skipped int, err error) {
	f, in, err := columnar.OpenFile(p.path)
	if err != nil {
		return 0, 0, err
	}
	defer in.Close()
	_, _, _, hour := spanOfRollup(p.name, hourPrefix)
	of := strings.Join(s.rolled.definition, ",")
	for n := range f.Groups() {
		if err := ctx.Err(); err != nil {
			return rows, skipped, err
		}
		if w.file.at(f, n); !f.May(n, "of", []string{of}) {
			skipped++
			continue
		}
		if err := w.rolled(w.file, hour); err != nil {
			return rows, skipped, err
		}
		rows += int64(f.Rows(n))
	}
	return rows, skipped, nil
}

// rolled sums the rows of a row group of a rollup.
func (w *worker) rolled(g *segmentSource, hour bool) error {
	at, err := g.times()
	if err != nil {
		return err
	}
	v, err := g.rollValues()
	if err != nil {
		return err
	}
	sel := selection{all: true}
	if f := w.s.q.Filter; f != nil && !f.All() {
		if sel, err = rules.Fold(f, w.calculus.of(g)); err != nil {
			return err
		}
	}
	w.rows = w.rows[:0]
	for i, t := range at {
		switch {
		case t < w.s.rolled.from || t >= w.s.to || !hour && w.s.rolled.hours[hourOf(t)]:
		case v.rest[i] == 1:
			w.sums.left(w.stepOf(t), float64(v.floor[i]), &sum{
				samples: uint64(v.samples[i]), bytes: float64(v.bytes[i]), packets: float64(v.packets[i]), squares: asSquares(v.squares[i]),
			})
		case sel.all || !sel.none && sel.some[i]:
			w.rows = append(w.rows, int32(i))
		}
	}
	if len(w.rows) == 0 {
		return nil
	}
	if err := w.key(g, w.rows, len(w.rows)); err != nil {
		return err
	}
	agent, egress, points, ways, err := w.vantage(g)
	if err != nil {
		return err
	}
	length := rollMinute
	if hour {
		length = rollHour
	}
	for i, r := range w.rows {
		place := w.sums.place(w.keys[i], points[int(agent[r])*ways+int(egress[r])], w.stepOf(at[r]))
		w.sums.all[place].add(&sum{
			samples: uint64(v.samples[r]), bytes: float64(v.bytes[r]), packets: float64(v.packets[r]), squares: asSquares(v.squares[r]),
			covered: float64(v.floor[r]), first: at[r], last: at[r] + length.Microseconds(),
		})
	}
	return w.sums.bounded()
}

// stepOf returns the number of the query's step that a time is in.
func (w *worker) stepOf(at int64) uint32 {
	if w.s.q.Step == 0 {
		return 0
	}
	return uint32(max(at-w.s.from, 0) / w.s.q.Step.Microseconds())
}

// rollValues are the columns of a rollup that are not its key.
type rollValues struct {
	rest                                    []int64
	bytes, packets, samples, squares, floor []int64
}

func (s *segmentSource) rollValues() (v rollValues, err error) {
	for name, to := range map[string]*[]int64{"bytes": &v.bytes, "packets": &v.packets, "samples": &v.samples, "squares": &v.squares, "floor": &v.floor} {
		c, err := s.chunk(name)
		if err != nil {
			return v, err
		}
		if *to, err = c.Values(); err != nil {
			return v, err
		}
	}
	c, err := s.column("rest")
	if err != nil {
		return v, err
	}
	places, err := c.places()
	for _, p := range places {
		v.rest = append(v.rest, c.numbers[p])
	}
	return v, err
}
