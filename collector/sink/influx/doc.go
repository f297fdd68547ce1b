// Package influx writes time series to InfluxDB 1.8, 2 and 3, and to what takes
// the same line protocol, so that nothing is lost that could be kept.
//
// Points are encoded as they come, into blocks of at most 512 KiB and 300 ms. A
// block goes from a bounded queue in memory to the server, by the blocking writer
// of the client library alone. What is not taken within 400 ms, and everything
// while the server fails, goes to the spool: segments on disk within a bound,
// whose oldest is dropped and counted. It is replayed oldest first, at a limited
// rate beside the points that come, and its cursor moves only after the server
// has taken a block. Blocks may be sent twice: their points have the same series
// and times, so that nobody sees it.
//
// Answers are told apart. 429, 5xx and no answer: keep, and back off, as long as
// the server asks for. 401, 403, 404: keep, and tell the operator which setting is
// wrong; a missing bucket is made. 413: split. 400, 422: find the lines that are
// refused, count them and keep them with the server's words in rejected.lp, a
// file that can be written again. A block that alone makes the server fail ends
// there too.
//
// Killing the process loses what is in memory, less than a second of points; a
// ledger on disk has their number, which is counted at the next start.
//
// Erase removes what names a project's instances from spool and rejected.lp while no
// sink uses them.
package influx
