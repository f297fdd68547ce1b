// Package detect finds anomalies in the events of the decoder. It never reads
// a clock: time is an argument, so that a replay gives the same alerts.
package detect
