package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// File is a file that is read. It may be read by one goroutine at a time.
type File struct {
	r    io.ReaderAt
	size int64
	meta format.FileMetaData
	at   map[string]int // columns by name

	summed bool // the file has a checksum
	sum    uint32
	pages  int64 // octets that it is of
}

// OpenFile is Open of the file at path. The caller closes what it reads from
// once it is done with f.
func OpenFile(path string) (f *File, in io.Closer, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil {
		f, err = Open(file, info.Size())
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return f, file, nil
}

// Open reads the end of a file, where its contents are told.
func Open(r io.ReaderAt, size int64) (f *File, err error) {
	defer func() { err = contained(err, recover()) }()
	const tail = 64 << 10
	b := make([]byte, min(size, tail))
	if _, err := r.ReadAt(b, size-int64(len(b))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(b) < 12 || !bytes.Equal(b[len(b)-4:], magic) {
		return nil, fmt.Errorf("the end is missing: %w", ErrFormat)
	}
	n := int64(le.Uint32(b[len(b)-8:]))
	if n > size-12 {
		return nil, fmt.Errorf("footer of %d octets in %d: %w", n, size, ErrFormat)
	}
	if need := min(sumSize+n+8, size); need > int64(len(b)) {
		b = make([]byte, need)
		if _, err := r.ReadAt(b, size-int64(len(b))); err != nil {
			return nil, err
		}
	}
	start := int64(len(b)) - 8 - n
	footer := b[start : len(b)-8]
	f = &File{r: r, size: size, at: map[string]int{}, pages: size - 8 - n - sumSize}
	good := false
	if f.sum, f.summed, good = readSum(b[:start], footer); !good {
		return nil, fmt.Errorf("footer: not what was written: %w", ErrFormat)
	}
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), footer, &f.meta); err != nil {
		return nil, fmt.Errorf("footer: %w: %w", err, ErrFormat)
	}
	for i := range f.meta.Schema {
		if i > 0 {
			f.at[f.meta.Schema[i].Name] = i - 1
		}
	}
	for i := range f.meta.RowGroups {
		if g := &f.meta.RowGroups[i]; len(g.Columns) != len(f.at) || g.NumRows < 0 || g.NumRows > MaxGroup {
			return nil, fmt.Errorf("row group %d: %d columns, %d rows: %w", i, len(g.Columns), g.NumRows, ErrFormat)
		}
	}
	return f, nil
}

// contained turns what a library made of a damaged file into an error.
func contained(err error, panicked any) error {
	if panicked != nil {
		return fmt.Errorf("%v: %w", panicked, ErrFormat)
	}
	return err
}

// Groups returns how many row groups there are.
func (f *File) Groups() int { return len(f.meta.RowGroups) }

// Rows returns how many rows a row group has.
func (f *File) Rows(group int) int { return int(f.meta.RowGroups[group].NumRows) }

// Has reports whether there is such a column.
func (f *File) Has(name string) bool { _, ok := f.at[name]; return ok }

func (f *File) chunk(group int, name string) (*format.ColumnMetaData, error) {
	i, ok := f.at[name]
	if !ok {
		return nil, fmt.Errorf("column %s: not in the file: %w", name, ErrFormat)
	}
	return &f.meta.RowGroups[group].Columns[i].MetaData, nil
}

// Span returns the least and greatest value of a column of 64-bit integers, as
// statistics tell.
func (f *File) Span(group int, name string) (low, high int64, ok bool) {
	m, err := f.chunk(group, name)
	if err != nil || len(m.Statistics.MinValue) != 8 || len(m.Statistics.MaxValue) != 8 {
		return 0, 0, false
	}
	return int64(le.Uint64(m.Statistics.MinValue)), int64(le.Uint64(m.Statistics.MaxValue)), true
}

// May reports whether a column of text may have one of the values, which
// statistics and, where there is one, the Bloom filter tell.
func (f *File) May(group int, name string, any []string) (may bool) {
	defer func() { may = may || recover() != nil }()
	m, err := f.chunk(group, name)
	if err != nil {
		return true
	}
	within := make([]string, 0, len(any))
	for _, v := range any {
		if low, high := m.Statistics.MinValue, m.Statistics.MaxValue; low == nil || high == nil || v >= string(low) && v <= string(high) {
			within = append(within, v)
		}
	}
	return len(within) > 0 && f.mayHash(m, within)
}

// mayHash asks the Bloom filter.
func (f *File) mayHash(m *format.ColumnMetaData, any []string) bool {
	if m.BloomFilterOffset <= 0 || m.BloomFilterOffset >= f.size {
		return true
	}
	var head format.BloomFilterHeader
	b := make([]byte, min(64, f.size-m.BloomFilterOffset))
	if _, err := f.r.ReadAt(b, m.BloomFilterOffset); err != nil {
		return true
	}
	in := new(thrift.CompactProtocol).NewReaderFromBytes(b)
	if thrift.NewDecoder(in).Decode(&head) != nil || head.NumBytes <= 0 || head.NumBytes%bloom.BlockSize != 0 {
		return true
	}
	if _, plain := head.Compression.Value.(*format.BloomFilterUncompressed); !plain {
		return true
	}
	bits := io.NewSectionReader(f.r, m.BloomFilterOffset+int64(in.BytesRead()), int64(head.NumBytes))
	for _, v := range any {
		if ok, err := bloom.CheckSplitBlock(bits, int64(head.NumBytes), bloom.XXH64{}.Sum64([]byte(v))); ok || err != nil {
			return true
		}
	}
	return false
}

// Read reads a column's octets and unpacks its dictionary.
func (f *File) Read(group int, name string, c *Chunk) (err error) {
	defer func() { err = contained(err, recover()) }()
	m, err := f.chunk(group, name)
	if err != nil {
		return err
	}
	start := m.DataPageOffset
	if m.DictionaryPageOffset > 0 {
		start = min(start, m.DictionaryPageOffset)
	}
	if n := m.TotalCompressedSize; start < 0 || n < 0 || n > f.size || start > f.size-n {
		return fmt.Errorf("column %s: %d octets at %d: %w", name, n, start, ErrFormat)
	}
	c.raw = grown(c.raw, int(m.TotalCompressedSize))
	if _, err := f.r.ReadAt(c.raw, start); err != nil {
		return err
	}
	c.rest, c.rows, c.codec, c.numbers, c.ends = c.raw, f.Rows(group), m.Codec, c.numbers[:0], c.ends[:0]
	switch m.Type {
	case format.ByteArray:
		c.kind = Text
	case format.Int32:
		c.kind = Int32
	case format.Int64:
		c.kind = Int64
	case format.Double:
		c.kind = Float
	default:
		return fmt.Errorf("column %s: type %s: %w", name, m.Type, ErrFormat)
	}
	if m.DictionaryPageOffset > 0 {
		if err := c.dictionary(); err != nil {
			return fmt.Errorf("column %s: dictionary: %w", name, err)
		}
	}
	return nil
}

// AsFloat reads a value of a column of floats.
func AsFloat(v int64) float64 { return math.Float64frombits(uint64(v)) }

func appendFloat(b []byte, v float64) []byte { return le.AppendUint64(b, math.Float64bits(v)) }
