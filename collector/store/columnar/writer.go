package columnar

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

var (
	le    = binary.LittleEndian
	magic = []byte("PAR1")
)

// Data is a column of a row group: for each row its place in Texts or Numbers,
// or, of a kind without a dictionary, the value itself.
type Data struct {
	Index []int32
	// Of is for each row where its place is in Index, where many rows have one
	// there; nil where each has its own.
	Of      []uint32
	Texts   Texts     // dictionary of Text
	Numbers []int64   // dictionary of Int32 and Int64; values of Time and Number
	Floats  []float64 // values of Float
}

func (d *Data) rows(k Kind) int {
	switch k {
	case Time, Number:
		return len(d.Numbers)
	case Float:
		return len(d.Floats)
	}
	if d.Of != nil {
		return len(d.Of)
	}
	return len(d.Index)
}

// Writer writes a file, a row group at a time. Close completes it.
type Writer struct {
	out     io.Writer
	columns []Column
	encoder *zstd.Encoder // nil until the first page
	meta    format.FileMetaData
	at      int64
	sum     uint32  // of what was written
	index   []int32 // reused
	plain   []byte
	packed  []byte
}

// NewWriter returns a writer of a file with these columns.
func NewWriter(out io.Writer, creator string, columns []Column) *Writer {
	w := &Writer{out: out, columns: columns}
	w.meta.Version, w.meta.CreatedBy = 2, creator
	w.meta.Schema = append(w.meta.Schema, format.SchemaElement{Name: "row", NumChildren: thrift.New(int32(len(columns)))})
	for _, c := range columns {
		e := format.SchemaElement{Name: c.Name, Type: thrift.New(c.Kind.physical()), RepetitionType: thrift.New(format.Required)}
		switch c.Kind {
		case Text:
			e.ConvertedType, e.LogicalType.Value = thrift.New(deprecated.UTF8), &format.StringType{}
		case Time:
			e.ConvertedType = thrift.New(deprecated.TimestampMicros)
			e.LogicalType.Value = &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: &format.MicroSeconds{}}}
		default:
		}
		w.meta.Schema = append(w.meta.Schema, e)
		w.meta.ColumnOrders = append(w.meta.ColumnOrders, format.ColumnOrder{Value: &format.TypeDefinedOrder{}})
	}
	return w
}

// Next returns a writer of another file with the same columns, which takes over the
// memory of w. w must not be used any more.
func (w *Writer) Next(out io.Writer) *Writer {
	n := NewWriter(out, w.meta.CreatedBy, w.columns)
	n.encoder, n.index, n.plain, n.packed = w.encoder, w.index, w.plain, w.packed
	return n
}

func (k Kind) physical() format.Type {
	switch k {
	case Text:
		return format.ByteArray
	case Int32:
		return format.Int32
	case Float:
		return format.Double
	default:
		return format.Int64
	}
}

func (w *Writer) write(b []byte) error {
	n, err := w.out.Write(b)
	w.at += int64(n)
	w.sum = crc32.Update(w.sum, castagnoli, b)
	return err
}

// Group writes a row group. The data are the caller's again afterwards.
func (w *Writer) Group(data []Data) error {
	if w.at == 0 {
		if err := w.write(magic); err != nil {
			return err
		}
	}
	if len(data) != len(w.columns) {
		return fmt.Errorf("%d columns, want %d", len(data), len(w.columns))
	}
	rows := data[0].rows(w.columns[0].Kind)
	g := format.RowGroup{NumRows: int64(rows), FileOffset: w.at, Ordinal: int16(len(w.meta.RowGroups))}
	for i := range data {
		if n := data[i].rows(w.columns[i].Kind); n != rows || n > MaxGroup {
			return fmt.Errorf("column %s: %d rows, want %d, at most %d", w.columns[i].Name, n, rows, MaxGroup)
		}
		c, err := w.chunk(&w.columns[i], &data[i])
		if err != nil {
			return err
		}
		g.TotalByteSize += c.MetaData.TotalUncompressedSize
		g.TotalCompressedSize += c.MetaData.TotalCompressedSize
		g.Columns = append(g.Columns, c)
	}
	if err := w.filters(&g, data); err != nil {
		return err
	}
	w.meta.NumRows += int64(rows)
	w.meta.RowGroups = append(w.meta.RowGroups, g)
	return nil
}

// chunk writes the pages of a column.
func (w *Writer) chunk(c *Column, d *Data) (format.ColumnChunk, error) {
	start := w.at
	m := format.ColumnMetaData{Type: c.Kind.physical(), PathInSchema: []string{c.Name}, Codec: format.Zstd, NumValues: int64(d.rows(c.Kind))}
	head := format.DataPageHeader{NumValues: int32(m.NumValues), DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE}
	var err error
	switch c.Kind {
	case Text, Int32, Int64:
		m.DictionaryPageOffset = w.at
		size := w.dictionary(c, d)
		page := format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: int32(size), Encoding: format.Plain})}
		if err = w.page(&m, &page); err != nil {
			return format.ColumnChunk{}, err
		}
		err = w.places(d, size)
		head.Encoding, m.Encoding = format.RLEDictionary, []format.Encoding{format.Plain, format.RLEDictionary}
	case Time, Number:
		w.plain, err = new(delta.BinaryPackedEncoding).EncodeInt64(w.plain[:0], d.Numbers)
		head.Encoding, m.Encoding = format.DeltaBinaryPacked, []format.Encoding{format.DeltaBinaryPacked}
	case Float:
		w.plain = w.plain[:0]
		for _, v := range d.Floats {
			w.plain = appendFloat(w.plain, v)
		}
		head.Encoding, m.Encoding = format.Plain, []format.Encoding{format.Plain}
	}
	if err != nil {
		return format.ColumnChunk{}, fmt.Errorf("column %s: %w", c.Name, err)
	}
	m.Statistics.MinValue, m.Statistics.MaxValue = bounds(c.Kind, d)
	m.DataPageOffset = w.at
	if err := w.page(&m, &format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(head)}); err != nil {
		return format.ColumnChunk{}, err
	}
	return format.ColumnChunk{FileOffset: start, MetaData: m}, nil
}

// places writes the place of each row in a dictionary of a size to w.plain.
func (w *Writer) places(d *Data, size int) (err error) {
	if size == 1 { // all are the first
		w.plain = append(binary.AppendUvarint(append(w.plain[:0], 1), uint64(d.rows(Text))<<1), 0)
		return nil
	}
	index := d.Index
	if d.Of != nil {
		w.index = slices.Grow(w.index[:0], len(d.Of))[:len(d.Of)]
		for i, at := range d.Of {
			w.index[i] = index[at]
		}
		index = w.index
	}
	e := rle.Encoding{BitWidth: max(bits.Len(uint(max(size-1, 0))), 1)}
	w.packed, err = e.EncodeInt32(w.packed[:0], index)
	w.plain = append(append(w.plain[:0], byte(e.BitWidth)), w.packed...)
	return err
}

// dictionary writes the values of a dictionary to w.plain.
func (w *Writer) dictionary(c *Column, d *Data) (size int) {
	w.plain = w.plain[:0]
	switch c.Kind {
	case Text:
		for i := range d.Texts.Len() {
			t := d.Texts.At(i)
			w.plain = append(le.AppendUint32(w.plain, uint32(len(t))), t...)
		}
		return d.Texts.Len()
	case Int32:
		for _, n := range d.Numbers {
			w.plain = le.AppendUint32(w.plain, uint32(n))
		}
	default:
		for _, n := range d.Numbers {
			w.plain = le.AppendUint64(w.plain, uint64(n))
		}
	}
	return len(d.Numbers)
}

// page writes w.plain, packed, under a header.
func (w *Writer) page(m *format.ColumnMetaData, h *format.PageHeader) (err error) {
	if err = w.pack(); err != nil {
		return err
	}
	h.UncompressedPageSize, h.CompressedPageSize = int32(len(w.plain)), int32(len(w.packed))
	h.CRC = int32(crc32.ChecksumIEEE(w.packed))
	head, err := thrift.Marshal(new(thrift.CompactProtocol), h)
	if err != nil {
		return err
	}
	m.TotalUncompressedSize += int64(len(head) + len(w.plain))
	m.TotalCompressedSize += int64(len(head) + len(w.packed))
	if err := w.write(head); err != nil {
		return err
	}
	return w.write(w.packed)
}

// bounds returns the least and greatest value, as statistics have them.
func bounds(k Kind, d *Data) (low, high []byte) {
	switch {
	case k == Text && d.Texts.Len() > 0:
		low, high = d.Texts.At(0), d.Texts.At(0)
		for i := range d.Texts.Len() {
			if t := d.Texts.At(i); bytes.Compare(t, low) < 0 {
				low = t
			} else if bytes.Compare(t, high) > 0 {
				high = t
			}
		}
		return bytes.Clone(low), bytes.Clone(high)
	case k == Float && len(d.Floats) > 0:
		return appendFloat(nil, slices.Min(d.Floats)), appendFloat(nil, slices.Max(d.Floats))
	case k == Int32 && len(d.Numbers) > 0:
		return le.AppendUint32(nil, uint32(slices.Min(d.Numbers))), le.AppendUint32(nil, uint32(slices.Max(d.Numbers)))
	case k != Text && len(d.Numbers) > 0:
		return le.AppendUint64(nil, uint64(slices.Min(d.Numbers))), le.AppendUint64(nil, uint64(slices.Max(d.Numbers)))
	}
	return nil, nil
}

// filters writes the Bloom filters of a row group.
func (w *Writer) filters(g *format.RowGroup, data []Data) error {
	for i := range w.columns {
		if !w.columns[i].Bloom {
			continue
		}
		f := make(bloom.SplitBlockFilter, max(bloom.NumSplitBlocksOf(int64(data[i].Texts.Len()), bloomBits), 1))
		for j := range data[i].Texts.Len() {
			f.Insert(bloom.XXH64{}.Sum64(data[i].Texts.At(j)))
		}
		head, err := thrift.Marshal(new(thrift.CompactProtocol), &format.BloomFilterHeader{
			NumBytes: int32(len(f.Bytes())), Algorithm: format.BloomFilterAlgorithm{Value: &format.SplitBlockAlgorithm{}},
			Hash: format.BloomFilterHash{Value: &format.XxHash{}}, Compression: format.BloomFilterCompression{Value: &format.BloomFilterUncompressed{}},
		})
		if err != nil {
			return err
		}
		m := &g.Columns[i].MetaData
		m.BloomFilterOffset, m.BloomFilterLength = w.at, int32(len(head)+len(f.Bytes()))
		if err := cmp.Or(w.write(head), w.write(f.Bytes())); err != nil {
			return err
		}
	}
	return nil
}

// Close writes the end of the file.
func (w *Writer) Close() error {
	var footer bytes.Buffer
	if err := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&footer)).Encode(&w.meta); err != nil {
		return err
	}
	if w.at == 0 {
		if err := w.write(magic); err != nil {
			return err
		}
	}
	b := append(appendSum(nil, w.sum, footer.Bytes()), footer.Bytes()...)
	b = le.AppendUint32(b, uint32(footer.Len()))
	return w.write(append(b, magic...))
}
