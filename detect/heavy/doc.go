// Package heavy finds the keys with the most weight in sliding windows, in
// fixed memory.
//
// A Summary has buckets of eight places. A key belongs to one bucket, by its
// hash; while it has a place there every weight is counted. A key that finds
// its bucket full takes the place of the lightest, which is evicted.
//
// # What always holds
//
// For every key, tracked or not, and every window that At returns,
//
//	Lower ≤ weight of the key in the window ≤ Upper
//
// Lower is what was counted since the key has its place. Upper adds the most
// that any key evicted from this bucket during the window, before the key was
// admitted, could have had: if the key was among them, that is a bound of what
// was counted before; if not, it had nothing. The evicted one's own bound
// enters that maximum, so that the argument holds for keys evicted many times.
// A key without a place has Lower 0 and the same Upper. As long as Evicted is
// 0, no key lost its place within the longest window, and keys with few active
// seconds, or with a history, are exact (Lower = Upper).
//
// The bounds hold in this process' order of samples: a sample older than
// MaxLate slots before the newest is not counted (Late), nor is a weight of 0;
// a weight beyond MaxWeight counts as MaxWeight (Clamped). Sums saturate at
// 2^64-1. Two keys with one 64-bit hash are one key; with a seed that the
// senders do not know, a million new keys a second meet that once in decades.
//
// # Time
//
// Slots of 100 ms are numbered absolutely, so that windows of several
// summaries are the same windows. A window begins at a slot boundary up to
// 1.2 s, at a full second up to 64 s, at ten full seconds up to 320 s: the
// trailing edge is up to 10 % of 1 s, 10 % of 10 s, 3.3 % of 300 s. The window
// says where it begins.
//
// # Memory
//
// Every place has the last twelve slots of its key, and its whole weight since
// it was admitted, which is all that a new key needs. A key with more than
// that takes one of Histories histories (64 granules of 1 s, 32 of 10 s); when
// there are none left a heavier key takes it from a lighter one, whose bounds
// for windows beyond 1.2 s then part. In bytes:
//
//	Entries × (8 tag + 64 entry + 136 past slots + key + 27 evictions + 64 with Spread)
//	+ Histories × 1560, by default Entries/32, with Spread Entries/80
//
// With 16,384 entries and keys of 44 bytes 5.4 MB, with Spread 5.9 MB. Nothing
// grows afterwards.
//
// # Sources
//
// Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k
// elements in data streams (ICDT 2005), for replacing the lightest. Agarwal et
// al.: Mergeable summaries (PODS 2012). Datar, Gionis, Indyk, Motwani:
// Maintaining stream statistics over sliding windows (SIAM J. Comput. 2002),
// for granules that coarsen with age. Whang, Vander-Zanden, Taylor: A
// linear-time probabilistic counting algorithm for database applications (TODS
// 1990), for Spread. Kish: Survey sampling (1965), for the effective number.
package heavy
