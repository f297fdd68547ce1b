package series

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// first is an aggregation that leaves the first of each group by value: topk or
// bottomk.
type first struct {
	k     int
	least bool // bottomk
	grouping
}

// maxFirst is how many it may leave, so that the parts are less than the whole.
const maxFirst = 1000

// newFirst reads an aggregation, whose number must stand there.
func newFirst(a *parser.AggregateExpr) (f first, ok bool) {
	if a.Op != parser.TOPK && a.Op != parser.BOTTOMK {
		return f, false
	}
	e := a.Param
	for {
		p, nested := e.(*parser.ParenExpr)
		if !nested {
			break
		}
		e = p.Expr
	}
	n, ok := e.(*parser.NumberLiteral)
	if !ok || n.Val != math.Trunc(n.Val) || n.Val < 1 || n.Val > maxFirst {
		return f, false
	}
	return first{int(n.Val), a.Op == parser.BOTTOMK, groupingOf(a)}, true
}

// before orders values: what is no number is the last either way.
func (f *first) before(a, b float64) int {
	switch {
	case math.IsNaN(a) || math.IsNaN(b):
		return bool01(math.IsNaN(a)) - bool01(math.IsNaN(b))
	case a == b:
		return 0
	case a < b == f.least:
		return -1
	}
	return 1
}

func bool01(b bool) int {
	if b {
		return 1
	}
	return 0
}

// of leaves of what the parts left, of each group at each time, the first. Of equal
// ones it takes those whose labels come first.
func (f first) of(parts []promql.Matrix) (promql.Matrix, bool) {
	all := slices.Concat(parts...)
	slices.SortFunc(all, func(a, b promql.Series) int { return labels.Compare(a.Metric, b.Metric) })
	groups := map[string][]int{}
	for i := range all {
		g := f.labels(all[i].Metric).String()
		groups[g] = append(groups[g], i)
	}
	for _, g := range groups {
		f.leave(all, g)
	}
	return slices.DeleteFunc(all, func(s promql.Series) bool { return len(s.Floats) == 0 }), true
}

// place is a point of a series.
type place struct {
	series int
	value  float64
}

// leave removes from the series of a group, at each time, what is not of the first.
func (f *first) leave(all promql.Matrix, group []int) {
	if len(group) <= f.k {
		return
	}
	next, left := make([]int, len(group)), make([][]promql.FPoint, len(group))
	var here []place
	for {
		at, more := int64(0), false
		for i, s := range group {
			if p := all[s].Floats; next[i] < len(p) && (!more || p[next[i]].T < at) {
				at, more = p[next[i]].T, true
			}
		}
		if !more {
			break
		}
		here = here[:0]
		for i, s := range group {
			if p := all[s].Floats; next[i] < len(p) && p[next[i]].T == at {
				here = append(here, place{i, p[next[i]].F})
				next[i]++
			}
		}
		slices.SortStableFunc(here, func(a, b place) int { return f.before(a.value, b.value) })
		for _, p := range here[:min(f.k, len(here))] {
			left[p.series] = append(left[p.series], promql.FPoint{T: at, F: p.value})
		}
	}
	for i, s := range group {
		all[s].Floats = left[i]
	}
}
