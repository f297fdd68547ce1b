// Package flows keeps flow samples on disk and answers who talked to whom.
//
// What arrives is appended to a journal, which is on disk every second. Every
// few minutes the journal becomes a Parquet file, compressed, with statistics
// and Bloom filters of the addresses, which other programs read as it is; a
// query reads both. A directory holds at most so many bytes, then files no older
// than so long: the oldest go first.
//
// A crash at any moment loses at most what was not on disk yet, a second. A
// journal that was cut is read to the cut; a file that is broken is set aside
// under a name that ends in .bad, and counted.
package flows
