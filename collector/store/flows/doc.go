// Package flows keeps flow samples on disk and answers who talked to whom.
//
// What arrives is appended to a journal, which is on disk every second. Every
// few minutes, or sooner where it gets large, the journal becomes a Parquet file,
// compressed, with statistics and Bloom filters of the addresses, which other
// programs read as it is; a query reads both, only the columns it needs, and sums by
// places in their dictionaries. A directory holds at most so many bytes, then files
// no older than so long: the oldest go first.
//
// What the samples of a flow have in common where they are taken, their key, is in
// a journal once as long as there are not many keys, under a number; a row is that
// number, a time and a length. So the columns are made of keys, of which there are
// fewer than rows, and a row is only gathered by its number: there is no hash of a row
// but the one that finds its key. Row groups take of the columns' dictionaries what
// they need. Rollups sum a minute by these numbers too. The pages are written by
// package columnar, since a library that is handed rows hashes each value of them.
//
// With each Parquet file come rollups, in the directory rollups below: of every
// minute the keys with most octets by some columns, at each vantage point that
// saw them; of every hour the same, made of its minutes. What was left out is one
// sum, and how much a key that was left out may have had is told, so that a
// figure of a month comes with the most it may lack. They are kept much longer. An
// hour's is made once, when the hour is over; what becomes a segment later has rollups
// of its own of that hour, which are read with it: the minutes that the hour was made
// of may be gone.
//
// Rows keep the time at which they came, whatever the machine's clock does; the
// directory may hold a time twice, or one that has not come. Ages are reckoned as
// package age says: a clock that jumps forward deletes nothing for an hour, and
// what is of a time ahead of the clock ages from when that was seen.
//
// A crash at any moment loses at most what was not on disk yet, a second. A
// journal that was cut is read to the cut. Where one is damaged in its middle, the
// frames are lost that the damage touches, and rows whose key or names were in these.
// The next frame is looked for octet by octet: addresses and names have no frames in
// them that somebody made up, since nobody knows the number that a journal's checksums
// begin with. A journal without its head is set aside. What a process leaves becomes a file at
// the next start, where it is large beside the intake: queries read it meanwhile.
// What the system keeps from being made a file is told, and tried again after the
// others.
// Every page and every footer has a checksum. At the start the end of each file is
// looked at, and while the store runs all of each, some with every segment that is
// made. A file that is damaged is set aside under a name that ends in .bad, counted
// and told; it may have a sixteenth of the room, and goes with the age of the others.
// Answers are made of the rest, and say what they lack.
package flows
