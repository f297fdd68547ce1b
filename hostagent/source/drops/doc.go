// Package drops tells packets that the node drops, each with its header and the
// kernel's reason, as discarded_packet samples (sflow_drops.txt). They come from
// the kernel's drop monitor, at most so many a second; the others are counted in
// the samples' drops. A kernel without the monitor is told as absent.
package drops
