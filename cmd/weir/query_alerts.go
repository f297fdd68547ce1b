package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector/store"
	"weir/collector/store/columnar"
	"weir/collector/web/audit"
)

// alertsFlags are the flags of `weir query alerts`.
type alertsFlags struct {
	ask         store.AlertAsk
	format, dir string
}

func newQueryAlerts(p *program) *cobra.Command {
	var f alertsFlags
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "Which alerts changed, in which order, from the state file",
		Long: `List the changes of alerts kept on disk, the oldest first. It reads the state
file itself: the collector may be running or not.

Times are such as -1h, -7d, now, 15:04, 2026-01-31 or 2026-01-31T15:04:05Z.
In brackets is who acknowledged the alert, until when it is muted, and how it was
marked; what people did are changes of their own too. JSON and CSV have also what each
change rests on, as long as that is kept.
` + "`weir verify`" + ` proves that nothing was changed since it was written.`,
		Example: `  weir query alerts --from -12h --severity critical
  weir query alerts --from 22:00 --to 23:00 --subject 10.0.0.5 --change start,end
  weir query alerts --from -7d --kind large_flow,flood --limit 0 --format csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(p.out, f.format); err != nil {
				return commandline.Usage(err)
			}
			now := time.Now()
			q, err := f.ask.Query(now)
			if err != nil {
				return commandline.Usagef("--%w", err)
			}
			if f.dir, err = p.stateDir(f.dir); err != nil {
				return err
			}
			if err := noted(cmd, nil, f.dir, audit.Query); err != nil {
				return err
			}
			a, err := store.QueryAlerts(cmd.Context(), f.dir, q)
			if err != nil {
				return alertsError(f.dir, err)
			}
			return f.print(p, a, now.Location())
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.ask.From, "from", "-1d", "start, as `TIME`")
	fl.StringVar(&f.ask.To, "to", "now", "end, not included, as `TIME`")
	fl.StringVar(&f.ask.Kind, "kind", "", "only these `KINDS`, with commas, such as large_flow,flood")
	fl.StringVar(&f.ask.Severity, "severity", "", "only these of info, warning and critical, with commas")
	fl.StringVar(&f.ask.Change, "change", "", "only these of start, update and end, and of what people did: ack, unack, mute, unmute, mark, hold, release, with commas")
	fl.StringVar(&f.ask.Subject, "subject", "", "only alerts in whose line or subject `TEXT` stands, or in those of an effect they tell of")
	fl.StringVar(&f.ask.ID, "id", "", "only alerts whose `ID`, or whose incident's, begins so; what returns has the same first 16 letters")
	fl.IntVar(&f.ask.Limit, "limit", 1000, "the newest so many; 0 is all")
	fl.StringVar(&f.format, "format", "table", "table, json, csv or parquet")
	fl.StringVar(&f.dir, "dir", "", "read the state file in this `DIRECTORY`; default the configured state_dir")
	return cmd
}

func (f *alertsFlags) print(p *program, a *store.AlertAnswer, zone *time.Location) error {
	switch f.format {
	case "json":
		return printJSON(p.out, a)
	case "csv", "parquet":
		return printAlertsSheet(p.out, f.format, a)
	}
	return printAlerts(p.out, a, zone)
}

func printAlerts(out io.Writer, a *store.AlertAnswer, zone *time.Location) error {
	if len(a.Alerts) == 0 {
		fmt.Fprintln(out, "no alerts changed")
		if len(a.Kinds) > 0 {
			fmt.Fprintln(out, "kinds in the history:", printable(strings.Join(a.Kinds, ", ")))
		}
		return nil
	}
	t := newTable(out, "TIME", "CHANGE", "STATE", "SEVERITY", "INCIDENT", "ALERT")
	ids, lost := map[string]bool{}, uint64(0)
	for i := range a.Alerts {
		c := &a.Alerts[i]
		ids[c.ID] = true
		lost += c.Lost
		text := c.Line
		if c.Reason != "" {
			text += " (" + c.Reason + ")"
		}
		if care := c.Care.Short(); care != "" {
			text += " [" + care + "]"
		}
		t.row(c.At.In(zone).Format("01-02 15:04:05.000"), printable(c.Change), printable(c.State), printable(c.Severity), printable(c.Incident), printable(text))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d changes of %d alerts", len(a.Alerts), len(ids))
	if a.Older {
		fmt.Fprint(out, "; there are older ones, --limit 0 shows all")
	}
	if lost > 0 {
		fmt.Fprintf(out, "; %d further could not be kept", lost)
	}
	_, err := fmt.Fprintln(out)
	return err
}

func printAlertsSheet(out io.Writer, format string, a *store.AlertAnswer) error {
	t, err := newSheet(out, format, []columnar.Column{
		{Name: "n", Kind: columnar.Number},
		{Name: "at", Kind: columnar.Time},
		{Name: "id"},
		{Name: "seq", Kind: columnar.Number},
		{Name: "change"}, {Name: "kind"}, {Name: "state"}, {Name: "severity"}, {Name: "flapping"}, {Name: "reason"}, {Name: "incident"}, {Name: "line"},
		{Name: "lost", Kind: columnar.Number},
		{Name: "subject"}, {Name: "evidence"}, {Name: "care"},
	})
	if err != nil {
		return err
	}
	for i := range a.Alerts {
		c := &a.Alerts[i]
		if err := t.row(
			int64(c.N), c.At, c.ID, int64(c.Seq), c.Change, c.Kind, c.State, c.Severity, strconv.FormatBool(c.Flapping), c.Reason, c.Incident, c.Line,
			int64(c.Lost), string(c.Subject), string(c.Evidence), c.Care.Short(),
		); err != nil {
			return err
		}
	}
	return t.close()
}
