package largeflow

import (
	"math/bits"
	"sync/atomic"

	"weir/decoder/packet"
)

// Watch tells the tables which flows the tracker follows, so that a vantage
// point tells what it has seen of them before that alone is worth a look:
// evidence is complete earlier, and the rate is not taken from those points
// alone that chance gave many samples. One per site, safe for concurrent use.
// Two flows in one place cost a closer look at a third, or its lack.
type Watch struct {
	slots []atomic.Uint32
	seed  [2]uint64
}

// NewWatch returns a Watch for a tracker of so many flows.
func NewWatch(flows int, seed uint64) *Watch {
	return &Watch{slots: make([]atomic.Uint32, 4<<bits.Len(uint(flows))), seed: seeds(seed)}
}

// mark is what is kept of a key; never 0.
func (w *Watch) mark(k *packet.Key) uint32 { return uint32(hashKey(k, w.seed)) | 1 }

func (w *Watch) slot(mark uint32) *atomic.Uint32 {
	return &w.slots[int(mark>>1)&(len(w.slots)-1)]
}

func (w *Watch) has(mark uint32) bool { return w.slot(mark).Load() == mark }

func (w *Watch) add(k *packet.Key) {
	if w != nil {
		m := w.mark(k)
		w.slot(m).Store(m)
	}
}

func (w *Watch) remove(k *packet.Key) {
	if w != nil {
		m := w.mark(k)
		w.slot(m).CompareAndSwap(m, 0)
	}
}
