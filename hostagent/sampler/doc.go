// Package sampler takes random packet samples of the node's interfaces and
// never stands in anybody's way: the kernel chooses the packets, an interface
// that goes down, vanishes or moves to another namespace costs only its own
// samples, and what could not be kept is counted in the samples' drops.
//
// The default way is a packet socket for each interface with a random filter
// in the kernel and a small ring of frames (CAP_NET_RAW is all it needs). The
// other ways are NFLOG, where the operator's rules choose the packets, and eBPF
// at TCX, which alone counts every packet.
//
// Headers are cut behind the innermost transport header: what follows is the
// tenants' payload and stays on the node unless the operator says otherwise.
package sampler
