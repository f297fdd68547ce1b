// Package layout holds the tests that keep the shape of the module: which room
// may import what, that every package says what it is, and that the clock is
// read in few places. It has no code of its own.
package layout
