package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector"
	"weir/collector/store"
	"weir/collector/store/columnar"
	"weir/collector/store/flows"
	"weir/collector/web/audit"
	"weir/detect/rules"
)

// flowsFlags are the flags of `weir query flows`.
type flowsFlags struct {
	ask         flows.Ask
	format, dir string
}

func newQueryFlows(p *program) *cobra.Command {
	var f flowsFlags
	cmd := &cobra.Command{
		Use:   "flows",
		Short: "Who talked to whom, from the flow samples kept on disk",
		Long: `Sum the flow samples kept on disk by the columns named, greatest first. It reads
the files themselves: the collector may be running or not.

  BYTES    estimated: each sample counts its length times its sampling rate
  PACKETS  estimated: each sample counts its sampling rate
  95 %     interval of the figure before, for what sampling may have missed
  SAMPLES  behind it
  POINTS   vantage points (agent and direction) that saw it

Several vantage points see the same packets: the figures are those of the one
that saw most of a key, unless --add sums all.

Of a day and more the rollups answer where they can: sums of each minute and
hour of the keys with most octets by src, dst, src and dst, proto, domain, and
agent with input or output, never by port. MISSED is then the most that a figure
may lack of a key that was not always among the greatest; the interval has it.
--samples reads the samples, as far back as they are kept.

Times are such as -1h, -7d, now, 15:04, 2026-01-31 or 2026-01-31T15:04:05Z.
COLUMNS are ` + strings.Join(flows.AllColumns(), ", ") + `.
Filters are those of rules: ` + "`weir check --sample`" + ` has their words. Of their fields history keeps
` + strings.Join(flows.FilterFields(), ", ") + `.
instance too, by its name, its UUID or that of a port of it: as source or destination
has one of the addresses that the model of the site has of it now. src_instance and
dst_instance name instances by the same addresses; history itself keeps addresses.
The files are Parquet: other programs read them as they are, in the directory
flows of the history. --format parquet writes the answer as such a file.`,
		Example: `  weir query flows --from -1h --filter 'src = 10.0.0.5 and dst_port = 443' --by dst --top 20
  weir query flows --from -15m --by src,dst,proto,dst_port --format json
  weir query flows --from -30d --by dst
  weir query flows --from -1h --filter 'instance = web-1' --by src_instance,dst_instance
  weir query flows --from -1d --by proto --step 1h --format csv
  weir query flows --from -1h --by src,dst --top 0 --format parquet > pairs.parquet`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(p.out, f.format); err != nil {
				return commandline.Usage(err)
			}
			f.dir = folderOf(f.dir, "flows")
			state := stateBeside(f.dir)
			f.ask.Instances = func() ([]flows.Instance, error) { return p.instances(cmd.Context(), f.dir) }
			q, err := f.query(time.Now())
			if err != nil {
				return commandline.Usage(err)
			}
			if f.dir == "" {
				cfg, err := p.loadToAsk()
				if err != nil {
					return err
				}
				f.dir, state = cfg.FlowsDir(), cfg.StateDir
				if err := store.CheckHistory(cfg.HistoryDir()); err != nil {
					return err
				}
			}
			if err := noted(cmd, nil, state, audit.Query); err != nil {
				return err
			}
			if commandline.IsTerminal(p.err) {
				q.Progress = func(done, of int) { fmt.Fprintf(p.err, "\r\033[K%d of %d files", done, of) }
			}
			r, err := flows.Scan(cmd.Context(), f.dir, q)
			if q.Progress != nil {
				fmt.Fprint(p.err, "\r\033[K")
			}
			switch {
			case errors.Is(err, context.Canceled):
				return errors.New("interrupted")
			case errors.Is(err, fs.ErrNotExist):
				return fmt.Errorf("no history in %s: start `weir run` first, or name the directory with --dir", f.dir)
			case err != nil:
				return err
			}
			return f.print(p, &q, r)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.ask.From, "from", "-1h", "start, as `TIME`")
	fl.StringVar(&f.ask.To, "to", "now", "end, not included, as `TIME`")
	fl.StringVar(&f.ask.Filter, "filter", "", "only samples that pass `EXPR`")
	fl.StringVar(&f.ask.By, "by", "src,dst,proto,dst_port", "`COLUMNS` to sum by; \"\" is one sum")
	fl.StringVar(&f.ask.Order, "order", "bytes", "bytes, packets or samples: by which the greatest are chosen")
	fl.IntVar(&f.ask.Top, "top", 20, "how many; 0 is all")
	fl.DurationVar(&f.ask.Step, "step", 0, "sums for each step of time of this `LENGTH`")
	fl.BoolVar(&f.ask.Add, "add", false, "sum over all vantage points")
	fl.BoolVar(&f.ask.Samples, "samples", false, "read the samples, never rollups")
	fl.StringVar(&f.format, "format", "table", "table, json, csv or parquet")
	fl.StringVar(&f.dir, "dir", "", "read the files of this `DIRECTORY`, a history or its folder flows; default history.dir")
	return cmd
}

// instances are those of the model of the site in the state directory: of the
// configuration, or beside the files of dir where that is set.
func (p *program) instances(ctx context.Context, dir string) ([]flows.Instance, error) {
	state := stateBeside(dir)
	if dir == "" {
		cfg, err := p.loadToAsk()
		if err != nil {
			return nil, err
		}
		state = cfg.StateDir
	}
	var all []flows.Instance
	err := fs.ErrNotExist
	if state != "" {
		all, err = collector.KeptInstances(ctx, state)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no model of the site beside %s: no instance is known; write addresses", cmp.Or(dir, state))
	}
	return all, err
}

// query reads the flags.
func (f *flowsFlags) query(now time.Time) (flows.Query, error) {
	q, err := f.ask.Query(now)
	if err != nil {
		return q, fmt.Errorf("--%w%s", err, caret(f.ask.Filter, err))
	}
	return q, nil
}

// caret shows where in an expression the error is.
func caret(text string, err error) string {
	var s *rules.SyntaxError
	if !errors.As(err, &s) || strings.ContainsAny(text, "\n\t") {
		return ""
	}
	return "\n  " + text + "\n  " + strings.Repeat(" ", utf8.RuneCountInString(text[:min(max(s.From, 0), len(text))])) + "^"
}

func (f *flowsFlags) print(p *program, q *flows.Query, r *flows.Result) error {
	if r.Broken != "" {
		fmt.Fprintln(p.err, "weir: some files could not be read:", r.Broken)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(p.err, "weir:", printable(n))
	}
	switch f.format {
	case "json":
		return printJSON(p.out, r)
	case "csv", "parquet":
		return printFlowsSheet(p.out, f.format, q, r)
	}
	return printFlows(p.out, q, r)
}

func whole(n float64) string { return fmt.Sprintf("%.0f", n) }

func printFlows(out io.Writer, q *flows.Query, r *flows.Result) error {
	const day, clock = "01-02 15:04:05", "15:04:05"
	last := clock
	heads := []string{}
	if q.Step > 0 {
		heads = append(heads, "TIME")
	}
	for _, c := range q.By {
		heads = append(heads, strings.ToUpper(c))
	}
	heads = append(heads, "BYTES", "95 %")
	if r.Rollup != nil || q.To.Sub(q.From) >= 24*time.Hour {
		last = day
	}
	if r.Rollup != nil {
		heads = append(heads, "MISSED")
	}
	t, zone := newTable(out, append(heads, "PACKETS", "95 %", "SAMPLES", "POINTS", "FIRST", "LAST")...), q.To.Location()
	for i := range r.Rows {
		s := &r.Rows[i]
		var cells []any
		if q.Step > 0 {
			cells = append(cells, q.From.Add(time.Duration(s.Step)*q.Step).Format(day))
		}
		for _, k := range s.Key {
			cells = append(cells, cmp.Or(printable(k), "-"))
		}
		cells = append(cells, octets(s.Bytes), octets(s.Low)+" - "+octets(s.High))
		if r.Rollup != nil {
			cells = append(cells, octets(s.Missed))
		}
		t.row(append(cells, whole(s.Packets), whole(s.PacketsLow)+" - "+whole(s.PacketsHigh), s.Samples, s.Points, s.First.In(zone).Format(day), s.Last.In(zone).Format(last))...)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%d keys, %s in %d samples; %d rows of %d files read\n",
		r.Keys, octets(r.Total.Bytes), r.Total.Samples, r.Scanned, r.Files)
	if x := r.Rollup; err == nil && x != nil {
		_, err = fmt.Fprintf(out, "From rollups of the greatest by %s, %d of hours and %d of minutes or less; keys they left out have %s together. --samples reads the samples.\n",
			x.Definition, x.Hours, x.Minutes, octets(x.Rest))
	}
	return err
}

// printFlowsSheet writes the keys as text, as the columns of history are written.
func printFlowsSheet(out io.Writer, format string, q *flows.Query, r *flows.Result) error {
	var columns []columnar.Column
	if q.Step > 0 {
		columns = append(columns, columnar.Column{Name: "time", Kind: columnar.Time})
	}
	for _, c := range q.By {
		columns = append(columns, columnar.Column{Name: c})
	}
	for _, name := range []string{"bytes", "low", "high", "missed", "packets", "packets_low", "packets_high"} {
		columns = append(columns, columnar.Column{Name: name, Kind: columnar.Float})
	}
	t, err := newSheet(out, format, append(columns,
		columnar.Column{Name: "samples", Kind: columnar.Number}, columnar.Column{Name: "points", Kind: columnar.Number},
		columnar.Column{Name: "first", Kind: columnar.Time}, columnar.Column{Name: "last", Kind: columnar.Time}))
	if err != nil {
		return err
	}
	for i := range r.Rows {
		s := &r.Rows[i]
		var cells []any
		if q.Step > 0 {
			cells = append(cells, q.From.Add(time.Duration(s.Step)*q.Step).UTC())
		}
		for _, k := range s.Key {
			cells = append(cells, k)
		}
		if err := t.row(append(cells, s.Bytes, s.Low, s.High, s.Missed, s.Packets, s.PacketsLow, s.PacketsHigh, int64(s.Samples), int64(s.Points), s.First, s.Last)...); err != nil {
			return err
		}
	}
	return t.close()
}
