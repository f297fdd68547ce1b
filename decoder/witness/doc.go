// Package witness is the vocabulary in which the host agent tells what no
// standard structure has a field for: events of a node and the state of its
// parts. Agent and collector both use it, so that a word is spelt once.
//
// A statement is one rtmetric sample (4300:1002). Its data source is
// "weir/<class>/<entity>", its metrics are named values in a fixed order.
// States are repeated at every poll; an event is sent three times with the same
// id. What is unknown is left out, never zero.
//
// Everything read here came over the network: nothing is trusted, lengths are
// bounded, and where a key is shared the signature tells forged statements.
package witness
