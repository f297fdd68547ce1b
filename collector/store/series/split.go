package series

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// A sum over thousands of series, the library evaluates on one core. Sums, counts,
// least and greatest of disjoint parts of the series can be joined, and the first by
// value are among the first of the parts, so that each core evaluates a part. For a
// mean the library evaluates what it is of, and each part sums and counts that.

// maxSplit is how many parts there are at most.
const maxSplit = 4

func parts() int { return min(runtime.GOMAXPROCS(0), maxSplit) }

// partly is how a query is evaluated in parts.
type partly struct {
	expr string // that the library evaluates of each part
	// take makes of what it answers what outlives its query.
	take func(promql.Matrix) promql.Matrix
	// join makes one answer of those of the parts; false where the query must be
	// evaluated as a whole.
	join func(parts []promql.Matrix) (promql.Matrix, bool)
}

// joins are the aggregations that can be split, with what joins two parts.
func joins(op parser.ItemType) (join func(a, b float64) float64, ok bool) {
	switch op {
	case parser.SUM, parser.COUNT:
		return func(a, b float64) float64 { return a + b }, true
	case parser.MIN:
		return least2, true
	case parser.MAX:
		return func(a, b float64) float64 { return -least2(-a, -b) }, true
	}
	return nil, false
}

// least2 is the lesser of two, and of one that is no number the other, as the
// library has it.
func least2(a, b float64) float64 {
	if math.IsNaN(a) || b < a {
		return b
	}
	return a
}

// single are functions that make of each series one.
var single = []string{"rate", "irate", "increase", "delta", "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "last_over_time"}

// splittable returns how a query is evaluated in parts, where it can be: an
// aggregation of one metric, or of a function of it.
func splittable(q *Query) (p partly, ok bool) {
	e, err := newParser().ParseExpr(q.Expr)
	if err != nil {
		return p, false
	}
	for {
		p, nested := e.(*parser.ParenExpr)
		if !nested {
			break
		}
		e = p.Expr
	}
	a, ok := e.(*parser.AggregateExpr)
	if !ok {
		return p, false
	}
	p = partly{expr: q.Expr, take: cloned}
	if two, ok := joins(a.Op); ok {
		p.join = func(parts []promql.Matrix) (promql.Matrix, bool) { return joined(parts, two), true }
	} else if f, ok := newFirst(a); ok {
		p.join = f.of
	} else if a.Op == parser.AVG && q.Step >= time.Millisecond {
		m := &mean{groupingOf(a), q.From, q.Step}
		p = partly{a.Expr.String(), m.take, m.of}
	} else {
		return p, false
	}
	inner := a.Expr
	if c, called := inner.(*parser.Call); called && slices.Contains(single, c.Func.Name) && len(c.Args) == 1 {
		inner = c.Args[0]
	}
	if m, ranged := inner.(*parser.MatrixSelector); ranged {
		inner = m.VectorSelector
	}
	v, ok := inner.(*parser.VectorSelector)
	// Of several metrics two series may become one without its name, which is an
	// error that parts would not see.
	return p, ok && slices.ContainsFunc(v.LabelMatchers, func(m *labels.Matcher) bool {
		return m.Name == nameLabel && m.Type == labels.MatchEqual
	})
}

// split evaluates a query over time in parts, and joins them. It reports false
// where the query must be evaluated as a whole.
func (a *asking) split(ctx context.Context, db storage.Queryable, q *Query) (m promql.Matrix, done bool, err error) {
	parts := parts()
	how, ok := splittable(q)
	if !ok || a.whole || parts < 2 || q.Step == 0 || q.From.Equal(q.To) { // of one moment the order tells something
		return nil, false, nil
	}
	answers, errs := make([]promql.Matrix, parts), make([]error, parts)
	var wait sync.WaitGroup
	for i := range parts {
		wait.Go(func() {
			e, err := a.parts.NewRangeQuery(ctx, partOf{db, uint64(i), uint64(parts)}, nil, how.expr, q.From, q.To, q.Step)
			if err != nil {
				errs[i] = err
				return
			}
			defer e.Close()
			r := e.Exec(ctx)
			if errs[i] = r.Err; r.Err == nil {
				some, _ := r.Value.(promql.Matrix) // a query over time has no other answer
				answers[i] = how.take(some)
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if many := promql.ErrTooManySamples(""); errors.As(err, &many) {
			return nil, false, nil // the whole may be less than its parts may at most
		}
		if err != nil {
			return nil, true, err
		}
	}
	m, done = how.join(answers)
	return m, done, nil
}

// cloned is a matrix that outlives its query.
func cloned(m promql.Matrix) promql.Matrix {
	all := make(promql.Matrix, 0, len(m))
	for i := range m {
		all = append(all, promql.Series{Metric: m[i].Metric, Floats: slices.Clone(m[i].Floats)})
	}
	return all
}

// joined joins the series of the parts.
func joined(parts []promql.Matrix, join func(a, b float64) float64) promql.Matrix {
	at := map[string]int{}
	all := promql.Matrix{}
	for _, m := range parts {
		for _, s := range m {
			key := s.Metric.String()
			n, ok := at[key]
			if !ok {
				at[key] = len(all)
				all = append(all, s)
				continue
			}
			all[n].Floats = merged(all[n].Floats, s.Floats, join)
		}
	}
	slices.SortFunc(all, func(a, b promql.Series) int { return labels.Compare(a.Metric, b.Metric) })
	return all
}

// merged joins points of the same times.
func merged(a, b []promql.FPoint, join func(a, b float64) float64) []promql.FPoint {
	out := make([]promql.FPoint, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch x, y := a[0], b[0]; {
		case x.T < y.T:
			out, a = append(out, x), a[1:]
		case y.T < x.T:
			out, b = append(out, y), b[1:]
		default:
			out, a, b = append(out, promql.FPoint{T: x.T, F: join(x.F, y.F)}), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// partOf shows one of several parts of the series.
type partOf struct {
	storage.Queryable
	part, of uint64
}

// Querier implements storage.Queryable.
func (p partOf) Querier(from, to int64) (storage.Querier, error) {
	q, err := p.Queryable.Querier(from, to)
	if err != nil {
		return nil, err
	}
	return partQuerier{q, p}, nil
}

type partQuerier struct {
	storage.Querier
	partOf
}

// Close implements storage.Querier.
func (q partQuerier) Close() error { return q.Querier.Close() }

// Select implements storage.Querier.
func (q partQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	return partSet{q.Querier.Select(ctx, sorted, hints, matchers...), q.partOf}
}

type partSet struct {
	storage.SeriesSet
	partOf
}

// Next implements storage.SeriesSet.
func (s partSet) Next() bool {
	for s.SeriesSet.Next() {
		if s.SeriesSet.At().Labels().Hash()%s.of == s.part {
			return true
		}
	}
	return false
}

// Warnings implements storage.SeriesSet.
func (s partSet) Warnings() annotations.Annotations { return s.SeriesSet.Warnings() }
