package flows

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/collector/store/columnar"
)

const (
	rollupDir    = "rollups"
	minutePrefix = "minutes" // of a journal's rows
	hourPrefix   = "hours"   // of an hour
)

// rollName is the name of a rollup from first to last µs; id is the journal's,
// or the hour's.
func rollName(prefix string, first, last int64, id string) string {
	return fmt.Sprintf("%s-%d-%d-%s", prefix, first, last, id) + segmentSuffix
}

// spanOfRollup returns the times, in µs, and the id that a rollup's name tells.
func spanOfRollup(name, prefix string) (first, last int64, id string, ok bool) {
	name, ok = strings.CutSuffix(name, segmentSuffix)
	parts := strings.Split(name, "-")
	if !ok || len(parts) != 4 || parts[0] != prefix {
		return 0, 0, "", false
	}
	first, err1 := strconv.ParseInt(parts[1], 10, 64)
	last, err2 := strconv.ParseInt(parts[2], 10, 64)
	return first, last, parts[3], err1 == nil && err2 == nil
}

// rollColumns are the columns of a rollup. A row is a key at a vantage point, or
// the rest, what is left out of a step.
func rollColumns() []columnar.Column {
	return []columnar.Column{
		{Name: timeColumn, Kind: columnar.Time}, {Name: "of"}, {Name: "rest", Kind: columnar.Int32},
		{Name: "src"}, {Name: "dst"}, {Name: "proto"}, {Name: "domain"}, {Name: "input"}, {Name: "output"},
		{Name: "agent"}, {Name: "egress", Kind: columnar.Int32},
		{Name: "bytes", Kind: columnar.Number}, {Name: "packets", Kind: columnar.Number}, {Name: "samples", Kind: columnar.Number},
		{Name: "squares", Kind: columnar.Float}, {Name: "floor", Kind: columnar.Number},
	}
}

// The places of some of rollColumns.
const (
	rollTime = iota
	rollOf
	rollRest
	rollFirstKey // of src, dst, proto, domain, input, output
	_
	_
	_
	_
	_
	rollAgent
	rollEgress
	rollBytes
	rollPackets
	rollSamples
	rollSquares
	rollFloor
)

// rollData collects the columns of a row group.
type rollData struct {
	columns []columnar.Data
	keys    []string           // names of the columns that a definition may have
	at      []map[string]int32 // of each column of texts their places
	last    []lastText
}

// lastText is the text that a column had last.
type lastText struct {
	text  string
	place int32
}

func newRollData() *rollData {
	all := rollColumns()
	d := &rollData{columns: make([]columnar.Data, len(all)), at: make([]map[string]int32, len(all)), last: make([]lastText, len(all))}
	for i, c := range all {
		switch c.Kind {
		case columnar.Text:
			d.at[i] = map[string]int32{}
		case columnar.Int32:
			d.columns[i].Numbers = []int64{0, 1}
		default:
		}
		if i >= rollFirstKey && i < rollAgent {
			d.keys = append(d.keys, c.Name)
		}
	}
	return d
}

// reset forgets the rows.
func (d *rollData) reset() {
	for i := range d.columns {
		c := &d.columns[i]
		switch i {
		case rollRest, rollEgress:
			c.Index = c.Index[:0]
		default:
			c.Index, c.Numbers, c.Floats = c.Index[:0], c.Numbers[:0], c.Floats[:0]
			c.Texts.Reset()
			clear(d.at[i])
			d.last[i] = lastText{}
		}
	}
}

func (d *rollData) text(c int, v string) {
	column, last := &d.columns[c], &d.last[c]
	if v != last.text || column.Texts.Len() == 0 {
		place, ok := d.at[c][v]
		if !ok {
			place = int32(column.Texts.Len())
			d.at[c][v] = place
			column.Texts.Add(func(b []byte) []byte { return append(b, v...) })
		}
		*last = lastText{v, place}
	}
	column.Index = append(column.Index, last.place)
}

func (d *rollData) flag(c int, v bool) {
	place := int32(0)
	if v {
		place = 1
	}
	d.columns[c].Index = append(d.columns[c].Index, place)
}

func (d *rollData) number(c int, v float64) {
	d.columns[c].Numbers = append(d.columns[c].Numbers, int64(math.Round(min(v, math.MaxInt64/2))))
}

// maxSquares is what sums of squares are cut to, which are stored as floats of 32
// bits: agents may say what they like, and infinity is no figure.
const maxSquares = math.MaxFloat32

func asSquares(v int64) float64 { return min(columnar.AsFloat(v), maxSquares) }

// row adds a row of a definition, whose key has its numbers of words; it is nil
// for the rest.
func (d *rollData) row(at int64, definition []string, words []string, key *rollKey, r *rollRow, floor float64) {
	d.columns[rollTime].Numbers = append(d.columns[rollTime].Numbers, at)
	d.text(rollOf, strings.Join(definition, ","))
	d.flag(rollRest, key == nil)
	d.flag(rollEgress, key != nil && key.point&1 == 1)
	for i, name := range d.keys {
		v := ""
		if n := slices.Index(definition, name); n >= 0 && key != nil {
			v = words[key.key[n]]
		}
		d.text(rollFirstKey+i, v)
	}
	agent := ""
	if key != nil {
		agent = words[key.point>>1]
	}
	d.text(rollAgent, agent)
	d.number(rollBytes, r.bytes)
	d.number(rollPackets, r.packets)
	d.number(rollSamples, r.samples)
	d.number(rollFloor, floor)
	d.columns[rollSquares].Floats = append(d.columns[rollSquares].Floats, float64(float32(min(r.squares, maxSquares))))
}

// write writes the steps of a definition as a row group, whose memory is data's.
func (s *steps) write(w *columnar.Writer, d int, data *rollData) error {
	words := s.words.texts
	data.reset()
	for _, at := range s.of(d) {
		one := s.all[stepKey{d, at}]
		slices.SortFunc(one.rows, func(a, b rollEntry) int {
			return cmp.Or(
				cmp.Compare(words[a.key[0]], words[b.key[0]]), cmp.Compare(words[a.key[1]], words[b.key[1]]),
				cmp.Compare(words[a.point>>1], words[b.point>>1]), cmp.Compare(a.point, b.point))
		})
		data.row(at, definitions[d], words, nil, &one.rest, one.floor)
		for i := range one.rows {
			r := &one.rows[i]
			data.row(at, definitions[d], words, &r.rollKey, &r.rollRow, r.covered)
		}
	}
	if len(data.columns[rollTime].Numbers) == 0 {
		return nil
	}
	return w.Group(data.columns)
}

// of returns the starts of the steps of a definition, in order.
func (s *steps) of(d int) (all []int64) {
	for k := range s.all {
		if k.definition == d {
			all = append(all, k.at)
		}
	}
	slices.Sort(all)
	return all
}

// span returns when the first step begins and the last ends, µs.
func (s *steps) span(length time.Duration) (first, last int64) {
	first, last = math.MaxInt64, math.MinInt64
	for k := range s.all {
		first, last = min(first, k.at), max(last, k.at+length.Microseconds())
	}
	return first, last
}

// saveRollup makes a rollup of the steps of each definition, which of returns.
func saveRollup(dir, prefix string, length time.Duration, id string, of func(definition int) (*steps, error)) (err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	tmp := filepath.Join(dir, prefix+"-"+id+newSuffix)
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	defer os.Remove(tmp) // after the rename there is none
	defer f.Close()
	out := bufio.NewWriterSize(f, 1<<16)
	w, data := columnar.NewWriter(out, "weir", rollColumns()), newRollData()
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for d := range definitions {
		s, err := of(d)
		if err != nil {
			return err
		}
		from, to := s.span(length)
		first, last = min(first, from), max(last, to)
		if err := s.write(w, d, data); err != nil {
			return err
		}
	}
	if first > last {
		return nil // there is nothing
	}
	if err := errors.Join(w.Close(), out.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(tmp, filepath.Join(dir, rollName(prefix, first, last, id))), syncDir(dir))
}

// load adds what a file has of a definition in the steps that a function takes,
// each to the step that it returns.
func (s *steps) load(path string, d int, into func(at int64) (to int64, ok bool)) (err error) {
	f, in, err := columnar.OpenFile(path)
	if err != nil {
		return err
	}
	defer in.Close()
	for g := range f.Groups() {
		if !f.May(g, "of", []string{strings.Join(definitions[d], ",")}) {
			continue
		}
		if err := s.loadGroup(f, g, d, into); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

func (s *steps) loadGroup(f *columnar.File, g, d int, into func(at int64) (int64, bool)) error {
	chunk := map[string]*columnar.Chunk{}
	values, index := map[string][]int64{}, map[string][]int32{}
	for _, c := range rollColumns() {
		x := &columnar.Chunk{}
		if err := f.Read(g, c.Name, x); err != nil {
			return err
		}
		var err error
		if chunk[c.Name] = x; c.Kind == columnar.Text || c.Kind == columnar.Int32 {
			index[c.Name], err = x.Index()
		} else {
			values[c.Name], err = x.Values()
		}
		if err != nil {
			return err
		}
	}
	text := func(name string, i int) string { return string(chunk[name].Text(int(index[name][i]))) }
	word := func(name string, i int) uint32 { return s.words.number(chunk[name].Text(int(index[name][i]))) }
	flag := func(name string, i int) bool { return chunk[name].Numbers()[index[name][i]] == 1 }
	of := strings.Join(definitions[d], ",")
	for i, at := range values[timeColumn] {
		to, ok := into(at)
		if !ok || text("of", i) != of {
			continue
		}
		r := rollRow{
			bytes: float64(values["bytes"][i]), packets: float64(values["packets"][i]), samples: float64(values["samples"][i]),
			squares: asSquares(values["squares"][i]), covered: float64(values["floor"][i]),
		}
		one := s.at(stepKey{d, to})
		if flag("rest", i) {
			one.floor += r.covered
			r.covered = 0
			one.rest.add(&r)
			continue
		}
		k := rollKey{point: pointOf(word("agent", i), flag("egress", i))}
		for c, name := range definitions[d] {
			k.key[c] = word(name, i)
		}
		one.add(k, &r)
	}
	return nil
}
