package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector/store"
	"weir/collector/store/flows"
	"weir/collector/web/audit"
)

func newReport(p *program) *cobra.Command {
	var from, to, dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "What alerts were good for: pages and precision by kind and rule, noisy subjects, better thresholds",
		Long: `Read the history of alerts of a time, a week by default, and print

  - for each kind and each rule how many alerts and pages there were, how many
    were acknowledged, and how many of those that ` + "`weir alert mark`" + ` marked
    were useful; a page is an alert that was confirmed and critical once and
    not muted then;
  - the same for each week, where the time is longer than one;
  - the subjects that alerts were most often about;
  - thresholds that would have raised less noise, from three marked alerts on.
    A useful alert that is missed weighs as much as five of noise. Lower
    thresholds are never proposed: what was not raised was not marked.

It reads the state file itself: the collector may be running or not.`,
		Example: "  weir report\n  weir report --from -30d --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			begin, err := flows.ParseTime(from, now)
			if err != nil {
				return commandline.Usagef("--from %w", err)
			}
			end, err := flows.ParseTime(to, now)
			if err != nil {
				return commandline.Usagef("--to %w", err)
			}
			if !begin.Before(end) {
				return commandline.Usagef("--from %q: is not before the end %q; write an earlier start", from, to)
			}
			if dir, err = p.stateDir(dir); err != nil {
				return err
			}
			if err := noted(cmd, nil, dir, audit.Query); err != nil {
				return err
			}
			r, err := store.MakeReport(cmd.Context(), dir, begin, end)
			if err != nil {
				return alertsError(dir, err)
			}
			if asJSON {
				return printJSON(p.out, r)
			}
			return printReport(p.out, r, now.Location())
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "-7d", "start, as `TIME` such as -7d or 2026-01-31")
	f.StringVar(&to, "to", "now", "end, not included, as `TIME`")
	f.StringVar(&dir, "dir", "", "read the state file in this `DIRECTORY`; default the configured state_dir")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printReport(out io.Writer, r *store.Report, zone *time.Location) error {
	const day = "2006-01-02 15:04"
	fmt.Fprintf(out, "Alerts from %s to %s\n\n", r.From.In(zone).Format(day), r.To.In(zone).Format(day))
	if len(r.Rows) == 0 {
		_, err := fmt.Fprintln(out, "no alerts")
		return err
	}
	if err := printReportRows(out, r.Rows); err != nil {
		return err
	}
	for _, w := range r.Weeks {
		fmt.Fprintf(out, "\nWeek from %s to %s\n", w.From.In(zone).Format(day), w.To.In(zone).Format(day))
		if len(w.Rows) == 0 {
			fmt.Fprintln(out, "no alerts")
			continue
		}
		if err := printReportRows(out, w.Rows); err != nil {
			return err
		}
	}
	if len(r.Noisy) > 0 {
		fmt.Fprintln(out, "\nMost often about")
		t := newTable(out, "ALERTS", "PAGES", "NOISE", "KEY", "LAST")
		for _, s := range r.Noisy {
			t.row(s.Alerts, s.Pages, s.Noise, printable(s.Key), printable(s.Line))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(r.Proposals) > 0 {
		fmt.Fprintln(out, "\nThresholds to think of")
	}
	for _, x := range r.Proposals {
		name := x.Kind
		if x.Rule != "" {
			name += " " + strconv.Quote(x.Rule)
		}
		fmt.Fprintf(out, "%s: %s %s in place of %s: %d of %d marked as noise would not have been raised, %d of %d marked as useful would\n",
			printable(name), amount(x.Proposed), printable(x.Unit), amount(x.Threshold), x.Dropped, x.Noise, x.Kept, x.Useful)
	}
	return nil
}

func printReportRows(out io.Writer, rows []store.ReportRow) error {
	t := newTable(out, "KIND", "RULE", "ALERTS", "PAGES", "ACKED", "MUTED", "USEFUL", "NOISE", "PRECISION")
	for _, k := range rows {
		precision := "-"
		if k.Precision != nil {
			precision = strconv.FormatFloat(100**k.Precision, 'f', 0, 64) + " %"
		}
		t.row(printable(k.Kind), printable(k.Rule), k.Alerts, k.Pages, k.Acked, k.Muted, k.Useful, k.Noise, precision)
	}
	return t.Flush()
}
