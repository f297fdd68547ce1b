// Package columnar writes and reads Parquet files column by column: a writer
// that is handed dictionaries and places in them, as they were made anyway, and
// a reader of whole columns as dictionaries and places, so that who sums over
// millions of rows never makes one. Other programs read the files as they are.
//
// What is not worth packing is stored, as a Zstandard frame all the same: a part of
// a page tells.
//
// A file has flat, required columns only, a page of data for each column and row
// group, statistics of each, and Bloom filters where asked. What the reader
// cannot make sense of, a damaged file too, is an error, never a panic, and the
// memory it takes is bounded by the size of the file and MaxGroup rows.
package columnar

import "errors"

// Kind is what the values of a column are.
type Kind uint8

// The kinds.
const (
	Text   Kind = iota // UTF-8
	Int32              // with a dictionary
	Int64              // with a dictionary
	Time               // µs since the epoch, without a dictionary, as differences
	Number             // an integer of 64 bits without a dictionary, as differences
	Float              // of 64 bits, without a dictionary
)

// Column describes a column.
type Column struct {
	Name  string
	Kind  Kind
	Bloom bool // has a Bloom filter; of Text
}

// MaxGroup is how many rows a row group may have.
const MaxGroup = 1 << 20

// maxPage bounds a page, unpacked, in octets.
const maxPage = 1 << 26

// bloomBits per distinct value give one false answer in a hundred.
const bloomBits = 10

// ErrFormat is what every error about the contents of a file wraps.
var ErrFormat = errors.New("no Parquet file of this kind, or damaged")
