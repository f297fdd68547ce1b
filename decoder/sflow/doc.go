// Package sflow is a codec for sFlow version 5 (sflow.org/sflow_version_5.txt):
// caller-owned structs, decode and append side by side, one file per structure.
//
// # Ownership
//
// Nothing is copied. A Datagram, and every Sample, Record and byte slice
// obtained from it, refer to the buffer given to Decode and are valid until
// that buffer is changed or Decode is called again. Decode writes every
// exported field on every call, so a struct can be reused without clearing.
//
// # Lengths
//
// The sample's and the record's own length are the only truth: an unknown
// format is skipped by its length, a structure longer than expected is read to
// the fields known here, stray bytes after the last record are ignored. Every
// length and count is compared in 64 bits before it slices or loops anything;
// nothing is allocated for them.
//
// # Lists
//
// A list of variable length (AS path, communities, labels, adapters, metrics)
// is kept as its bytes on the wire and read with an iterator, so decoding one
// allocates nothing. Append writes the same bytes; AppendWords,
// AppendASPathSegment and their like make them. [Builder] packs samples and
// records into datagrams and keeps counts and lengths right.
//
// # JSON
//
// The json tags of the structures are the specification's field names in snake
// case, and a contract with those who read what `weir decode` prints. A field
// that the specification calls "name" goes by a longer one (acl_name,
// port_name), because every record has a member of that name.
//
// # Errors
//
// Every error is, or wraps, a [Reason]: a small comparable value usable with
// errors.Is and as a metric label. [Error] adds the place. Decode methods of
// single structures return a bare Reason, which costs no allocation.
package sflow
