package sink

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Stats is what a queue has done.
type Stats struct {
	Name    string `json:"name"`
	Queued  int    `json:"queued"`  // waiting now, without the batch being sent
	Limit   int    `json:"limit"`   // most that may wait
	Sent    uint64 `json:"sent"`    // handed over without an error
	Failed  uint64 `json:"failed"`  // handed over with an error
	Dropped uint64 `json:"dropped"` // the oldest, for want of room or of time on Close
}

// Queue holds what waits for one receiver: a ring whose oldest element makes
// room for the newest, emptied in batches by one goroutine. All methods are
// safe for concurrent use.
type Queue[T any] struct {
	name  string
	send  func(context.Context, []T) error
	onErr func(error, int)
	full  func(T) // told, under mu, of each element that makes room; nil is nobody

	mu     sync.Mutex
	ring   []T // grows to limit, so that an idle queue holds no memory
	head   int // of the oldest
	n      int
	limit  int
	closed bool
	stats  Stats

	wake   chan struct{}   // holds one token while there is something to do
	done   chan struct{}   // closed when the goroutine has ended
	ctx    context.Context // of every send
	cancel context.CancelFunc
}

// maxBatch bounds what one send is given.
const maxBatch = 256

// NewQueue starts a queue of at most limit elements in front of send. onErr,
// which may be nil, is told of each failed send and how many elements it lost;
// it runs on the queue's goroutine. Close must be called.
func NewQueue[T any](name string, limit int, send func(context.Context, []T) error, onErr func(error, int)) *Queue[T] {
	q := &Queue[T]{
		name: name, send: send, onErr: onErr, limit: max(limit, 1),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	go q.run()
	return q
}

// Put adds the elements, in order, and never blocks: where there is no room
// the oldest are dropped and counted. After Close they are dropped.
func (q *Queue[T]) Put(elements ...T) {
	q.mu.Lock()
	for _, e := range elements {
		q.put(e)
	}
	q.mu.Unlock()
	q.signal()
}

func (q *Queue[T]) put(e T) {
	if q.closed {
		q.stats.Dropped++
		return
	}
	if q.n == q.limit {
		if q.full != nil {
			q.full(q.ring[q.head])
		}
		q.ring[q.head] = e
		q.head = (q.head + 1) % len(q.ring)
		q.stats.Dropped++
		return
	}
	if q.n == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.n)%len(q.ring)] = e
	q.n++
}

// grow doubles the ring, up to the limit.
func (q *Queue[T]) grow() {
	ring := make([]T, min(max(2*len(q.ring), 16), q.limit))
	k := copy(ring, q.ring[q.head:])
	copy(ring[k:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

func (q *Queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take moves the oldest elements into batch, and reports whether the queue was
// closed.
func (q *Queue[T]) take(batch []T) ([]T, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var zero T
	batch = batch[:0]
	for q.n > 0 && len(batch) < maxBatch {
		batch = append(batch, q.ring[q.head])
		q.ring[q.head] = zero // do not keep what was sent
		q.head = (q.head + 1) % len(q.ring)
		q.n--
	}
	return batch, q.closed
}

func (q *Queue[T]) run() {
	defer close(q.done)
	var batch []T
	for range q.wake {
		for closed := false; ; {
			if batch, closed = q.take(batch); len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			q.handOver(batch)
			clear(batch)
		}
	}
}

// handOver sends one batch and counts it.
func (q *Queue[T]) handOver(batch []T) {
	n := uint64(len(batch))
	if q.ctx.Err() != nil { // Close has given up
		q.mu.Lock()
		q.stats.Dropped += n
		q.mu.Unlock()
		return
	}
	err := q.send(q.ctx, batch)
	q.mu.Lock()
	if err != nil {
		q.stats.Failed += n
	} else {
		q.stats.Sent += n
	}
	q.mu.Unlock()
	if err != nil && q.onErr != nil {
		q.onErr(err, len(batch))
	}
}

// Stats returns what the queue has done so far.
func (q *Queue[T]) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Name, s.Queued, s.Limit = q.name, q.n, q.limit
	return s
}

// Close takes no more, and sends what waits until ctx is done. Then it cancels
// the send under way and drops the rest, counted and named in the error; a send
// that does not heed its context is left behind after a second.
func (q *Queue[T]) Close(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	before := q.stats
	q.mu.Unlock()
	q.signal()
	select {
	case <-q.done:
	case <-ctx.Done():
		q.cancel()
		select {
		case <-q.done:
		case <-time.After(time.Second):
		}
	}
	q.cancel()
	s := q.Stats()
	if lost := s.Dropped - before.Dropped + uint64(s.Queued); lost > 0 {
		return fmt.Errorf("sink %s: too slow to take everything before the end: %d dropped", q.name, lost)
	}
	return nil
}
