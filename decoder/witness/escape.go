package witness

import "strings"

// maxEntity bounds an entity as it is sent, in octets.
const maxEntity = 255

// appendEscaped appends entity with slashes, percent signs, control characters
// and octets above ASCII percent-encoded, cut after maxEntity octets.
func appendEscaped(b []byte, entity string) []byte {
	const hex = "0123456789ABCDEF"
	end := len(b) + maxEntity
	for i := range len(entity) {
		c := entity[i]
		switch {
		case c > ' ' && c < 0x7f && c != '/' && c != '%':
			if len(b)+1 > end {
				return b
			}
			b = append(b, c)
		default:
			if len(b)+3 > end {
				return b
			}
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	if entity == "" {
		b = append(b, '-')
	}
	return b
}

// Escape returns entity as it stands in a data source.
func Escape(entity string) string { return string(appendEscaped(nil, entity)) }

// Unescape undoes Escape; what is no encoding stays as it is.
func Unescape(entity []byte) string {
	var b strings.Builder
	for i := 0; i < len(entity); i++ {
		if entity[i] == '%' && i+2 < len(entity) {
			hi, lo := unhex(entity[i+1]), unhex(entity[i+2])
			if hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(entity[i])
	}
	return b.String()
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
