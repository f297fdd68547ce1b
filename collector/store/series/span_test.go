package series

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// twoTimes writes an interface's samples of a minute, three and a half hours and then
// two hours before now, so that the first are in a block after a compaction.
func twoTimes(t *testing.T, s *Store, now time.Time) {
	t.Helper()
	f := &feed{t: t}
	for _, ago := range []time.Duration{210 * time.Minute, 2 * time.Hour} {
		for i := range 7 {
			f.port(now.Add(time.Duration(i)*10*time.Second-ago), "10.0.0.1", 1, float64(i))
		}
	}
	f.give(s)
}

// A span has all values that the expression has at any second, and begins and ends with
// one where the expression is not made of several.
func TestSpanHasAllValues(t *testing.T) {
	// A chunk never reaches over an even hour, and between has both times.
	for _, after := range []time.Duration{20 * time.Minute, 100 * time.Minute} {
		t.Run(fmt.Sprintf("%v after an even hour", after), func(t *testing.T) {
			spanHasAllValues(t, time.Now().Add(-after).Truncate(2*time.Hour).Add(after))
		})
	}
}

func spanHasAllValues(t *testing.T, now time.Time) {
	t.Helper()
	s := open(t, Config{Dir: t.TempDir(), Log: discard})
	twoTimes(t, s, now)
	for _, c := range []struct {
		expr       string
		from, to   time.Duration // before now
		tight, any bool          // its ends have values; it has any
	}{
		{"weir_interface_in_bits_per_second", 6 * time.Hour, 0, true, true},
		{"sum(weir_interface_in_bits_per_second)", 3 * time.Hour, 0, true, true},
		{"weir_interface_in_bits_per_second", 209 * time.Minute, 208 * time.Minute, true, true}, // a sample of before
		{"weir_interface_in_bits_per_second offset 20m", 6 * time.Hour, 0, true, true},
		{"weir_interface_in_bits_per_second offset -20m", 6 * time.Hour, 0, true, true},
		{"count_over_time(weir_interface_in_bits_per_second[1h])", 6 * time.Hour, 0, true, true},
		{"count_over_time(weir_interface_in_bits_per_second[1h] offset 10m)", 110 * time.Minute, 0, true, true},
		{"rate(weir_interface_in_bits_per_second[5m])", 6 * time.Hour, 0, false, true}, // needs two
		{"max_over_time(rate(weir_interface_in_bits_per_second[1m])[10m:1m])", 6 * time.Hour, 0, false, true},
		{"weir_interface_in_bits_per_second offset 1h or weir_interface_oper_up", 6 * time.Hour, 0, true, true},
		{"weir_interface_in_bits_per_second @ " + fmt.Sprint(now.Add(-2*time.Hour).Unix()), time.Hour, 0, true, true},
		{"time()", time.Hour, 0, true, true},
		{"absent(weir_interface_in_bits_per_second)", 6 * time.Hour, 0, true, true},
		{"weir_interface_in_bits_per_second", time.Hour, 0, true, false},
		{"weir_nothing", 6 * time.Hour, 0, true, false},
	} {
		t.Run(c.expr, func(t *testing.T) {
			q := Query{Expr: c.expr, From: now.Add(-c.from), To: now.Add(-c.to)}
			span, err := s.ask.span(t.Context(), s, &q)
			if err != nil {
				t.Fatal(err)
			}
			if span.From.IsZero() == c.any {
				t.Fatalf("%v, want any: %v", span, c.any)
			}
			var first, last time.Time
			for at := q.From; !at.After(q.To); at = at.Add(2 * time.Hour) {
				part := Query{q.Expr, at, at.Add(2*time.Hour - time.Second), time.Second}
				if part.To.After(q.To) {
					part.To = q.To
				}
				err := s.query(t.Context(), &part, func(v parser.Value) error {
					m, ok := v.(promql.Matrix)
					if !ok {
						return fmt.Errorf("%T", v)
					}
					for _, one := range m {
						if at := time.UnixMilli(one.Floats[0].T); first.IsZero() || at.Before(first) {
							first = at
						}
						if at := time.UnixMilli(one.Floats[len(one.Floats)-1].T); at.After(last) {
							last = at
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if first.IsZero() == c.any {
				t.Fatalf("values from %s, want any: %v", first, c.any)
			}
			if !c.any {
				return
			}
			early, late := first.Sub(span.From), span.To.Sub(last)
			if early < 0 || late < 0 || c.tight && (early > time.Second || late > time.Second) {
				t.Errorf("from %s to %s, and has values from %s to %s", span.From, span.To, first, last)
			}
		})
	}
}

// Blocks, the newest hours and who reads files say the same.
func TestSpanOfBlocksAndFiles(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Log: discard})
	twoTimes(t, s, now)
	q := Query{Expr: "weir_interface_oper_up", From: now.Add(-24 * time.Hour), To: now}
	want := Span{now.Add(-210 * time.Minute).UTC(), now.Add(-2*time.Hour + time.Minute + lookback - time.Millisecond).UTC()}
	check := func(of string, span func(context.Context, *Query) (Span, error)) {
		t.Helper()
		if got, err := span(t.Context(), &q); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", of, got, err, want)
		}
	}
	stored := func(ctx context.Context, q *Query) (Span, error) { return s.ask.span(ctx, s, q) }
	check("the newest hours", stored)
	if err := s.blocksOfAll(); err != nil || len(s.db.Blocks()) == 0 {
		t.Fatal(len(s.db.Blocks()), err)
	}
	check("blocks", stored)
	s.shut()
	r, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	check("files", r.Span)
}

func TestSpanIsAsked(t *testing.T) {
	srv, _, now := served(t)
	v := url.Values{"query": {"weir_interface_oper_up"}, "start": {fmt.Sprint(now.Unix() - 86400)}, "end": {fmt.Sprint(now.Unix())}}
	code, body := ask(t, srv, "query_span", v)
	var got struct{ Data Span }
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != 200 || got.Data != (Span{now.Add(-10 * time.Minute).UTC(), now.UTC()}) {
		t.Errorf("%d %s, %v", code, body, err)
	}
	v.Set("query", "sum(")
	if code, body := ask(t, srv, "query_span", v); code != 400 {
		t.Errorf("%d %s", code, body)
	}
}
