package influx

import "hash/maphash"

// limiter bounds how many series are written: a database keeps the index of
// each as long as its data. It knows series by a hash, so that of two in some
// 10^14 one is written beyond the limit.
type limiter struct {
	seed    maphash.Seed
	max     int
	keep    int64            // ns, after which the database has forgotten a series; 0 never
	seen    map[uint64]int64 // when last written, ns, to the hour
	swept   int64            // ns
	refused uint64           // points
}

const hour = int64(3600e9)

// admit reports whether a point of the series may be written at this time.
func (l *limiter) admit(key []byte, at int64) bool {
	h := maphash.Bytes(l.seed, key)
	at -= at % hour
	last, ok := l.seen[h]
	if ok {
		if last < at {
			l.seen[h] = at
		}
		return true
	}
	if len(l.seen) >= l.max {
		if l.sweep(at); len(l.seen) >= l.max {
			l.refused++
			return false
		}
	}
	l.seen[h] = at
	return true
}

// sweep forgets the series that the database has forgotten, once an hour.
func (l *limiter) sweep(at int64) {
	if l.keep == 0 || at == l.swept {
		return
	}
	l.swept = at
	for h, last := range l.seen {
		if at-last > l.keep+hour {
			delete(l.seen, h)
		}
	}
}
