package series

import (
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// grouping is how an aggregation groups series.
type grouping struct {
	by      []string
	without bool
}

func groupingOf(a *parser.AggregateExpr) grouping { return grouping{a.Grouping, a.Without} }

// labels are those of the group that a series is of.
func (g *grouping) labels(l labels.Labels) labels.Labels {
	b := labels.NewBuilder(l)
	if g.without {
		b.Del(g.by...)
		b.Del(nameLabel)
	} else {
		b.Keep(g.by...)
	}
	return b.Labels()
}

// mean is an average, of which each part sums and counts what the library evaluates
// of its series, so that each is looked at once.
type mean struct {
	grouping
	from time.Time
	step time.Duration
}

// take makes of the series of a part the sums of its groups and, after all these,
// their counts in the same order.
func (a *mean) take(m promql.Matrix) promql.Matrix {
	at := map[string]int{}
	var sums, counts promql.Matrix
	points := 0
	for i := range m {
		if p := m[i].Floats; len(p) > 0 {
			points = max(points, a.place(p[len(p)-1].T)+1)
		}
	}
	for i := range m {
		of := a.labels(m[i].Metric)
		key := of.String()
		n, ok := at[key]
		if !ok {
			n = len(sums)
			at[key] = n
			sums = append(sums, promql.Series{Metric: of, Floats: make([]promql.FPoint, points)})
			counts = append(counts, promql.Series{Metric: of, Floats: make([]promql.FPoint, points)})
		}
		s, c := sums[n].Floats, counts[n].Floats
		for _, p := range m[i].Floats {
			k := a.place(p.T)
			s[k].T, s[k].F = p.T, s[k].F+p.F
			c[k].T, c[k].F = p.T, c[k].F+1
		}
	}
	for i := range sums { // of times without a point nothing is told
		s, n := sums[i].Floats[:0], counts[i].Floats[:0]
		for k, c := range counts[i].Floats {
			if c.F > 0 {
				s, n = append(s, sums[i].Floats[k]), append(n, c)
			}
		}
		sums[i].Floats, counts[i].Floats = s, n
	}
	return append(sums, counts...)
}

func (a *mean) place(t int64) int { return int((t - a.from.UnixMilli()) / a.step.Milliseconds()) }

// of divides the sums of all parts by their counts. It reports false where a sum is
// too large for a number though its mean may be none.
func (a *mean) of(parts []promql.Matrix) (promql.Matrix, bool) {
	add := func(x, y float64) float64 { return x + y }
	sums, counts := make([]promql.Matrix, len(parts)), make([]promql.Matrix, len(parts))
	for i, p := range parts {
		sums[i], counts[i] = p[:len(p)/2], p[len(p)/2:]
	}
	all, n := joined(sums, add), joined(counts, add)
	for i := range all {
		for k := range all[i].Floats {
			all[i].Floats[k].F /= n[i].Floats[k].F
			if math.IsInf(all[i].Floats[k].F, 0) {
				return nil, false
			}
		}
	}
	return slices.DeleteFunc(all, func(s promql.Series) bool { return len(s.Floats) == 0 }), true
}
