package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector/store"
	"weir/collector/store/flows"
	"weir/collector/store/series"
	"weir/collector/web"
	"weir/collector/web/audit"
)

// seriesFlags are the flags of `weir query series`.
type seriesFlags struct {
	from, to    string
	step        time.Duration
	list        bool
	files       bool // are read, since nobody answers
	format, dir string
}

func newQuerySeries(p *program) *cobra.Command {
	var f seriesFlags
	cmd := &cobra.Command{
		Use:   "series [EXPR]",
		Short: "Time series, by an expression in PromQL",
		Long: `Evaluate an expression in PromQL: as of now or --to, or with --from at each step of
a time. A collector that runs is asked; else its files are read.

Times are such as -1h, -7d, now, 15:04, 2026-01-31 or 2026-01-31T15:04:05Z. Without
--step there are about 60 steps, of that part of the time of which something is kept.
Figures that are estimated from samples, weir_top_bits_per_second and
weir_top_packets_per_second, have their 95 % interval beside them, and as series of
their own, whose names end in _low and _high; the others are counted by agents.
--list shows what there is, with units; Grafana has the same as a Prometheus data
source with the URL http://ADDRESS/prometheus.`,
		Example: `  weir query series --list
  weir query series 'topk(5, weir_interface_in_bits_per_second)'
  weir query series 'weir_interface_out_bits_per_second{agent_name="leaf1"}' --from -1d --step 15m
  weir query series 'rate(weir_host_cpu_idle_seconds_total[5m])' --from -6h --format csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(p.out, f.format); err != nil {
				return commandline.Usage(err)
			}
			q, err := f.query(args, time.Now())
			if err != nil {
				return commandline.Usage(err)
			}
			ask, err := f.asker(cmd, args, p)
			if err != nil {
				return err
			}
			all, err := f.answer(cmd.Context(), p, q, ask)
			switch {
			case errors.Is(err, context.Canceled):
				return errors.New("interrupted")
			case err != nil:
				return err
			case f.list:
				return f.printList(p, all)
			}
			return f.print(p, q, all)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.from, "from", "", "start, as `TIME`; without it the expression is evaluated as of --to")
	fl.StringVar(&f.to, "to", "now", "end, as `TIME`")
	fl.DurationVar(&f.step, "step", 0, "evaluated at steps of this `LENGTH`; 0 makes about 60")
	fl.BoolVar(&f.list, "list", false, "which metrics there are, with type, unit and how many series")
	fl.StringVar(&f.format, "format", "table", "table, json, csv or parquet")
	fl.StringVar(&f.dir, "dir", "", "read the files of this `DIRECTORY`, a history or its folder series; default asks the collector that runs, else history.dir")
	return cmd
}

// countAll counts the series of each metric.
const countAll = `count by (__name__) ({__name__=~".+"})`

// query reads flags and arguments.
func (f *seriesFlags) query(args []string, now time.Time) (*series.Query, error) {
	switch {
	case f.list && len(args) > 0:
		return nil, errors.New("--list takes no expression")
	case f.list:
		args = []string{countAll}
	case len(args) == 0:
		return nil, errors.New("write an expression such as 'topk(5, weir_interface_in_bits_per_second)', or --list")
	}
	q := &series.Query{Expr: args[0]}
	var err error
	if q.To, err = flows.ParseTime(f.to, now); err != nil {
		return nil, fmt.Errorf("--to %w", err)
	}
	if f.from != "" && !f.list {
		if q.From, err = flows.ParseTime(f.from, now); err != nil {
			return nil, fmt.Errorf("--from %w", err)
		}
		if q.Step = f.step; q.Step == 0 {
			q.Step = niceStep(q.To.Sub(q.From))
		} else {
			align(q)
		}
	} else if f.step != 0 {
		return nil, errors.New("--step needs --from")
	}
	whole := *q
	if slice := f.sliceOf(q); slice < q.To.Sub(q.From) { // each slice is a query
		whole.To = q.From.Add(slice)
	}
	if err := whole.Check(); err != nil {
		return nil, fmt.Errorf("%q: %w%s", q.Expr, err, exprCaret(q.Expr, err))
	}
	return q, nil
}

// exprCaret shows where in an expression of one line the error is, which begins with
// line and column.
func exprCaret(expr string, err error) string {
	var line, column int
	if n, _ := fmt.Sscanf(err.Error(), "%d:%d:", &line, &column); n < 2 || line != 1 || column < 1 || strings.ContainsAny(expr, "\n\t") {
		return ""
	}
	before := expr[:min(column-1, len(expr))]
	return "\n  " + expr + "\n  " + strings.Repeat(" ", utf8.RuneCountInString(before)) + "^"
}

// align lets steps of a minute begin at full minutes, so that they are the same when
// they are asked again.
func align(q *series.Query) {
	unit := min(q.Step, time.Hour)
	q.From, q.To = q.From.Truncate(unit), q.To.Truncate(unit)
}

// fit chooses the steps: of a day of which there are three minutes, these.
func fit(q *series.Query, span series.Span) {
	if !span.From.IsZero() {
		zone := q.To.Location()
		q.From, q.To = span.From.In(zone), span.To.In(zone)
		q.Step = niceStep(q.To.Sub(q.From))
	}
	begin, end := q.From, q.To
	align(q)
	if q.To.Before(begin) { // less than a step: what is there at its end
		q.From, q.To = end, end
	}
}

// niceStep returns a step that makes about 60 of a length of time.
func niceStep(d time.Duration) time.Duration {
	for _, s := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour} {
		if d <= 60*s {
			return s
		}
	}
	return max(d/60, 0).Truncate(time.Hour)
}

// Steps that are asked for at a time. Who reads files reads the journal each
// time.
const (
	sliceSteps     = 500
	fileSliceSteps = 10_000
)

// sliceOf returns how much time is asked for at a time: all of it where the
// expression depends on the whole.
func (f *seriesFlags) sliceOf(q *series.Query) time.Duration {
	switch {
	case q.Step == 0 || strings.Contains(q.Expr, "@"):
		return max(q.To.Sub(q.From), 0)
	case f.files:
		return q.Step * fileSliceSteps
	}
	return q.Step * sliceSteps
}

// asker asks the collector that runs, or the files.
type asker struct {
	// query returns the answer to a query in the form of Prometheus's API.
	query func(ctx context.Context, q *series.Query) ([]byte, error)
	// span returns at which part of its time there is something.
	span func(ctx context.Context, q *series.Query) (series.Span, error)
}

// asker asks the collector that runs, or reads the files.
func (f *seriesFlags) asker(cmd *cobra.Command, args []string, p *program) (a asker, err error) {
	dir := folderOf(f.dir, "series")
	ctx, state := cmd.Context(), stateBeside(dir)
	if dir == "" {
		cfg, err := p.loadToAsk()
		if err != nil {
			return a, err
		}
		var up json.RawMessage
		err = web.AskSeries(ctx, cfg.StateDir, "status/buildinfo", nil, &up)
		if !web.NotRunning(err) {
			return askerOf(cfg.StateDir), err
		}
		dir, state = cfg.SeriesDir(), cfg.StateDir
		if err := store.CheckHistory(cfg.HistoryDir()); err != nil {
			return a, err
		}
	}
	if err := noted(cmd, args, state, audit.Query); err != nil {
		return a, err
	}
	r, err := series.OpenReader(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("no history of series in %s: start `weir run` first, or name the directory with --dir", dir)
	}
	if err != nil {
		return a, err
	}
	f.files = true
	return asker{r.Query, r.Span}, nil
}

// askerOf asks the collector that runs with a state directory.
func askerOf(stateDir string) asker {
	times := func(q *series.Query) url.Values {
		return url.Values{"query": {q.Expr}, "start": {q.From.Format(time.RFC3339Nano)}, "end": {q.To.Format(time.RFC3339Nano)}}
	}
	return asker{
		query: func(ctx context.Context, q *series.Query) (raw []byte, err error) {
			v, path := times(q), "query_range"
			if q.Step > 0 {
				v.Set("step", fmt.Sprint(q.Step.Seconds()))
			} else {
				path, v = "query", url.Values{"query": {q.Expr}, "time": v["end"]}
			}
			err = web.AskSeries(ctx, stateDir, path, v, (*json.RawMessage)(&raw))
			return raw, err
		},
		span: func(ctx context.Context, q *series.Query) (series.Span, error) {
			var answer struct {
				Data series.Span `json:"data"`
			}
			err := web.AskSeries(ctx, stateDir, "query_span", times(q), &answer)
			return answer.Data, err
		},
	}
}

// answer chooses the steps where nobody else did, and asks.
func (f *seriesFlags) answer(ctx context.Context, p *program, q *series.Query, ask asker) (*seriesAnswer, error) {
	if q.Step > 0 && f.step == 0 {
		span, err := ask.span(ctx, q)
		if ctx.Err() != nil {
			return nil, context.Canceled
		}
		if err != nil { // the answer will say it too; or it is an older collector
			span = series.Span{}
		}
		fit(q, span)
	}
	all, err := f.ask(ctx, p, q, ask)
	if err == nil && !f.list {
		err = f.addErrors(ctx, p, q, all, ask)
	}
	return all, err
}

// ask evaluates the query, in slices, so that none is too long and what is done
// can be told.
func (f *seriesFlags) ask(ctx context.Context, p *program, q *series.Query, ask asker) (*seriesAnswer, error) {
	a := &seriesAnswer{}
	slice, total := f.sliceOf(q), q.To.Sub(q.From)
	if q.Step == 0 || slice >= total {
		b, err := ask.query(ctx, q)
		if err != nil {
			return nil, err
		}
		return a, a.add(b)
	}
	parts := int(total/slice) + 1
	defer func() {
		if commandline.IsTerminal(p.err) {
			fmt.Fprint(p.err, "\r\033[K")
		}
	}()
	for i := range parts {
		if commandline.IsTerminal(p.err) {
			fmt.Fprintf(p.err, "\r\033[K%d of %d parts", i, parts)
		}
		part := *q
		part.From = q.From.Add(time.Duration(i) * slice)
		if part.To = part.From.Add(slice - q.Step); part.To.After(q.To) {
			part.To = q.To
		}
		b, err := ask.query(ctx, &part)
		if err != nil {
			return nil, err
		}
		if err := a.add(b); err != nil {
			return nil, err
		}
	}
	return a, nil
}
