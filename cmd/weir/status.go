package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/collector/web"
)

func newStatus(p *program) *cobra.Command {
	var asJSON bool
	var top topFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what a running collector receives, loses and holds",
		Long: `Ask the collector that runs with the configured state_dir, over its control
socket, and print what it has received, lost and refused since its start, the
alerts that are open, and how much of each bound of memory is in use.

With --top print the heaviest keys instead, as of the last full second: of each
definition in top.keys a table with

  95 %      interval of the rate, for what sampling may have missed
  SAMPLES   behind it
  DISTINCT  different values seen in the samples of the last 10 to 20 s
  TABLE     bounds where the table had more keys than places; they always hold

A packet sampled at three switches counts once, where it enters the first; for
keys with agent, input or output at each of them. Which ports lie behind others
is learned in some seconds from flows sampled again and again; until then, and
with floods off, rates are sums over all points where samples are taken.`,
		Example: "  weir status\n  weir status --json\n  weir status --top --key dst --window 1m",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := top.check(cmd); err != nil {
				return err
			}
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			if top.on {
				return top.ask(cmd, cfg.StateDir, p.out, asJSON)
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
	top.add(cmd)
	return cmd
}

// printStatus prints one aligned line per thing; what is empty is left out.
func printStatus(out io.Writer, s *web.Status) error {
	t := newTable(out)
	line := func(name, format string, args ...any) { t.row(name, fmt.Sprintf(format, args...)) }
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
	formats := func(name, what string, counts []web.Count) {
		shown, rest := mostFrequent(counts)
		for i, c := range shown {
			line(first(i, name), "%s %s%s (%s)", commas(c.Count), what, cmp.Or(c.Name, "unknown"), c.Key)
		}
		if n := len(counts) - len(shown); n > 0 {
			line("", "%s %sin %d further formats; --json names them", commas(rest), strings.Replace(what, ":", "", 1), n)
		}
	}
	formats("samples", "", s.Samples)
	formats("skipped", "records: ", s.SkippedRecords)
	for i, c := range s.Errors {
		line(first(i, "errors"), "%s %s", commas(c.Count), c.Key)
	}
	line("dropped", "%s by the kernel, %s cut", commas(s.SocketDropped), commas(s.Truncated))
	line("lost", "%s datagrams (%s), %s samples, by sequence", commas(s.LostDatagrams), percent(s.LossPercent), commas(s.LostSamples))
	line("agents", "%d, %s admitted since the start", s.Agents, commas(s.Admitted))
	for i, c := range s.Refused {
		line(first(i, "refused"), "%s datagrams: %s", commas(c.Count), c.Key)
	}
	printOrphans(line, s.Orphans)
	open := uint64(0)
	for _, c := range s.AlertsOpen {
		open += c.Count
	}
	line("alerts", "%s open", commas(open))
	if s.AlertHead != "" {
		line("", "history's head %s", s.AlertHead)
	}
	for i, c := range s.Sinks {
		line(first(i, "sinks"), "%s: %s sent, %s failed, %s dropped, %d waiting of %s",
			c.Name, commas(c.Sent), commas(c.Failed), commas(c.Dropped), c.Queued, commas(uint64(max(c.Limit, 0))))
	}
	if s.Influx != nil {
		line("influx", "%s", influxLine(s.Influx))
	}
	n := 0
	for _, c := range s.DamagedFiles {
		if c.Count > 0 {
			line(first(n, "damaged"), "%s in the history of %s, set aside", commas(c.Count), c.Key)
			n++
		}
	}
	s.Bounds = slices.DeleteFunc(slices.Clone(s.Bounds), func(b web.Bound) bool { // of each of the top's tables only what is amiss
		return strings.HasPrefix(b.Name, "top_") && b.Refused == 0 && strings.Contains(b.Name, " ")
	})
	for i, b := range s.Bounds {
		line(first(i, "bounds"), "%s: %s of %s, %s refused", b.Name, commas(uint64(max(b.Used, 0))), commas(uint64(max(b.Limit, 0))), commas(b.Refused))
	}
	return t.Flush()
}

// printOrphans names the nodes with most ports and domains that belong to nobody.
func printOrphans(line func(name, format string, args ...any), nodes []web.Count) {
	const shown = 5
	rest, left := uint64(0), 0
	for i, c := range nodes {
		if i < shown && c.Key != "" {
			line(first(i, "orphans"), "%s on %s", commas(c.Count), printable(cmp.Or(c.Name, c.Key)))
			continue
		}
		rest, left = rest+c.Count, left+1
	}
	if left > 0 {
		line("", "%s on further nodes; --json names them", commas(rest))
	}
}

// maxFormats is how many formats are shown one by one: whoever sends rubbish
// can make up hundreds.
const maxFormats = 16

// mostFrequent returns the formats to show, in the order given, and how often
// the others came.
func mostFrequent(counts []web.Count) (shown []web.Count, rest uint64) {
	if len(counts) <= maxFormats {
		return counts, 0
	}
	byCount := slices.SortedStableFunc(slices.Values(counts), func(a, b web.Count) int { return cmp.Compare(b.Count, a.Count) })
	least := byCount[maxFormats-1].Count
	ties := maxFormats // how many as rare as the rarest shown have a place
	for _, c := range byCount[:maxFormats] {
		if c.Count > least {
			ties--
		}
	}
	for _, c := range counts {
		switch {
		case c.Count > least:
			shown = append(shown, c)
		case c.Count == least && ties > 0:
			shown, ties = append(shown, c), ties-1
		default:
			rest += c.Count
		}
	}
	return shown, rest
}

// first is the name on the first of several lines.
func first(i int, name string) string {
	if i > 0 {
		return ""
	}
	return name
}
