package flows

import "weir/collector/record"

// oldMagic begins a journal of version 1 of the directory, whose rows have their
// keys in full. Only what a weir of that version left is one.
const (
	oldMagic   = "weirflw1"
	oldRowSize = 77
)

// oldRows reads the frames of rows of such a journal.
type oldRows struct {
	to    *block
	keys  *record.Dictionary
	group int // rows since numbers began
}

func (o *oldRows) read(b []byte) bool {
	n := len(b[1:]) / oldRowSize
	if n*oldRowSize != len(b)-1 || n < 1 || n > record.Rows {
		return false
	}
	if o.group+n > groupRows {
		o.keys.Reset()
		o.group = 0
		o.to.turn++
	}
	o.group += n
	x := o.to
	x.times, x.lengths, x.of = sized(x.times, n), sized(x.lengths, n), sized(x.of, n)
	for i := range n {
		var r record.Sample
		readOldRow(b[1+i*oldRowSize:], &r)
		x.times[i], x.lengths[i], x.of[i] = r.At/1e3, r.Length, o.keys.Number(&r.Key)
	}
	x.keys = o.keys.Keys()
	return true
}

func readOldRow(b []byte, r *record.Sample) {
	_ = b[oldRowSize-1]
	*r = record.Sample{At: int64(le.Uint64(b)), Length: le.Uint32(b[56:]), Key: record.Key{
		Src: [16]byte(b[8:24]), Dst: [16]byte(b[24:40]), Agent: le.Uint32(b[40:]), Domain: le.Uint32(b[44:]),
		Input: le.Uint32(b[48:]), Output: le.Uint32(b[52:]), Rate: le.Uint32(b[60:]),
		SrcPort: le.Uint16(b[64:]), DstPort: le.Uint16(b[66:]), EtherType: le.Uint16(b[68:]),
		Proto: b[72], TCPFlags: b[73], TOS: b[74], TTL: b[75],
		Has: record.Has(le.Uint16(b[70:])&0xfff) | record.Has(b[76])*record.Addresses,
	}}
}
