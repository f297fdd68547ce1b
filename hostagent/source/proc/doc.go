// Package proc reads the node's own counters from /proc and /sys: the host
// structures of sFlow. Its readers keep their buffers; a poll allocates next to
// nothing.
package proc
