package record

import (
	"slices"
	"sync"

	"weir/decoder"
	"weir/decoder/packet"
)

// maxHeader is how many octets of a sampled header are remembered.
const maxHeader = 128

// Header is a sampled header that is remembered for a while.
type Header struct {
	At            int64 // ns since the epoch, of receipt
	Agent         uint32
	Input, Output uint32 // as in a compact sample
	Rate          uint32 // packets per sample, effective
	Length        uint32 // octets of the frame
	Protocol      packet.Protocol
	N             uint8 // octets of Octets
	Octets        [maxHeader]byte
}

// Ring remembers the newest sampled headers of a shard. Add, Flush and Tick belong
// to one goroutine, Since to any.
type Ring struct {
	payload bool     // keep what follows layer 4
	fresh   []Header // not yet in all

	skip   int // samples to leave out before the next
	seen   int // samples with a header since the last Tick
	times  int // a sample is taken with a chance of 1 in times
	random uint64

	mu  sync.Mutex
	all []Header
	n   int // ever put into all
}

const (
	// ringSize is how many headers a ring has, 3 MB.
	ringSize = 16 << 10
	// ringTick is how many headers it takes between two ticks, of 100 ms; of more
	// some are left out by chance. So it remembers 8 s of a busy network.
	ringTick = 200
	// ringBatch is how many are put into the ring at once.
	ringBatch = 64
)

// NewRing returns an empty ring. With payload it remembers octets behind layer 4.
func NewRing(payload bool) *Ring {
	return &Ring{payload: payload, times: 1, random: 0x9e3779b97f4a7c15, fresh: make([]Header, 0, ringBatch), all: make([]Header, ringSize)}
}

// Add remembers the header of a flow sample, where there is one. It allocates
// nothing and waits for no more than a copy.
func (r *Ring) Add(f *decoder.Flow) {
	r.seen++
	if r.skip > 0 {
		r.skip--
		return
	}
	if f.HeaderBytes == nil {
		return
	}
	if r.times > 1 || r.seen > ringTick {
		r.leave()
	}
	r.fresh = r.fresh[:len(r.fresh)+1]
	h := &r.fresh[len(r.fresh)-1]
	h.At, h.Agent, h.Rate, h.Length = f.At.UnixNano(), f.Est.Vantage.Agent, f.Est.SamplingRate, f.FrameLength
	h.Input, h.Output = f.Sample.Input.Format<<30|f.Sample.Input.Value&portMask, f.Sample.Output.Format<<30|f.Sample.Output.Value&portMask
	h.Protocol = f.HeaderProtocol
	n := len(f.HeaderBytes)
	if !r.payload {
		n = min(n, f.Header.PayloadOffset)
	}
	h.N = uint8(copy(h.Octets[:], f.HeaderBytes[:n]))
	if len(r.fresh) == ringBatch {
		r.Flush()
	}
}

// leave chooses how many samples to leave out: between the taken ones are, on
// average, times of them.
func (r *Ring) leave() {
	if r.seen > 2*r.times*ringTick {
		r.times *= 2 // more than before
	}
	r.random ^= r.random << 13
	r.random ^= r.random >> 7
	r.random ^= r.random << 17
	r.skip = int((r.random >> 32) * uint64(2*r.times-1) >> 32)
}

// Tick lets others see what was added, and tells the pace: ten times a second.
func (r *Ring) Tick() {
	r.times, r.seen = max(1, r.seen/ringTick), 0
	if r.times == 1 {
		r.skip = 0
	}
	r.Flush()
}

// Flush lets others see what was added.
func (r *Ring) Flush() {
	if len(r.fresh) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.fresh) > 0 {
		n := copy(r.all[r.n%ringSize:], r.fresh)
		r.n += n
		r.fresh = r.fresh[:copy(r.fresh, r.fresh[n:])]
	}
}

// Since appends the headers received after a time, ns, the oldest first.
func (r *Ring) Since(at int64, to []Header) []Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	to = slices.Grow(to, min(r.n, ringSize))
	for i := max(0, r.n-ringSize); i < r.n; i++ {
		if h := &r.all[i%ringSize]; h.At > at {
			to = append(to, *h)
		}
	}
	return to
}
