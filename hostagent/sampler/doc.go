// Package sampler takes random packet samples of the node's interfaces and
// never stands in anybody's way: the kernel chooses the packets, an interface
// that goes down, vanishes or moves to another namespace costs only its own
// samples, and what could not be kept is counted in the samples' drops.
//
// The ways are: an eBPF program at TCX for each interface, which counts every
// packet and costs those that it does not choose least; a packet socket with a
// random filter in the kernel, which needs CAP_NET_RAW alone and old kernels have;
// and NFLOG, where the operator's rules choose the packets.
//
// Headers are cut behind the innermost transport header: what follows is the
// tenants' payload and stays on the node unless the operator says otherwise.
package sampler
