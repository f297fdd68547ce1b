// Package flows keeps flow samples on disk and answers who talked to whom.
//
// What arrives is appended to a journal, which is on disk every second. Every
// few minutes the journal becomes a Parquet file, compressed, with statistics
// and Bloom filters of the addresses, which other programs read as it is; a
// query reads both, only the columns it needs, and sums by places in their
// dictionaries. A directory holds at most so many bytes, then files no older than
// so long: the oldest go first.
//
// With each Parquet file come rollups, in the directory rollups below: of every
// minute the keys with most octets by some columns, at each vantage point that
// saw them; of every hour the same, made of its minutes. What was left out is one
// sum, and how much a key that was left out may have had is told, so that a
// figure of a month comes with the most it may lack. They are kept much longer.
//
// A crash at any moment loses at most what was not on disk yet, a second. A
// journal that was cut is read to the cut; a file that is broken is set aside
// under a name that ends in .bad, and counted.
package flows
