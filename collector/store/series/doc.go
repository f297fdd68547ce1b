// Package series keeps time series on disk, in the TSDB of Prometheus, and
// answers PromQL.
//
// What it keeps are the points of collector/series, those that also go to
// InfluxDB: no rate is computed here. Each class and field has a name as users of
// Prometheus expect it (series.NameOf), with base units, and the tags as labels. There
// are at most so many series, and each agent has at most a quarter of them;
// further ones are refused and counted.
//
// The directory holds blocks of two hours and more, the journal (wal), and the
// chunks of the newest hours (chunks_head). All of it is counted, and stays within
// the limit by bytes: the oldest blocks go first, then those older than the age.
// What was written is in the file at once and on disk within a second: a killed
// process loses nothing that was committed, a machine without power a second. A
// journal or a block that is damaged is set aside under a name that ends in .bad,
// and counted; the rest is served.
//
// Samples keep the time at which they came. Where the machine's clock is set back
// by less than three hours, the database has that time twice, and answers have
// both; by more, what is of a time that has not come is set aside, since the
// database takes nothing much older. Ages are reckoned as package age says: a
// clock that jumps forward deletes nothing for an hour.
//
// A disk without room stops the writing and nothing else: points are counted as
// lost until there is room again.
package series
