package columnar

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
)

// Before the footer, where no offset leads, stand a word and two checksums
// (CRC-32C): of all that is before it, and of the footer. A file of another writer
// has none.
const (
	sumWord = "wsum"
	sumSize = int64(len(sumWord)) + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendSum appends the checksums of the pages and of a footer.
func appendSum(b []byte, pages uint32, footer []byte) []byte {
	return le.AppendUint32(le.AppendUint32(append(b, sumWord...), pages), crc32.Checksum(footer, castagnoli))
}

// readSum reads the checksum of the pages from the octets before a footer, and
// reports that the footer is what was written.
func readSum(before, footer []byte) (pages uint32, there, good bool) {
	if int64(len(before)) < sumSize {
		return 0, false, true
	}
	sum := before[int64(len(before))-sumSize:]
	if !bytes.HasPrefix(sum, []byte(sumWord)) {
		return 0, false, true
	}
	sum = sum[len(sumWord):]
	return le.Uint32(sum), true, le.Uint32(sum[4:]) == crc32.Checksum(footer, castagnoli)
}

// Check reads all of a file, and returns what is wrong with it: an octet that is
// not what was written, or, in a file without a checksum, a page that cannot be
// read, and statistics or a Bloom filter that deny what a dictionary has.
func (f *File) Check() error {
	if f.summed {
		h, b := crc32.New(castagnoli), make([]byte, 1<<18)
		if _, err := io.CopyBuffer(h, io.NewSectionReader(f.r, 0, f.pages), b); err != nil {
			return err
		}
		if h.Sum32() != f.sum {
			return fmt.Errorf("not what was written: %w", ErrFormat)
		}
		return nil
	}
	var c Chunk
	for g := range f.Groups() {
		for i := range f.meta.RowGroups[g].Columns {
			name := f.meta.Schema[i+1].Name
			if err := f.checkColumn(g, name, &c); err != nil {
				return fmt.Errorf("row group %d, column %s: %w", g, name, err)
			}
		}
	}
	return nil
}

func (f *File) checkColumn(g int, name string, c *Chunk) error {
	m, err := f.chunk(g, name)
	if err != nil {
		return err
	}
	if err := f.Read(g, name, c); err != nil {
		return err
	}
	if m.DictionaryPageOffset == 0 {
		_, err = c.Values()
		return err
	}
	if _, err = c.Index(); err != nil || !c.IsText() {
		return err
	}
	for i := range c.Size() {
		if !f.May(g, name, []string{string(c.Text(i))}) {
			return fmt.Errorf("its filter denies a value: %w", ErrFormat)
		}
	}
	return nil
}
