// Package sflowtest makes sFlow for tests and fuzzing: every structure once,
// rich datagrams of every sample type, what damages them, and a walk that reads
// everything there is to read. Production code builds datagrams with
// [sflow.Builder].
package sflowtest
