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

	"weir/collector/record"
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

// segmentName is the name of the segment of rows from first to last ns that was
// made of a journal.
func segmentName(first, last int64, id string) string {
	return fmt.Sprintf("flows-%d-%d-%s", first/1e3, last/1e3, id) + segmentSuffix
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

// builder makes row groups of rows.
type builder struct {
	out         *columnar.Writer
	columns     []*built
	data        []columnar.Data
	times       []int64
	rolled      *roller
	rows        int
	first, last int64 // ns
}

func newBuilder(out io.Writer) *builder {
	all := fields()
	b := &builder{out: columnar.NewWriter(out, "weir", segmentColumns(all)), data: make([]columnar.Data, len(all)+1), rolled: newRoller()}
	for _, f := range all {
		b.columns = append(b.columns, newBuilt(f))
	}
	return b
}

// add appends rows, and writes a row group where there are enough.
func (b *builder) add(s *said, rows []record.Row) error {
	if b.rows == 0 && len(rows) > 0 {
		b.first, b.last = rows[0].At, rows[0].At
	}
	for i := range rows {
		at := rows[i].At
		b.first, b.last = min(b.first, at), max(b.last, at)
		b.times = append(b.times, at/1e3)
	}
	for _, c := range b.columns {
		c.add(s, rows)
	}
	if b.rows += len(rows); len(b.times) >= groupRows {
		return b.group()
	}
	return nil
}

func (b *builder) group() error {
	if len(b.times) == 0 {
		return nil
	}
	b.data[0].Numbers = b.times
	for i, c := range b.columns {
		b.data[i+1] = c.data
	}
	b.rolled.group(b.times, b.columns)
	err := b.out.Group(b.data)
	b.times = b.times[:0]
	for _, c := range b.columns {
		c.reset()
	}
	return err
}

func (b *builder) close() error { return errors.Join(b.group(), b.out.Close()) }

// convert makes a segment of a journal and removes the journal. What the
// journal lost at its end is counted by the error's being errCut, which does not
// keep the rest from being converted.
func convert(dir, journal string) (rows int, err error) { return convertAt(dir, journal, noFault) }

// noFault goes on, as a process does that nobody kills.
func noFault(string) {}

// convertAt is convert that tells fault where it is, for tests that end there.
func convertAt(dir, journal string, fault func(at string)) (rows int, err error) {
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
	w := bufio.NewWriterSize(out, 1<<18)
	b := newBuilder(w)
	var bad error
	fault("created")
	cut := readJournal(in, func(s *said, all []record.Row) bool {
		bad = b.add(s, all)
		return bad == nil
	})
	if err := errors.Join(bad, b.close(), w.Flush()); err != nil {
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
