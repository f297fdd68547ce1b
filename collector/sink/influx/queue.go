package influx

import (
	"slices"
	"sync"
	"time"
)

// item is a block in memory.
type item struct {
	block  []byte
	points int
	at     time.Time // when it was made
	seq    uint64    // in the spool; 0 is not there
	sent   bool      // nothing more is to be done with it
	held   bool      // being written to the spool
}

// queue holds the blocks that are neither sent nor spooled: a bounded list, the
// oldest first. It is safe for concurrent use.
type queue struct {
	max int // octets

	mu      sync.Mutex
	items   []*item
	flying  *item // being sent; still in items unless it is spooled
	octets  int
	dropped uint64 // points
	wake    chan struct{}
}

func newQueue(bound int) *queue { return &queue{max: bound, wake: make(chan struct{}, 1)} }

// put appends a block. Where there is no room the oldest that is neither being sent nor
// being spooled makes room; it returns how many points that cost.
func (q *queue) put(it *item) (lost int) {
	q.mu.Lock()
	for q.octets+len(it.block) > q.max {
		i := slices.IndexFunc(q.items, func(it *item) bool { return it != q.flying && !it.held })
		if i < 0 {
			break
		}
		lost += q.items[i].points
		q.remove(i)
	}
	q.dropped += uint64(lost)
	q.items = append(q.items, it)
	q.octets += len(it.block)
	q.mu.Unlock()
	q.signal()
	return lost
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) remove(i int) {
	q.octets -= len(q.items[i].block)
	q.items = append(q.items[:i], q.items[i+1:]...)
}

// take returns the oldest block to be sent, nil where there is none. Then land
// must be called.
func (q *queue) take() *item {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil
	}
	q.flying = q.items[0]
	return q.flying
}

// land says whether the block of take is done. It returns its number in the
// spool, if it got there meanwhile, and whether its memory is free.
func (q *queue) land(it *item, done bool) (seq uint64, free bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flying = nil
	it.sent = done
	if done && it.seq == 0 {
		for i := range q.items {
			if q.items[i] == it {
				q.remove(i)
				break
			}
		}
	}
	return it.seq, done && !it.held
}

// oldest returns the oldest block made before the time, nil where there is none.
// Then spooled or release must be called.
func (q *queue) oldest(before time.Time) *item {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 || !q.items[0].at.Before(before) {
		return nil
	}
	q.items[0].held = true
	return q.items[0]
}

// release says that the block could not be spooled.
func (q *queue) release(it *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it.held = false
}

// flies reports whether the block of the spool is being sent from memory.
func (q *queue) flies(seq uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.flying != nil && q.flying.seq == seq
}

// spooled says that the block is in the spool, which is where it is sent from
// if it is not being sent now. It reports whether it was sent meanwhile.
func (q *queue) spooled(it *item, seq uint64) (sent bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it.seq, it.held = seq, false
	for i := range q.items {
		if q.items[i] == it {
			q.remove(i)
			break
		}
	}
	return it.sent
}

// size returns blocks, octets and points that wait.
func (q *queue) size() (blocks, octets, points int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, it := range q.items {
		points += it.points
	}
	return len(q.items), q.octets, points, q.dropped
}
