package columnar

import (
	"cmp"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

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
