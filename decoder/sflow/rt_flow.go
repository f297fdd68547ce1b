package sflow

import (
	"iter"
	"math"
	"net/netip"
)

// RTFlow is an rtflow (sample 4300:1003): one event with named fields that a
// program on the host hands to its agent. It has no sequence number.
type RTFlow struct {
	DataSource   Text      `json:"datasource"`    // name of what is sampled; empty: the agent itself
	SamplingRate uint32    `json:"sampling_rate"` // one event in SamplingRate
	SamplePool   uint32    `json:"sample_pool"`   // events that could have been sampled; agents send 0 today
	Fields       FieldList `json:"fields"`        // refers to the sample's bytes
}

// FieldList is the list of an RTFlow, undecoded.
type FieldList struct {
	Num  uint32 // as sent; Data is the truth
	Data []byte // refers to the sample's bytes

	off int // of Data in the datagram
}

// FieldType says what a Field holds.
type FieldType uint32

// Values of FieldType.
const (
	FieldString FieldType = 0
	FieldMAC    FieldType = 1
	FieldIP     FieldType = 2
	FieldIP6    FieldType = 3
	FieldInt32  FieldType = 4
	FieldInt64  FieldType = 5
	FieldFloat  FieldType = 6
	FieldDouble FieldType = 7
)

var fieldTypes = [...]string{"string", "mac", "ip", "ip6", "int32", "int64", "float", "double"}

// String returns the type's name as agents spell it, "unknown" where it is
// none of the constants.
func (t FieldType) String() string {
	if int64(t) < int64(len(fieldTypes)) {
		return fieldTypes[t]
	}
	return "unknown"
}

// Field is one named field of an RTFlow.
type Field struct {
	Name  Text
	Type  FieldType
	Bits  uint64 // the number as on the wire: an unsigned integer, or an IEEE 754 float of 32 or 64 bits
	Bytes []byte // of a string, or the 6, 4 or 16 bytes of an address
}

// Float returns the number of any type; 0 of a string or address.
func (f Field) Float() float64 {
	switch f.Type {
	case FieldFloat:
		return float64(math.Float32frombits(uint32(f.Bits)))
	case FieldDouble:
		return math.Float64frombits(f.Bits)
	}
	return float64(f.Bits)
}

// Addr returns the IP address; the zero Addr of any other type.
func (f Field) Addr() netip.Addr {
	if f.Type != FieldIP && f.Type != FieldIP6 {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(f.Bytes)
	return a
}

// MAC returns the Ethernet address; the zero MAC of any other type.
func (f Field) MAC() MAC {
	if f.Type != FieldMAC || len(f.Bytes) < 6 {
		return MAC{}
	}
	return MAC(f.Bytes[:6])
}

// Decode reads the head of an rtflow; the list is read by its iterator. Decode
// keeps smp.Body; DataSource and Fields refer to it.
func (s *RTFlow) Decode(smp Sample) error {
	*s = RTFlow{}
	if smp.Format != FormatRTFlow {
		return ErrFormat
	}
	name, b, err := decodeOpaque(smp.Body)
	if err != nil {
		return err
	}
	if len(b) < 12 {
		return ErrTruncated
	}
	s.DataSource = name
	s.SamplingRate = be.Uint32(b)
	s.SamplePool = be.Uint32(b[4:])
	s.Fields = FieldList{be.Uint32(b[8:]), b[12:len(b):len(b)], smp.Offset + len(smp.Body) - len(b) + 12}
	return nil
}

// All iterates over the fields. A field that runs past the sample, or one of
// an unknown type, whose length nobody knows, ends the iteration with an
// *Error; it is not delivered.
func (l *FieldList) All() iter.Seq2[Field, error] {
	return func(yield func(Field, error) bool) {
		b := l.Data
		for i := 0; uint64(i) < uint64(l.Num); i++ {
			f, rest, err := decodeField(b)
			if err != 0 {
				off := l.off + len(l.Data) - len(b)
				yield(Field{}, &Error{What: "field", Index: i, Offset: off, Err: err})
				return
			}
			if !yield(f, nil) {
				return
			}
			b = rest
		}
	}
}

// fieldLen holds the bytes on the wire of each type but a string, a MAC being
// padded to 8.
var fieldLen = [...]int{FieldMAC: 8, FieldIP: 4, FieldIP6: 16, FieldInt32: 4, FieldInt64: 8, FieldFloat: 4, FieldDouble: 8}

// decodeField reads the field at the start of b and returns it with what
// follows; the Reason is 0 where it could be read.
func decodeField(b []byte) (f Field, rest []byte, _ Reason) {
	name, b, err := decodeOpaque(b)
	if err != nil || len(b) < 4 {
		return Field{}, nil, ErrTruncated
	}
	f.Name, f.Type = name, FieldType(be.Uint32(b))
	b = b[4:]
	if f.Type > FieldDouble {
		return Field{}, nil, ErrValue
	}
	if f.Type == FieldString {
		if f.Bytes, rest, err = decodeOpaque(b); err != nil {
			return Field{}, nil, ErrTruncated
		}
		return f, rest, 0
	}
	n := fieldLen[f.Type]
	if len(b) < n {
		return Field{}, nil, ErrTruncated
	}
	switch f.Type {
	case FieldMAC:
		f.Bytes = b[:6:6]
	case FieldIP, FieldIP6:
		f.Bytes = b[:n:n]
	case FieldInt32, FieldFloat:
		f.Bits = uint64(be.Uint32(b))
	default:
		f.Bits = be.Uint64(b)
	}
	return f, b[n:], 0
}

// Add adds a field to a list made with Add alone. A field of an unknown type, or
// an address of the wrong length, is not added. To begin again in the same
// buffer, set Num to 0 and Data to Data[:0].
func (l *FieldList) Add(f Field) {
	switch {
	case f.Type > FieldDouble,
		f.Type == FieldMAC && len(f.Bytes) != 6,
		f.Type == FieldIP && len(f.Bytes) != 4,
		f.Type == FieldIP6 && len(f.Bytes) != 16:
		return
	}
	b := be.AppendUint32(appendOpaque(l.Data, f.Name), uint32(f.Type))
	switch f.Type {
	case FieldString:
		b = appendOpaque(b, f.Bytes)
	case FieldMAC:
		b = appendPaddedMAC(b, MAC(f.Bytes))
	case FieldIP, FieldIP6:
		b = append(b, f.Bytes...)
	case FieldInt32, FieldFloat:
		b = be.AppendUint32(b, uint32(f.Bits))
	default:
		b = be.AppendUint64(b, f.Bits)
	}
	l.Data = b
	l.Num++
}

// Append appends the sample with its format and length, the list's Num and Data
// as they are.
func (s *RTFlow) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatRTFlow)
	b = appendOpaque(b, s.DataSource)
	b = be.AppendUint32(b, s.SamplingRate)
	b = be.AppendUint32(b, s.SamplePool)
	b = be.AppendUint32(b, s.Fields.Num)
	return endRecord(append(b, s.Fields.Data...), at)
}
