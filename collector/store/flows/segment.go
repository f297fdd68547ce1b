package flows

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
// the key, is looked at once, not for each of them. It is used for one journal after
// the other, so that its memory is made once.
type builder struct {
	out         *columnar.Writer
	block       block
	file        *bufio.Writer
	columns     []*built
	data        []columnar.Data
	turn        int
	times       []int64  // of each row, µs
	of          []uint32 // the number of its key
	lengths     []uint32
	rolled      *roller
	rows        int
	first, last int64 // µs
}

func newBuilder() *builder {
	all := fields()
	b := &builder{
		out: columnar.NewWriter(nil, "weir", segmentColumns(all)), data: make([]columnar.Data, len(all)+1), rolled: newRoller(),
		file: bufio.NewWriterSize(nil, 1<<18),
	}
	for _, f := range all {
		b.columns = append(b.columns, newBuilt(f))
	}
	return b
}

// begin begins another segment.
func (b *builder) begin(out io.Writer) {
	b.file.Reset(out)
	b.out = b.out.Next(b.file)
	b.rolled.steps = newSteps()
	b.turn, b.rows = 0, 0
	b.forget()
}

// large reports that what came last needed more memory than is worth keeping.
func (b *builder) large() bool { return cap(b.block.keys) > groupRows/2 }

// add appends rows, and writes a row group where numbers of keys begin anew.
func (b *builder) add(x *block) error {
	if x.turn != b.turn {
		if err := b.group(); err != nil {
			return err
		}
		b.turn = x.turn
	}
	if b.rows == 0 {
		b.first, b.last = x.times[0], x.times[0]
	}
	for _, at := range x.times {
		b.first, b.last = min(b.first, at), max(b.last, at)
	}
	b.times, b.of, b.lengths = append(b.times, x.times...), append(b.of, x.of...), append(b.lengths, x.lengths...)
	for _, c := range b.columns {
		c.add(x)
	}
	b.rows += len(x.times)
	return nil
}

func (b *builder) group() error {
	if len(b.times) == 0 {
		return nil
	}
	b.data[0].Numbers = b.times
	for i, c := range b.columns {
		b.data[i+1] = c.data
		if !c.ofRows() {
			b.data[i+1].Of = b.of
		}
	}
	b.rolled.group(b.times, b.of, b.lengths, b.columns)
	err := b.out.Group(b.data)
	b.forget()
	return err
}

// forget forgets the rows of a row group.
func (b *builder) forget() {
	b.times, b.of, b.lengths = b.times[:0], b.of[:0], b.lengths[:0]
	for _, c := range b.columns {
		c.reset()
	}
}

func (b *builder) close() error { return errors.Join(b.group(), b.out.Close(), b.file.Flush()) }

// noFault goes on, as a process does that nobody kills.
func noFault(string) {}

// convert makes a segment of a journal and removes the journal. What the
// journal lost at its end is counted by the error's being errCut, which does not
// keep the rest from being converted. It tells fault where it is, for tests that
// end there.
func (b *builder) convert(dir, journal string, fault func(at string)) (rows int, err error) {
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
	fault("created")
	cut := readJournal(in, &b.block, func(x *block) bool {
		bad = b.add(x)
		return bad == nil
	})
	if err := errors.Join(bad, b.close()); err != nil {
		return 0, err
	}
	rows = b.rows
	fault("written")
	if rows == 0 {
		return 0, errors.Join(cut, os.Remove(journal))
	}
	if err := b.rolled.save(dir, b.first, b.last, id); err != nil {
		return 0, err
	}
	fault("rollup")
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return 0, err
	}
	fault("closed")
	if err := errors.Join(os.Rename(tmp, filepath.Join(dir, segmentName(b.first, b.last, id)))); err != nil {
		return 0, err
	}
	fault("renamed")
	err = errors.Join(cut, syncDir(dir), os.Remove(journal))
	fault("converted")
	return rows, err
}

// syncDir makes what was renamed in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
