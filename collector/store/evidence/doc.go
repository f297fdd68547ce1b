// Package evidence keeps, for each alert about traffic or the site, the sampled
// packet headers around it: those of what the alert is about, from before it
// began and from its first seconds. Each alert has one capture file (pcapng),
// which other programs read as it is; a directory holds at most so many bytes
// and files no older than so long.
//
// Headers are cut after layer 4 unless configured otherwise: what people said to
// each other is not evidence of a flood.
package evidence
