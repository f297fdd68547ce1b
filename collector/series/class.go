package series

import (
	"math"
	"slices"
)

// Unit says what a field's numbers are.
type Unit string

// The units.
const (
	Count            Unit = "count"
	Bytes            Unit = "bytes"
	Packets          Unit = "packets"
	BitsPerSecond    Unit = "bit/s"
	PacketsPerSecond Unit = "packets/s"
	DatagramsPerSec  Unit = "datagrams/s"
	Percent          Unit = "percent"
	Milliseconds     Unit = "ms"
	Seconds          Unit = "s"
	Megahertz        Unit = "MHz"
	Millivolts       Unit = "mV"
	Celsius          Unit = "°C"
	Microwatts       Unit = "µW"
	OneIn            Unit = "1 in N"
	Flag             Unit = "0 or 1"
	Text             Unit = "text"
	None             Unit = "-"
)

// Field is one value of a class.
type Field struct {
	Name    string // snake_case
	Unit    Unit
	Counter bool   // a running total, which starts anew with its agent
	Help    string // where the name does not say it
}

// Class is one kind of point: in a database, one measurement.
type Class struct {
	Name   string
	Tags   []string // beside site; in the order of Point.Tags
	Fields []Field  // in the order of Point.Values
	Help   string
}

// Kind is what a Value holds.
type Kind uint8

// The kinds.
const (
	Unknown Kind = iota // nothing, which is never zero
	Int
	Float
	String
)

// Value is the value of a field.
type Value struct {
	kind Kind
	bits uint64
	text string
}

// Kind returns what v holds.
func (v *Value) Kind() Kind { return v.kind }

// Int returns a value of kind Int.
func (v *Value) Int() int64 { return int64(v.bits) }

// Float returns a value of kind Float: a number, never infinite.
func (v *Value) Float() float64 { return math.Float64frombits(v.bits) }

// Text returns a value of kind String.
func (v *Value) Text() string { return v.text }

// Whole returns a whole number. Databases that know signed numbers only hold at
// most 2^63-1, and so does it.
func Whole(n uint64) Value { return Value{kind: Int, bits: min(n, math.MaxInt64)} }

// Number returns a number; unknown where it is none, or infinite.
func Number(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	return Value{kind: Float, bits: math.Float64bits(f)}
}

// Rate returns a number that is unknown below zero.
func Rate(f float64) Value {
	if f < 0 {
		return Value{}
	}
	return Number(f)
}

// Yes returns 1 or 0.
func Yes(b bool) Value {
	if b {
		return Whole(1)
	}
	return Whole(0)
}

// Words returns a text; unknown where it is empty.
func Words(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{kind: String, text: s}
}

// MaxTags is how many tags a class has at most, beside site.
const MaxTags = 6

// Point is the values of one class, of one thing, at one time. It refers to
// strings that nobody changes.
type Point struct {
	Class  *Class
	At     int64 // ns since the epoch
	Tags   [MaxTags]string
	Values []Value // one for each field, or fewer where the last are unknown
}

// Classes returns every class, by name.
func Classes() []*Class {
	all := slices.Concat(counterClasses(), sampleClasses(), stateClasses())
	slices.SortFunc(all, func(a, b *Class) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}
