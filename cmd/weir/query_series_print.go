package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	kept "weir/collector/series"
	"weir/collector/store/columnar"
	"weir/collector/store/series"
)

// seriesAnswer is series with their values, in the order in which they came.
type seriesAnswer struct {
	all   []*oneSeries
	index map[string]*oneSeries
}

// oneSeries is a series as the query API of Prometheus has it.
type oneSeries struct {
	Metric map[string]string `json:"metric"`
	Values []seriesPoint     `json:"values"`
	// Low and High are the ends of the 95 % interval of each, where they are
	// estimated.
	Low  bounds `json:"low,omitempty"`
	High bounds `json:"high,omitempty"`
}

// seriesPoint is [seconds, "value"].
type seriesPoint struct {
	At    float64 // seconds since 1970
	Value float64
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *seriesPoint) UnmarshalJSON(b []byte) error {
	var text string
	err := json.Unmarshal(b, &[]any{&p.At, &text})
	if err == nil {
		p.Value, err = strconv.ParseFloat(text, 64)
	}
	return err
}

// MarshalJSON implements json.Marshaler.
func (p seriesPoint) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%s,%q]", strconv.FormatFloat(p.At, 'f', -1, 64), strconv.FormatFloat(p.Value, 'f', -1, 64)), nil
}

func (p *seriesPoint) time() time.Time { return time.UnixMilli(int64(p.At*1000 + 0.5)) }

// add adds an answer of the API.
func (a *seriesAnswer) add(b []byte) error {
	var answer struct {
		Data struct {
			Type   string          `json:"resultType"`
			Result json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	var rows []struct {
		Metric map[string]string `json:"metric"`
		Value  *seriesPoint      `json:"value"`
		Values []seriesPoint     `json:"values"`
	}
	switch answer.Data.Type {
	case "scalar":
		var p seriesPoint
		if err := json.Unmarshal(answer.Data.Result, &p); err != nil {
			return err
		}
		a.append(nil, p)
		return nil
	case "vector", "matrix":
	default:
		return errors.New("the expression is a " + answer.Data.Type + " and no series")
	}
	if err := json.Unmarshal(answer.Data.Result, &rows); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	for i := range rows {
		if rows[i].Value != nil {
			rows[i].Values = []seriesPoint{*rows[i].Value}
		}
		a.append(rows[i].Metric, rows[i].Values...)
	}
	return nil
}

func (a *seriesAnswer) append(metric map[string]string, v ...seriesPoint) {
	key := seriesName(metric)
	s := a.index[key]
	if s == nil {
		if a.index == nil {
			a.index = map[string]*oneSeries{}
		}
		s = &oneSeries{Metric: metric}
		a.index[key] = s
		a.all = append(a.all, s)
	}
	s.Values = append(s.Values, v...)
}

// seriesName writes labels as PromQL does.
func seriesName(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k != "__name__" {
			parts = append(parts, k+"="+strconv.Quote(m[k]))
		}
	}
	if len(parts) == 0 && m["__name__"] != "" {
		return m["__name__"]
	}
	return m["__name__"] + "{" + strings.Join(parts, ", ") + "}"
}

func (f *seriesFlags) print(p *program, q *series.Query, a *seriesAnswer) error {
	switch f.format {
	case "json":
		if a.all == nil {
			a.all = []*oneSeries{}
		}
		return printJSON(p.out, a.all)
	case "csv", "parquet":
		return a.printSheet(p, f.format)
	}
	return printSeries(p, q, a, f.step > 0)
}

// columns is how many series stand beside each other.
const columns = 6

// printSeries writes a table: of one time a line for each series, of a few
// series a line for each time, of more a line for each series with what its
// values were. Where someone else chose the steps, none may be where something is.
func printSeries(p *program, q *series.Query, a *seriesAnswer, stepped bool) error {
	if len(a.all) == 0 && stepped {
		last := q.From.Add(q.To.Sub(q.From).Truncate(q.Step))
		_, err := fmt.Fprintf(p.out, "no series at steps of %s up to %s: without --step they are chosen by what there is, which `weir query series --list` shows\n",
			shortTime(q.Step), last.Format("01-02 15:04:05"))
		return err
	}
	if len(a.all) == 0 && q.Step > 0 {
		_, err := fmt.Fprintf(p.out, "no series from %s to %s; `weir query series --list` shows what there is\n", q.From.Format("01-02 15:04:05"), q.To.Format("01-02 15:04:05"))
		return err
	}
	if len(a.all) == 0 {
		_, err := fmt.Fprintln(p.out, "no series; `weir query series --list` shows what there is")
		return err
	}
	w := newTable(p.out)
	zone := q.To.Location()
	switch {
	case q.Step == 0:
		if !a.hasErrors() {
			w.row("VALUE", "SERIES")
		} else {
			w.row("VALUE", "95 %", "SERIES")
		}
		for _, s := range a.all {
			last := &s.Values[len(s.Values)-1]
			if !a.hasErrors() {
				w.row(short(last.Value), printable(seriesName(s.Metric)))
			} else {
				w.row(short(last.Value), cmp.Or(s.interval(last), "-"), printable(seriesName(s.Metric)))
			}
		}
	case len(a.all) <= columns:
		for i, s := range a.all {
			fmt.Fprintf(p.out, "%c  %s\n", 'A'+i, printable(seriesName(s.Metric)))
		}
		fmt.Fprintln(p.out)
		fmt.Fprint(w, "TIME")
		for i := range a.all {
			fmt.Fprintf(w, "\t%c", 'A'+i)
		}
		fmt.Fprintln(w)
		printTimes(w, a, zone)
	default:
		w.row("MIN", "MEAN", "MAX", "LAST", "SERIES")
		for _, s := range a.all {
			least, most, sum := s.Values[0].Value, s.Values[0].Value, 0.0
			for _, v := range s.Values {
				least, most, sum = min(least, v.Value), max(most, v.Value), sum+v.Value
			}
			end := &s.Values[len(s.Values)-1]
			last := short(end.Value)
			if e := s.interval(end); e != "" {
				last += " (" + e + ")"
			}
			w.row(short(least), short(sum/float64(len(s.Values))), short(most), last, printable(seriesName(s.Metric)))
		}
	}
	if err := w.Flush(); err != nil || q.Step == 0 || len(a.all) <= columns {
		return err
	}
	_, err := fmt.Fprintf(p.out, "\n%d series; --format csv has all their values\n", len(a.all))
	return err
}

// printTimes writes a line for each time, "-" where a series has no value.
func printTimes(t table, a *seriesAnswer, zone *time.Location) {
	at := map[float64][]string{}
	for i, s := range a.all {
		for _, v := range s.Values {
			if at[v.At] == nil {
				at[v.At] = slices.Repeat([]string{"-"}, len(a.all))
			}
			at[v.At][i] = short(v.Value)
			if e := s.interval(&v); e != "" {
				at[v.At][i] += " (" + e + ")"
			}
		}
	}
	for _, when := range slices.Sorted(maps.Keys(at)) {
		p := seriesPoint{At: when}
		t.row(p.time().In(zone).Format("01-02 15:04:05"), strings.Join(at[when], "\t"))
	}
}

// printSheet writes a line for each value, with a column for each label.
func (a *seriesAnswer) printSheet(p *program, format string) error {
	names := map[string]bool{}
	for _, s := range a.all {
		for k := range s.Metric {
			names[k] = true
		}
	}
	order := slices.Sorted(maps.Keys(names))
	columns := []columnar.Column{{Name: "time", Kind: columnar.Time}}
	for _, k := range order {
		columns = append(columns, columnar.Column{Name: k})
	}
	columns = append(columns, columnar.Column{Name: "value", Kind: columnar.Float})
	errs := a.hasErrors()
	if errs {
		columns = append(columns, columnar.Column{Name: "low", Kind: columnar.Float}, columnar.Column{Name: "high", Kind: columnar.Float})
	}
	t, err := newSheet(p.out, format, columns)
	if err != nil {
		return err
	}
	for _, s := range a.all {
		for _, v := range s.Values {
			cells := []any{v.time().UTC()}
			for _, k := range order {
				cells = append(cells, s.Metric[k])
			}
			cells = append(cells, v.Value)
			if errs {
				cells = append(cells, s.Low.at(&v), s.High.at(&v))
			}
			if err := t.row(cells...); err != nil {
				return err
			}
		}
	}
	return t.close()
}

// listed is a metric that there is.
type listed struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Unit   string `json:"unit"`
	Series int    `json:"series"`
	Help   string `json:"help"`
}

// printList writes which metrics there are.
func (f *seriesFlags) printList(p *program, a *seriesAnswer) error {
	known := map[string]kept.Metric{}
	for _, m := range kept.Metrics() {
		known[m.Name] = m
	}
	all := []listed{}
	for _, s := range a.all {
		m := known[s.Metric["__name__"]]
		all = append(all, listed{s.Metric["__name__"], m.Type, m.Unit, int(s.Values[0].Value), m.Help})
	}
	slices.SortFunc(all, func(a, b listed) int { return strings.Compare(a.Name, b.Name) })
	switch f.format {
	case "json":
		return printJSON(p.out, all)
	case "csv", "parquet":
		t, err := newSheet(p.out, f.format, []columnar.Column{
			{Name: "name"}, {Name: "type"}, {Name: "unit"}, {Name: "series", Kind: columnar.Number}, {Name: "help"},
		})
		if err != nil {
			return err
		}
		for _, l := range all {
			if err := t.row(l.Name, l.Type, l.Unit, int64(l.Series), l.Help); err != nil {
				return err
			}
		}
		return t.close()
	}
	t := newTable(p.out, "METRIC", "TYPE", "UNIT", "SERIES", "WHAT")
	for _, l := range all {
		t.row(printable(l.Name), l.Type, l.Unit, l.Series, l.Help)
	}
	return t.Flush()
}
