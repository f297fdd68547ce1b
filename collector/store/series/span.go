package series

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// Span is the part of the time of a question at which its expression may have values:
// from the first sample that it reads to where the last no longer counts. Both ends
// are zero where it reads none.
type Span struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// span looks where the samples are that q reads. Of a chunk it reads only between which
// times they are, and the samples only where one of the ends is amid them: there may be
// hours between two of a chunk.
func (a *asking) span(ctx context.Context, db storage.ChunkQueryable, q *Query) (s Span, err error) {
	ranged := *q
	ranged.Step = max(q.To.Sub(q.From), time.Millisecond)
	if err := ranged.Check(); err != nil {
		return s, err
	}
	if strings.Contains(q.Expr, "@") { // what is read then has a time of its own
		return Span{q.From.UTC(), q.To.UTC()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.time)
	defer cancel()
	done, err := a.turn(ctx)
	if err != nil {
		return s, a.explain(err)
	}
	defer done()
	look := &spanning{from: q.From.UnixMilli(), to: q.To.UnixMilli(), first: math.MaxInt64, last: math.MinInt64}
	if look.db, err = db.ChunkQuerier(allTime[0], allTime[1]); err != nil {
		return s, err
	}
	defer look.db.Close()
	e, err := a.engine.NewRangeQuery(ctx, look, nil, q.Expr, q.From, q.To, ranged.Step)
	if err != nil {
		return s, &BadQuery{err.Error()}
	}
	defer e.Close()
	r := e.Exec(ctx)
	if r.Err != nil {
		return s, a.explain(r.Err)
	}
	if m, ok := r.Value.(promql.Matrix); !ok || len(m) > 0 { // it has values where there are no samples
		return Span{q.From.UTC(), q.To.UTC()}, nil
	}
	if look.first <= look.last {
		s = Span{time.UnixMilli(look.first).UTC(), time.UnixMilli(look.last).UTC()}
	}
	return s, nil
}

// spanning lets the library say what it would read. To it, there is nothing.
type spanning struct {
	storage.LabelQuerier
	db          storage.ChunkQuerier
	from, to    int64 // of the question, ms
	first, last int64 // of the answer
}

// Querier implements storage.Queryable.
func (s *spanning) Querier(int64, int64) (storage.Querier, error) { return s, nil }

// Close implements storage.Querier.
func (*spanning) Close() error { return nil }

// Select implements storage.Querier: of each time of the question, the library reads
// what is up to window before it, all of it offset earlier.
func (s *spanning) Select(ctx context.Context, _ bool, h *storage.SelectHints, m ...*labels.Matcher) storage.SeriesSet {
	offset := s.to - h.End
	window := s.from - offset - h.Start
	set := s.db.Select(ctx, false, &storage.SelectHints{Start: h.Start, End: h.End, DisableTrimming: true}, m...)
	for !s.whole() && set.Next() {
		it := set.At().Iterator(nil)
		for it.Next() { // in the order of their times
			c := it.At()
			first, last := c.MinTime+offset, c.MaxTime+offset
			if first < s.from || last > s.to {
				s.within(&c, offset, window)
			} else {
				s.counts(first, window)
				s.counts(last, window)
			}
			if s.last >= s.to {
				break
			}
		}
		if it.Err() != nil {
			return storage.ErrSeriesSet(it.Err())
		}
		if ctx.Err() != nil {
			return storage.ErrSeriesSet(ctx.Err())
		}
	}
	if set.Err() != nil {
		return storage.ErrSeriesSet(set.Err())
	}
	return storage.EmptySeriesSet()
}

// within looks at every sample of a chunk.
func (s *spanning) within(c *chunks.Meta, offset, window int64) {
	it := c.Chunk.Iterator(nil)
	for it.Next() != chunkenc.ValNone {
		s.counts(it.AtT()+offset, window)
	}
}

// counts says that the sample of a time counts for a window from there.
func (s *spanning) counts(at, window int64) {
	if at > s.to || at+window < s.from {
		return
	}
	s.first = min(s.first, max(at, s.from))
	s.last = max(s.last, min(at+window, s.to))
}

// whole reports that nothing more can be learned.
func (s *spanning) whole() bool { return s.first <= s.from && s.last >= s.to }

// ChunkQuerier implements storage.ChunkQueryable, as Querier does for samples.
func (s *Store) ChunkQuerier(from, to int64) (storage.ChunkQuerier, error) {
	s.mu.RLock()
	if s.db == nil {
		s.mu.RUnlock()
		return nil, errReading
	}
	q, err := s.db.ChunkQuerier(max(from, s.oldest(time.Now()).UnixMilli()), to)
	if err != nil {
		s.mu.RUnlock()
		return nil, err
	}
	return heldChunks{q, s.mu.RUnlock}, nil
}

// heldChunks is a querier of chunks that keeps the database open.
type heldChunks struct {
	storage.ChunkQuerier
	release func()
}

// Close gives the database free.
func (h heldChunks) Close() error {
	defer h.release()
	return h.ChunkQuerier.Close()
}

// Span returns at which part of the time of a question there is something.
func (r *Reader) Span(ctx context.Context, q *Query) (s Span, err error) {
	err = r.read(func(db *tsdb.DBReadOnly) (err error) {
		s, err = r.ask.span(ctx, db, q)
		return err
	})
	return s, err
}
