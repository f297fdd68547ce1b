package flows

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"weir/collector/store/columnar"
)

const (
	// groupRows is how many rows a row group has: few enough that one is
	// built in some 20 MB, many enough that dictionaries pay.
	groupRows = 1 << 17

	segmentSuffix = ".parquet"
	journalSuffix = ".journal"
	badSuffix     = ".bad"
	newSuffix     = ".new"
)

// segmentName is the name of the segment of rows from first to last µs that was
// made of a journal.
func segmentName(first, last int64, id string) string {
	return fmt.Sprintf("flows-%d-%d-%s", first, last, id) + segmentSuffix
}

// spanOf returns the times, in µs, and the journal that a segment's name tells.
func spanOf(name string) (first, last int64, id string, ok bool) {
	name, ok = strings.CutSuffix(name, segmentSuffix)
	parts := strings.Split(name, "-")
	if !ok || len(parts) != 4 || parts[0] != "flows" {
		return 0, 0, "", false
	}
	first, err1 := strconv.ParseInt(parts[1], 10, 64)
	last, err2 := strconv.ParseInt(parts[2], 10, 64)
	return first, last, parts[3], err1 == nil && err2 == nil
}

// journalName is the name of a journal.
func journalName(id string) string { return "flows-" + id + journalSuffix }

func journalID(name string) (id string, ok bool) {
	if name, ok = strings.CutSuffix(name, journalSuffix); !ok {
		return "", false
	}
	return strings.CutPrefix(name, "flows-")
}

// segmentColumns are the columns of a segment.
func segmentColumns(all []field) []columnar.Column {
	c := []columnar.Column{{Name: timeColumn, Kind: columnar.Time}}
	for _, f := range all {
		c = append(c, columnar.Column{Name: f.name, Kind: f.kind, Bloom: f.bloom})
	}
	return c
}

// builder makes row groups of the blocks of a journal. What rows have in common,
// the key, is looked at once as long as numbers of keys stay, not for each of them;
// a row group has of the columns' dictionaries what its rows need. It is used for one
// journal after the other, so that its memory is made once.
type builder struct {
	out         *columnar.Writer
	block       block
	file        *bufio.Writer
	columns     []*built
	data        []columnar.Data
	turn        int
	whole       bool     // keys are all there are, by their numbers
	times       []int64  // of each row of the group, µs
	keys        []uint32 // the numbers of their keys, each once, as they came
	of          []uint32 // of each row where its key is in keys
	here        []uint32 // by number, where it is in keys, and one; 0 is nowhere
	rolled      *roller
	rows        int
	first, last int64 // µs
}

func newBuilder() *builder {
	all := fields()
	b := &builder{
		out: columnar.NewWriter(nil, "weir", segmentColumns(all)), data: make([]columnar.Data, len(all)+1),
		file: bufio.NewWriterSize(nil, 1<<18),
	}
	for _, f := range all {
		b.columns = append(b.columns, newBuilt(f))
	}
	b.rolled = newRoller(b.columns)
	return b
}

// begin begins another segment.
func (b *builder) begin(out io.Writer) {
	b.file.Reset(out)
	b.out = b.out.Next(b.file)
	b.turn, b.rows = 0, 0
	b.forget()
	b.anew()
	b.rolled.begin()
}

// large reports that what came last needed more memory than is worth keeping.
func (b *builder) large() bool { return cap(b.block.keys) > groupRows/2 }

// add appends rows, and writes a row group where there is one, or where numbers of
// keys begin anew.
func (b *builder) add(x *block) error {
	if x.turn != b.turn || len(b.times)+len(x.times) > groupRows {
		if err := b.group(); err != nil {
			return err
		}
	}
	if x.turn != b.turn {
		b.rolled.flush()
		b.anew()
		b.turn = x.turn
	}
	if b.rows == 0 {
		b.first, b.last = x.times[0], x.times[0]
	}
	b.first, b.last = min(b.first, slices.Min(x.times)), max(b.last, slices.Max(x.times))
	b.times = append(b.times, x.times...)
	b.place(x)
	for _, c := range b.columns {
		c.add(x)
	}
	b.rolled.add(x)
	b.rows += len(x.times)
	return nil
}

// place finds where the rows' keys are in those of the row group.
func (b *builder) place(x *block) {
	b.here = extended(b.here, len(x.keys))
	at := len(b.of)
	b.of = append(b.of, x.of...)
	of := b.of[at:]
	for i, k := range of {
		n := b.here[k]
		if n == 0 {
			b.keys = append(b.keys, k)
			n = uint32(len(b.keys))
			b.here[k] = n
		}
		of[i] = n - 1
	}
}

func (b *builder) group() error {
	if len(b.times) == 0 {
		return nil
	}
	b.data[0].Numbers = b.times
	for i, c := range b.columns {
		switch {
		case c.ofRows():
			b.data[i+1] = c.data
		case b.whole:
			b.data[i+1] = c.data
			b.data[i+1].Of = b.of
		default:
			b.data[i+1] = *c.some(b.keys)
			b.data[i+1].Of = b.of
		}
	}
	err := b.out.Group(b.data)
	b.forget()
	return err
}

// forget forgets the rows of a row group.
func (b *builder) forget() {
	for _, k := range b.keys {
		b.here[k] = 0
	}
	b.times, b.of, b.keys, b.whole = b.times[:0], b.of[:0], b.keys[:0], false
	for _, c := range b.columns {
		if c.ofRows() {
			c.reset()
		}
	}
}

// anew forgets all keys.
func (b *builder) anew() {
	b.whole = true
	for _, c := range b.columns {
		c.reset()
	}
}

func (b *builder) close() error {
	b.rolled.flush()
	return errors.Join(b.group(), b.out.Close(), b.file.Flush())
}

// extended returns s with n members at least, those that are new zero.
func extended[T any](s []T, n int) []T {
	if had := len(s); had < n {
		s = slices.Grow(s, n-had)[:n]
		clear(s[had:])
	}
	return s
}

// noStep goes on, as a process does that nobody kills.
func noStep(string) {}

// convert makes a segment of a journal and removes the journal. What the
// journal lost is counted by the error's being errCut, which does not
// keep the rest from being converted; one that lost all stays. It tells step where it is, for tests that
// end there.
func (b *builder) convert(dir, journal string, step func(at string)) (rows int, err error) {
	in, err := os.Open(journal)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	id, _ := journalID(filepath.Base(journal))
	tmp := strings.TrimSuffix(journal, journalSuffix) + newSuffix
	out, err := os.Create(tmp)
	if err != nil {
		return 0, err
	}
	defer os.Remove(tmp) // after the rename there is none
	defer out.Close()
	b.begin(out)
	var bad error
	step("created")
	cut := readJournal(in, &b.block, func(x *block) bool {
		bad = b.add(x)
		return bad == nil
	})
	if err := errors.Join(bad, b.close()); err != nil {
		return 0, err
	}
	rows = b.rows
	step("written")
	if rows == 0 {
		if info, err := in.Stat(); err != nil || info.Size() > torn(cut) {
			return 0, errors.Join(cut, err)
		}
		return 0, errors.Join(cut, os.Remove(journal))
	}
	if err := b.rolled.save(dir, id); err != nil {
		return 0, err
	}
	step("rollup")
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return 0, err
	}
	if err := errors.Join(os.Rename(tmp, filepath.Join(dir, segmentName(b.first, b.last, id)))); err != nil {
		return 0, err
	}
	err = errors.Join(cut, syncDir(dir), os.Remove(journal))
	step("converted")
	return rows, err
}

// torn returns how many octets a journal without a row has at most of which nothing is
// kept: what a crash leaves of the first write.
func torn(cut error) int64 {
	switch {
	case cut == nil:
		return math.MaxInt64 // there is nothing else
	case errors.Is(cut, errHead):
		return int64(journalHead)
	}
	return int64(journalHead + frameHead + maxFrame)
}

// syncDir makes what was renamed in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
