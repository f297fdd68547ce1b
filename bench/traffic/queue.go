package traffic

import "time"

// queue gives items back by their time, those of one time in the order in which
// they were pushed. It is a binary heap.
type queue[T any] struct {
	items  []due[T]
	pushed uint64
}

// due is an item and its time.
type due[T any] struct {
	at    time.Duration
	order uint64 // of the push
	item  T
}

func (d *due[T]) before(o *due[T]) bool { return d.at < o.at || d.at == o.at && d.order < o.order }

func (q *queue[T]) push(at time.Duration, item T) {
	q.pushed++
	q.items = append(q.items, due[T]{at, q.pushed, item})
	s := q.items
	for i := len(s) - 1; i > 0 && s[i].before(&s[(i-1)/2]); i = (i - 1) / 2 {
		s[i], s[(i-1)/2] = s[(i-1)/2], s[i]
	}
}

// pop takes the first item, of which there must be one.
func (q *queue[T]) pop() due[T] {
	s := q.items
	top := s[0]
	last := len(s) - 1
	s[0], s[last] = s[last], due[T]{}
	s = s[:last]
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(s) {
			break
		}
		if c+1 < len(s) && s[c+1].before(&s[c]) {
			c++
		}
		if !s[c].before(&s[i]) {
			break
		}
		s[i], s[c] = s[c], s[i]
		i = c
	}
	q.items = s
	return top
}
