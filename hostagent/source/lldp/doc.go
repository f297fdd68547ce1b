// Package lldp listens to what the switches say on the node's network cards
// (IEEE 802.1AB): which switch and which of its ports each card and each member
// of a bond is connected to. It says nothing itself.
package lldp
