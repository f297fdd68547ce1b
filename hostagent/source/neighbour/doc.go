// Package neighbour watches, unsampled, how the node's instances get and keep
// their addresses: DHCP requests, of which one that is never followed by an
// address is an instance that never came up, and ARP requests for an instance
// that it does not answer.
//
// It looks only at what comes in, at the instances' taps and at the network
// cards: what leaves would cost every packet a clone. So an answer of the DHCP
// server is not seen itself, but its effect: the instance uses an address.
package neighbour
