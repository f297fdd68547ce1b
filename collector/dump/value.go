package dump

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir/decoder/sflow"
)

// writer appends one JSON object to b.
type writer struct {
	b     []byte
	empty bool
}

func object(b []byte) *writer { return &writer{append(b, '{'), true} }

func (o *writer) end() []byte { return append(o.b, '}') }

func (o *writer) key(k string) {
	if !o.empty {
		o.b = append(o.b, ',')
	}
	o.empty = false
	o.b = append(append(append(o.b, '"'), k...), `":`...)
}

func (o *writer) str(k, v string) { o.key(k); o.b = appendString(o.b, v) }

func (o *writer) num(k string, v uint64) { o.key(k); o.b = appendUint(o.b, v) }

// appendString appends v as a JSON string; bytes that are no UTF-8 become
// U+FFFD, as agents may send anything. Control characters are escaped, those
// above ASCII too: a terminal obeys them.
func appendString(b []byte, v string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range v { // a byte that is no UTF-8 is U+FFFD
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r >= 0x7f && r < 0xa0:
			b = append(b, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// maxExact is the largest integer that every JSON reader keeps exactly.
const maxExact = 1 << 53

func appendUint(b []byte, v uint64) []byte {
	if v > maxExact {
		return append(strconv.AppendUint(append(b, '"'), v, 10), '"')
	}
	return strconv.AppendUint(b, v, 10)
}

// fields appends the exported fields of the struct that p points to, by their
// json tags, then the rows of its iterators' lists where it has any.
func (o *writer) fields(p any) {
	v := reflect.ValueOf(p).Elem()
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Tag.Get("json") == "-" {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		o.key(name)
		o.b = appendValue(o.b, v.Field(i))
	}
}

func appendValue(b []byte, v reflect.Value) []byte {
	switch x := v.Interface().(type) {
	case sflow.Counter32:
		if !x.Known() {
			return append(b, "null"...)
		}
		return appendUint(b, uint64(x))
	case sflow.Counter64:
		if !x.Known() {
			return append(b, "null"...)
		}
		return appendUint(b, uint64(x))
	case sflow.Text:
		return appendString(b, string(x))
	case sflow.MAC:
		return appendString(b, x.String())
	case sflow.DataSource:
		return appendString(b, x.String())
	case netip.Addr:
		if !x.IsValid() {
			return append(b, "null"...)
		}
		return appendString(b, x.String())
	case json.Marshaler:
		if s, err := x.MarshalJSON(); err == nil {
			return append(b, s...)
		}
		return append(b, "null"...)
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		return appendUint(b, v.Uint())
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		if n := v.Int(); n > maxExact || n < -maxExact {
			return append(strconv.AppendInt(append(b, '"'), n, 10), '"')
		}
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Float32, reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(b, "null"...)
		}
		bits := 64
		if v.Kind() == reflect.Float32 {
			bits = 32
		}
		return strconv.AppendFloat(b, f, 'g', -1, bits)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(hex.AppendEncode(append(b, '"'), v.Bytes()), '"')
		}
	case reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			raw := make([]byte, v.Len())
			reflect.Copy(reflect.ValueOf(raw), v)
			return append(hex.AppendEncode(append(b, '"'), raw), '"')
		}
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, v.Index(i))
		}
		return append(b, ']')
	case reflect.Struct:
		o := object(b)
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		o.fields(p.Interface())
		return o.end()
	case reflect.String:
		return appendString(b, v.String())
	}
	return append(b, "null"...)
}
