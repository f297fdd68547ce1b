package columnar

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
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

// Chunk is one column of one row group. Its memory is used again by the next
// Read; what it refers to is valid until then.
type Chunk struct {
	raw   []byte // as in the file
	rest  []byte // of it, behind the dictionary
	dict  []byte // dictionary page, unpacked
	ends  []uint32
	page  []byte
	index []int32
	kind  Kind
	rows  int
	codec format.CompressionCodec
	zstd  *zstd.Decoder

	numbers []int64 // dictionary
	values  []int64
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

// padding is how far decoders may read past the end of what they decode.
const padding = 64

func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// next takes a page off the rest and unpacks it to b.
func (c *Chunk) next(b []byte) (h format.PageHeader, data []byte, err error) {
	in := new(thrift.CompactProtocol).NewReaderFromBytes(c.rest)
	if err := thrift.NewDecoder(in).Decode(&h); err != nil {
		return h, nil, fmt.Errorf("page: %w: %w", err, ErrFormat)
	}
	at, n, size := in.BytesRead(), int(h.CompressedPageSize), int(h.UncompressedPageSize)
	if n < 0 || n > len(c.rest)-at || size < 0 || size > maxPage {
		return h, nil, fmt.Errorf("page of %d octets, %d unpacked, %d there: %w", n, size, len(c.rest)-at, ErrFormat)
	}
	packed := c.rest[at : at+n]
	c.rest = c.rest[at+n:]
	if h.CRC != 0 && uint32(h.CRC) != crc32.ChecksumIEEE(packed) {
		return h, nil, fmt.Errorf("page: not what was written: %w", ErrFormat)
	}
	if v2 := &h.DataPageHeaderV2; h.Type == format.DataPageV2 && (v2.V.RepetitionLevelsByteLength != 0 || v2.V.DefinitionLevelsByteLength != 0) {
		return h, nil, fmt.Errorf("page with levels: %w", ErrFormat)
	} else if h.Type == format.DataPageV2 && v2.V.IsCompressed.Valid && !v2.V.IsCompressed.V {
		return h, packed, nil
	}
	switch c.codec {
	case format.Uncompressed:
		return h, packed, nil
	case format.Zstd:
		if c.zstd == nil {
			if c.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true)); err != nil {
				return h, nil, err
			}
		}
		// Behind the page is room for decoders that read past its end.
		if data, err = c.zstd.DecodeAll(packed, grown(b, size+padding)[:0]); err != nil || len(data) != size {
			return h, nil, fmt.Errorf("page of %d octets, want %d: %w: %w", len(data), size, cmp.Or(err, ErrFormat), ErrFormat)
		}
		return h, data, nil
	}
	return h, nil, fmt.Errorf("compression %s: %w", c.codec, ErrFormat)
}

func (c *Chunk) dictionary() error {
	h, b, err := c.next(c.dict)
	if err != nil {
		return err
	}
	if h.Type != format.DictionaryPage || h.DictionaryPageHeader.V.NumValues < 0 || int(h.DictionaryPageHeader.V.NumValues) > MaxGroup {
		return fmt.Errorf("page of type %s: %w", h.Type, ErrFormat)
	}
	c.dict = b
	n := int(h.DictionaryPageHeader.V.NumValues)
	switch c.kind {
	case Text:
		at := 0
		for range n {
			if len(b)-at < 4 || uint64(le.Uint32(b[at:])) > uint64(len(b)-at-4) {
				return ErrFormat
			}
			at += 4 + int(le.Uint32(b[at:]))
			c.ends = append(c.ends, uint32(at))
		}
		return nil
	case Int32:
		if len(b) != 4*n {
			return ErrFormat
		}
		for i := range n {
			c.numbers = append(c.numbers, int64(int32(le.Uint32(b[4*i:]))))
		}
	default:
		if len(b) != 8*n {
			return ErrFormat
		}
		for i := range n {
			c.numbers = append(c.numbers, int64(le.Uint64(b[8*i:])))
		}
	}
	return nil
}

// Size returns how many values the dictionary has.
func (c *Chunk) Size() int { return max(len(c.ends), len(c.numbers)) }

// Text returns a text of the dictionary, which is valid until the next Read.
func (c *Chunk) Text(i int) []byte {
	from := uint32(4)
	if i > 0 {
		from += c.ends[i-1]
	}
	return c.dict[from:c.ends[i]]
}

// Numbers returns the numbers of the dictionary, nil for texts.
func (c *Chunk) Numbers() []int64 {
	if c.kind == Text {
		return nil
	}
	return c.numbers
}

// IsText reports that the dictionary has texts.
func (c *Chunk) IsText() bool { return c.kind == Text }

// Index returns for each row its place in the dictionary. It may be called once
// after each Read.
func (c *Chunk) Index() (all []int32, err error) {
	defer func() { err = contained(err, recover()) }()
	all = grown(c.index, c.rows)[:0]
	for len(all) < c.rows {
		h, b, err := c.next(c.page)
		if err != nil {
			return nil, err
		}
		n, enc := pageValues(&h)
		//nolint:staticcheck // PlainDictionary is deprecated for writers; files have it
		if (enc != format.RLEDictionary && enc != format.PlainDictionary) || n <= 0 || n > c.rows-len(all) || len(b) < 1 || b[0] > 32 {
			return nil, fmt.Errorf("page of %d places, %s: %w", n, enc, ErrFormat)
		}
		if c.codec != format.Uncompressed {
			c.page = b
		}
		at := len(all)
		if all, err = c.places(all, b, n); err != nil {
			return nil, err
		}
		if len(all) != at+n {
			return nil, fmt.Errorf("%d places of %d: %w", len(all)-at, n, ErrFormat)
		}
	}
	c.index = all
	return all, nil
}

// places appends the n places that a page has, each within the dictionary.
func (c *Chunk) places(all []int32, b []byte, n int) ([]int32, error) {
	at := len(all)
	switch {
	case b[0] == 0: // one value
		all = all[:at+n]
		clear(all[at:])
	case !fitsRuns(b[1:], int(b[0]), n):
		return nil, fmt.Errorf("no places of %d rows: %w", n, ErrFormat)
	default:
		e := rle.Encoding{BitWidth: int(b[0])}
		some, err := e.DecodeInt32(all[at:at], b[1:])
		if err != nil {
			return nil, fmt.Errorf("places: %w: %w", err, ErrFormat)
		}
		if len(some) < n { // padding to eight may be behind
			return nil, fmt.Errorf("%d places of %d: %w", len(some), n, ErrFormat)
		}
		all = append(all[:at], some[:n]...)
	}
	greatest := uint32(0)
	for _, i := range all[at:] {
		greatest = max(greatest, uint32(i))
	}
	if int64(greatest) >= int64(c.Size()) {
		return nil, fmt.Errorf("place %d of %d: %w", greatest, c.Size(), ErrFormat)
	}
	return all, nil
}

func pageValues(h *format.PageHeader) (n int, e format.Encoding) {
	if h.Type == format.DataPageV2 {
		return int(h.DataPageHeaderV2.V.NumValues), h.DataPageHeaderV2.V.Encoding
	}
	return int(h.DataPageHeader.V.NumValues), h.DataPageHeader.V.Encoding
}

// Values returns the value of each row of a column without a dictionary. It may
// be called once after each Read.
func (c *Chunk) Values() (all []int64, err error) {
	defer func() { err = contained(err, recover()) }()
	all = grown(c.values, c.rows)[:0]
	for len(all) < c.rows {
		h, b, err := c.next(c.page)
		if err != nil {
			return nil, err
		}
		n, enc := pageValues(&h)
		if n <= 0 || n > c.rows-len(all) {
			return nil, fmt.Errorf("page of %d values: %w", n, ErrFormat)
		}
		if c.codec != format.Uncompressed {
			c.page = b
		}
		switch {
		case enc == format.DeltaBinaryPacked && c.kind == Int64 && fitsDifferences(b, n):
			some, err := new(delta.BinaryPackedEncoding).DecodeInt64(all[len(all):], b)
			if err != nil || len(some) != n {
				return nil, fmt.Errorf("%d values of %d: %w", len(some), n, ErrFormat)
			}
			all = append(all, some...)
		case enc == format.Plain && (c.kind == Int64 || c.kind == Float) && len(b) == 8*n:
			for i := range n {
				all = append(all, int64(le.Uint64(b[8*i:])))
			}
		default:
			return nil, fmt.Errorf("page encoded as %s: %w", enc, ErrFormat)
		}
	}
	c.values = all
	return all, nil
}

// AsFloat reads a value of a column of floats.
func AsFloat(v int64) float64 { return math.Float64frombits(uint64(v)) }

func appendFloat(b []byte, v float64) []byte { return le.AppendUint64(b, math.Float64bits(v)) }
