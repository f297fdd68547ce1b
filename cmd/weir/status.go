package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"weir/collector/web"
)

func newStatus(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what a running collector receives, loses and holds",
		Long: `Ask the collector that runs with the configured state_dir, over its control
socket, and print what it has received, lost and refused since its start, the
alerts that are open, and how much of each bound of memory is in use.`,
		Example: "  weir status\n  weir status --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.load("")
			if err != nil {
				return err
			}
			var s web.Status
			if err := web.Ask(cmd.Context(), cfg.StateDir, "status", &s); err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, &s)
			}
			return printStatus(p.out, &s)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with every count")
	return cmd
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printStatus prints one aligned line per thing; what is empty is left out.
func printStatus(out io.Writer, s *web.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("weir", "%s, process id %d, up %v", s.Version, s.PID, s.At.Sub(s.Started).Truncate(time.Second))
	line("listening", "%s", strings.Join(s.Listen, ", "))
	for _, c := range s.Components {
		if !c.Ready || c.Detail != "" {
			state := "ready"
			if !c.Ready {
				state = "NOT READY"
			}
			line(c.Name, "%s", strings.TrimSuffix(state+": "+c.Detail, ": "))
		}
	}
	line("datagrams", "%s, %s/s", commas(s.Datagrams), strconv.FormatFloat(s.DatagramsPerSecond, 'f', 1, 64))
	for i, c := range s.Samples {
		line(first(i, "samples"), "%s %s (%s)", commas(c.Count), c.Name, c.Key)
	}
	for i, c := range s.SkippedRecords {
		line(first(i, "skipped"), "%s records: %s (%s)", commas(c.Count), c.Name, c.Key)
	}
	for i, c := range s.Errors {
		line(first(i, "errors"), "%s %s", commas(c.Count), c.Key)
	}
	line("dropped", "%s by the kernel, %s cut", commas(s.SocketDropped), commas(s.Truncated))
	line("lost", "%s datagrams (%s), %s samples, by sequence", commas(s.LostDatagrams), percent(s.LossPercent), commas(s.LostSamples))
	line("agents", "%d, %s admitted since the start", s.Agents, commas(s.Admitted))
	for i, c := range s.Refused {
		line(first(i, "refused"), "%s datagrams: %s", commas(c.Count), c.Key)
	}
	open := uint64(0)
	for _, c := range s.AlertsOpen {
		open += c.Count
	}
	line("alerts", "%s open", commas(open))
	for i, c := range s.Sinks {
		line(first(i, "sinks"), "%s: %s sent, %s failed, %s dropped, %d waiting of %s",
			c.Name, commas(c.Sent), commas(c.Failed), commas(c.Dropped), c.Queued, commas(uint64(max(c.Limit, 0))))
	}
	for i, b := range s.Bounds {
		line(first(i, "bounds"), "%s: %s of %s, %s refused", b.Name, commas(uint64(max(b.Used, 0))), commas(uint64(max(b.Limit, 0))), commas(b.Refused))
	}
	return w.Flush()
}

// first is the name on the first of several lines.
func first(i int, name string) string {
	if i > 0 {
		return ""
	}
	return name
}

// commas writes n with a comma between thousands.
func commas(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent writes a share in percent, with more digits where it is small.
func percent(v float64) string {
	digits := 1
	if v < 1 {
		digits = 3
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " %"
}
