// Package link reads the node's interfaces from the kernel by netlink: one dump
// a second has the counters and the state of all of them, so that a table of
// interfaces is never older than that.
//
// Table is the view that other sources share; Source tells it as sFlow.
package link
