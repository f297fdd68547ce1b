// Package logs watches that logs are written: how many octets each named file has
// grown by, whether one was cut, whether what writes it runs, and which level the
// node's services log at. What is written is not read.
package logs
