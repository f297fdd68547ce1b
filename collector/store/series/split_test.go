package series

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	points "weir/collector/series"
)

// What is evaluated in parts is what the library answers of the whole, where it
// can be split, and other questions are left to it.
func TestSplitAnswersAsTheWhole(t *testing.T) {
	now := time.Now().Truncate(time.Minute)
	s := open(t, Config{Dir: t.TempDir(), Log: discard})
	f := &feed{t: t}
	for round := range 30 {
		for agent := range 5 {
			for port := range 8 {
				if (round+port)%7 != 0 { // some miss some
					f.polled(now.Add(time.Duration(round-30)*time.Minute), fmt.Sprint("10.0.0.", agent), port, false, true, float64(1+round*port+agent)+float64(agent*8+port)/1024) // no two are equal
				}
			}
		}
		f.add("if_counters", now.Add(time.Duration(round-30)*time.Minute+time.Second), []string{"10.0.9.9", "", "1", "x"},
			map[string]points.Value{"out_bits_per_second": points.Number(math.NaN())})
		f.give(s)
	}
	const name = "weir_interface_in_bits_per_second"
	for _, c := range []struct {
		expr  string
		split bool
	}{
		{"sum(" + name + ")", true},
		{"(sum by (agent) (" + name + "))", true},
		{"sum without (agent, ifindex) (avg_over_time(" + name + "[5m]))", true},
		{"count by (interface) (" + name + `{agent!="10.0.0.1"})`, true},
		{"max by (agent) (rate(" + name + "[7m]))", true},
		{"min(" + name + ")", true},
		{"max(weir_interface_out_bits_per_second)", true},
		{"sum(" + name + "_none)", true},
		{"avg(" + name + ")", true},
		{"avg by (agent) (" + name + ")", true},
		{"(avg without (agent, ifindex) (rate(" + name + "[7m])))", true},
		{"avg by (none) ((" + name + `{agent!="10.0.0.1"}))`, false},
		{"avg(weir_interface_out_bits_per_second)", true}, // no number
		{"avg(weir_interface_status)", true},
		{"avg(" + name + "_none)", true},
		{"avg(sum by (agent) (" + name + "))", false},
		{"topk(3, " + name + ")", true},
		{"topk(100, " + name + ")", true},
		{"bottomk(2, max_over_time(" + name + "[5m]))", true},
		{"topk by (agent) (2, " + name + ")", true},
		{"(bottomk without (ifindex, interface) ((1), rate(" + name + `{agent!="10.0.0.1"}[7m])))`, true},
		{"topk(2, weir_interface_out_bits_per_second)", true}, // no number
		{"topk(0, " + name + ")", false},
		{"topk(1.5, " + name + ")", false},
		{"topk(scalar(vector(2)), " + name + ")", false},
		{"topk(3, sum by (agent) (" + name + "))", false},
		{"quantile(0.9, " + name + ")", false},
		{"sum(" + name + ") / 2", false},
		{"sum(" + name + " > 10)", false},
		{"sum(sum by (agent) (" + name + "))", false},
		{`sum({__name__=~"weir_interface_.+"})`, false},
		{"count(absent(" + name + "))", false},
		{name, false},
	} {
		t.Run(c.expr, func(t *testing.T) {
			q := &Query{Expr: c.expr, From: now.Add(-40 * time.Minute), To: now, Step: time.Minute}
			if _, ok := splittable(q); ok != c.split {
				t.Fatalf("split %v, want %v", ok, c.split)
			}
			e, err := s.ask.engine.NewRangeQuery(t.Context(), s, nil, q.Expr, q.From, q.To, q.Step)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			whole := e.Exec(t.Context())
			if whole.Err != nil {
				t.Fatal(whole.Err)
			}
			var got, want bytes.Buffer
			writeAnswer(bufio.NewWriter(&want), rounded(whole.Value))
			if err := s.query(t.Context(), q, func(v parser.Value) error {
				writeAnswer(bufio.NewWriter(&got), rounded(v))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if got.String() != want.String() {
				t.Errorf("got  %s\nwant %s", got.String(), want.String())
			}
		})
	}
}

// rounded is a value without what the order of a sum changes.
func rounded(v parser.Value) parser.Value {
	m, _ := v.(promql.Matrix)
	for i := range m {
		for j := range m[i].Floats {
			m[i].Floats[j].F = math.Round(m[i].Floats[j].F*1e6) / 1e6
		}
	}
	return v
}

// A mean whose sum is too large for a number is left to the library, which has other
// ways.
func TestMeanOfTooMuchIsLeftToTheLibrary(t *testing.T) {
	m := mean{from: time.UnixMilli(0), step: time.Second}
	part := func(values ...float64) promql.Matrix {
		var all promql.Matrix
		for _, v := range values {
			all = append(all, promql.Series{Floats: []promql.FPoint{{T: 2000, F: v}}})
		}
		return m.take(all)
	}
	for _, c := range []struct {
		name   string
		values []float64
		want   float64
		ok     bool
	}{
		{"few", []float64{1, 2}, 2, true},
		{"too large", []float64{math.MaxFloat64, math.MaxFloat64}, 0, false},
		{"infinite", []float64{math.Inf(-1)}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := m.of([]promql.Matrix{part(c.values...), part(3), part()})
			if ok != c.ok || ok && (len(got) != 1 || len(got[0].Floats) != 1 || got[0].Floats[0] != promql.FPoint{T: 2000, F: c.want}) {
				t.Errorf("%v %v, want %v %v", got, ok, c.want, c.ok)
			}
		})
	}
}
