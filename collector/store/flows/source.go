package flows

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"weir/collector/store/columnar"
)

// column is one column of a group: a dictionary of texts or numbers, and for
// each row its place in it, which is read only where it is asked for.
type column struct {
	size    int
	numbers []int64 // nil for texts
	texts   func(i int) []byte
	read    func() ([]int32, error)
	index   []int32
	grows   bool // places stay, from a group to the next of its source
}

// places returns for each row its place in the dictionary.
func (c *column) places() (_ []int32, err error) {
	if c.index == nil {
		c.index, err = c.read()
	}
	return c.index, err
}

// text appends a value of the dictionary, nothing for none.
func (c *column) text(b []byte, i int) []byte {
	switch {
	case c.texts != nil:
		return append(b, c.texts(i)...)
	case c.numbers[i] < 0:
		return b
	}
	return strconv.AppendInt(b, c.numbers[i], 10)
}

// words returns a value as a filter compares it.
func (c *column) words(i int) (hi, lo uint64, ok bool) {
	if c.texts == nil {
		return 0, uint64(c.numbers[i]), c.numbers[i] >= 0
	}
	text := string(c.texts(i))
	if a, err := netip.ParseAddr(text); err == nil {
		b := a.As16()
		return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]), true
	}
	n, err := strconv.ParseUint(text, 10, 64) // of a port
	return 0, n, err == nil
}

// group is some rows whose columns are read where they are asked for. What it
// gives is valid until the next group of its source.
type group interface {
	rows() int
	column(name string) (*column, error)
	times() ([]int64, error) // µs
	// may reports that the rows may have one of the addresses.
	may(column string, any []netip.Addr) bool
	span() (first, last int64, known bool)
}

// segmentSource reads the row groups of segments, one after the other, into
// memory that it uses again.
type segmentSource struct {
	f      *columnar.File
	n      int
	chunks map[string]*columnar.Chunk
	kept   map[string]*column
}

func newSegmentSource() *segmentSource {
	return &segmentSource{chunks: map[string]*columnar.Chunk{}, kept: map[string]*column{}}
}

// at turns to a row group.
func (s *segmentSource) at(f *columnar.File, n int) {
	s.f, s.n = f, n
	clear(s.kept)
}

func (s *segmentSource) rows() int { return s.f.Rows(s.n) }

func (s *segmentSource) span() (first, last int64, known bool) { return s.f.Span(s.n, timeColumn) }

func (s *segmentSource) may(name string, any []netip.Addr) bool {
	texts := make([]string, len(any))
	for i, a := range any {
		texts[i] = a.String()
	}
	return s.f.May(s.n, name, texts)
}

func (s *segmentSource) chunk(name string) (*columnar.Chunk, error) {
	c := s.chunks[name]
	if c == nil {
		c = &columnar.Chunk{}
		s.chunks[name] = c
	}
	return c, s.f.Read(s.n, name, c)
}

func (s *segmentSource) times() ([]int64, error) {
	c, err := s.chunk(timeColumn)
	if err != nil {
		return nil, err
	}
	return c.Values()
}

func (s *segmentSource) column(name string) (*column, error) {
	if c := s.kept[name]; c != nil {
		return c, nil
	}
	chunk, err := s.chunk(name)
	if err != nil {
		return nil, err
	}
	c := &column{size: chunk.Size(), numbers: chunk.Numbers(), read: chunk.Index}
	if chunk.IsText() {
		c.texts = chunk.Text
	}
	s.kept[name] = c
	return c, nil
}

// journalSource reads rows of a journal, a block at a time. Dictionaries grow from
// block to block.
type journalSource struct {
	*block
	turn  int // of keys' numbers
	built map[string]*built
	index map[string][]int32
	kept  map[string]*column
}

func newJournalSource() *journalSource {
	return &journalSource{built: map[string]*built{}, index: map[string][]int32{}, kept: map[string]*column{}}
}

// take turns to the next rows of the same journal.
func (g *journalSource) take(x *block) {
	if g.turn != x.turn {
		for _, b := range g.built {
			b.data.Index = b.data.Index[:0]
		}
	}
	g.block, g.turn = x, x.turn
	clear(g.kept)
}

func (g *journalSource) rows() int                             { return len(g.block.times) }
func (g *journalSource) may(string, []netip.Addr) bool         { return true }
func (g *journalSource) span() (first, last int64, known bool) { return 0, 0, false }
func (g *journalSource) times() ([]int64, error)               { return g.block.times, nil }

func (g *journalSource) column(name string) (*column, error) {
	if c := g.kept[name]; c != nil {
		return c, nil
	}
	b := g.built[name]
	if b == nil {
		f, ok := fieldOf(name)
		if !ok {
			return nil, fmt.Errorf("column %s: not kept", name)
		}
		b = newBuilt(f)
		g.built[name] = b
	}
	if b.ofRows() {
		b.data.Index = b.data.Index[:0]
	}
	b.add(g.block)
	c := &column{size: b.at.size(), index: b.data.Index, grows: true}
	if !b.ofRows() {
		index := sized(g.index[name], len(g.of))
		for i, k := range g.of {
			index[i] = b.data.Index[k]
		}
		g.index[name], c.index = index, index
	}
	if b.text == nil && b.address == nil {
		c.numbers = b.data.Numbers
	} else {
		c.texts = b.data.Texts.At
	}
	g.kept[name] = c
	return c, nil
}
