package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"weir/collector/store/series"
)

// Series that are estimated from samples have two beside them, for the ends of the
// 95 % interval: of the same labels, and a name that ends so.
const (
	lowSuffix  = "_low"
	highSuffix = "_high"
	// errorsOf are all of these.
	errorsOf = `{__name__=~"weir_top_(bits|packets)_per_second_(low|high)"}`
)

// estimated reports that a series is one of those, as an expression leaves it that
// changes no value, such as a selector or topk.
func (s *oneSeries) estimated() bool {
	name := s.Metric["__name__"]
	return name == "weir_top_bits_per_second" || name == "weir_top_packets_per_second"
}

// addErrors gives the figures of an answer that are estimates their intervals.
func (f *seriesFlags) addErrors(ctx context.Context, p *program, q *series.Query, a *seriesAnswer, ask asker) error {
	wanted := map[string]*oneSeries{}
	for _, s := range a.all {
		if s.estimated() {
			wanted[seriesName(s.Metric)] = s
		}
	}
	if len(wanted) == 0 {
		estimates := regexp.MustCompile(`\bweir_top_(bits|packets)_per_second\b`)
		if len(a.all) > 0 && estimates.MatchString(q.Expr) {
			fmt.Fprintln(p.err, "weir: figures that an expression makes of estimates have no interval here; weir_top_bits_per_second and weir_top_packets_per_second themselves have one, whose ends are series too, with names that end in _low and _high")
		}
		return nil
	}
	more := *q
	more.Expr = errorsOf
	all, err := f.ask(ctx, p, &more, ask)
	if err != nil {
		return err
	}
	for _, e := range all.all {
		name := e.Metric["__name__"]
		base, low := strings.CutSuffix(name, lowSuffix)
		if !low {
			base = strings.TrimSuffix(name, highSuffix)
		}
		e.Metric["__name__"] = base
		s := wanted[seriesName(e.Metric)]
		switch {
		case s == nil:
		case low:
			s.Low = timed(e.Values)
		default:
			s.High = timed(e.Values)
		}
	}
	return nil
}

// timed is values by their time.
func timed(v []seriesPoint) bounds {
	all := bounds{}
	for i := range v {
		all[v[i].At] = v[i].Value
	}
	return all
}

// bounds are ends of intervals, by the time of the figure.
type bounds map[float64]float64

// at returns the end at the time of a figure, that itself where it is no estimate.
func (b bounds) at(v *seriesPoint) float64 {
	if end, ok := b[v.At]; ok {
		return end
	}
	return v.Value
}

// MarshalJSON implements json.Marshaler: pairs as those of values.
func (b bounds) MarshalJSON() ([]byte, error) {
	all := make([]seriesPoint, 0, len(b))
	for _, at := range slices.Sorted(maps.Keys(b)) {
		all = append(all, seriesPoint{at, b[at]})
	}
	return json.Marshal(all)
}

// interval returns what is written beside a figure, "" where it is no estimate.
func (s *oneSeries) interval(v *seriesPoint) string {
	low, ok1 := s.Low[v.At]
	high, ok2 := s.High[v.At]
	if !ok1 || !ok2 {
		return ""
	}
	return short(low) + " - " + short(high)
}

// hasErrors reports that some figures of an answer are estimates.
func (a *seriesAnswer) hasErrors() bool {
	for _, s := range a.all {
		if s.Low != nil {
			return true
		}
	}
	return false
}
