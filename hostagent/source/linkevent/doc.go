// Package linkevent tells at once what happens to the node's interfaces: up and
// down, new and gone, renamed, and which of them are ports of a bridge. The
// kernel announces one change five to ten times; each is told once, because
// events come from comparing states and not from counting messages.
package linkevent
