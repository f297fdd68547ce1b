package sflow

import (
	"math"
	"strconv"
)

// MarshalJSON returns an array of objects with name, type and value: numbers, or
// strings where they are integers above 2^53, null for a counter that is not
// known. Values after one that cannot be read are missing.
func (l MetricList) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for m, err := range l.All() {
		if err != nil {
			break
		}
		out = appendJSONPair(out, m.Name, m.Type.String())
		switch {
		case m.Type == MetricString:
			out = appendJSONString(out, m.Text)
		case !m.Known():
			out = append(out, "null"...)
		case m.Type == MetricGaugeFloat:
			out = appendJSONFloat(out, m.Float(), 32)
		case m.Type == MetricGaugeDouble:
			out = appendJSONFloat(out, m.Float(), 64)
		default:
			out = appendJSONUint(out, m.Bits)
		}
		out = append(out, '}')
	}
	return append(out, ']'), nil
}

// MarshalJSON returns an array of objects with name, type and value: numbers, or
// strings where they are addresses or integers above 2^53. Fields after one
// that cannot be read are missing.
func (l FieldList) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for f, err := range l.All() {
		if err != nil {
			break
		}
		out = appendJSONPair(out, f.Name, f.Type.String())
		switch f.Type {
		case FieldString:
			out = appendJSONString(out, f.Bytes)
		case FieldMAC:
			out = appendJSONString(out, []byte(f.MAC().String()))
		case FieldIP, FieldIP6:
			out = appendJSONString(out, []byte(f.Addr().String()))
		case FieldFloat:
			out = appendJSONFloat(out, f.Float(), 32)
		case FieldDouble:
			out = appendJSONFloat(out, f.Float(), 64)
		default:
			out = appendJSONUint(out, f.Bits)
		}
		out = append(out, '}')
	}
	return append(out, ']'), nil
}

// appendJSONPair appends an object of a list up to its value.
func appendJSONPair(b, name []byte, kind string) []byte {
	if len(b) > 1 {
		b = append(b, ',')
	}
	b = appendJSONString(append(b, `{"name":`...), name)
	b = appendJSONString(append(b, `,"type":`...), []byte(kind))
	return append(b, `,"value":`...)
}

// appendJSONString appends v as a JSON string; bytes that are no UTF-8 become
// U+FFFD.
func appendJSONString(b, v []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range string(v) {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r >= 0x7f && r < 0xa0: // a terminal obeys those above ASCII too
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// appendJSONUint appends v as a number, or as a string where readers that know
// only floating-point numbers would change it.
func appendJSONUint(b []byte, v uint64) []byte {
	if v > 1<<53 {
		return append(strconv.AppendUint(append(b, '"'), v, 10), '"')
	}
	return strconv.AppendUint(b, v, 10)
}

// appendJSONFloat appends v; JSON has no infinity and no NaN, they are null.
func appendJSONFloat(b []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}
