package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector"
	"weir/collector/config"
)

func newReplay(p *program) *cobra.Command {
	var threshold, ruleFile, compareFile string
	var json, anyPort bool
	cmd := &cobra.Command{
		Use:   "replay FILE…",
		Short: "Run the whole detection on capture files, or compare two configurations on them",
		Long: `Read capture files (pcap or pcapng) through the whole pipeline on their own
clock, as fast as it can. The same files give the same alerts, byte for byte.
Alerts go to standard output, progress to standard error on a terminal.

With --compare the files are read under two configurations, and a table shows
which alerts only the old one raises, only the new one, and both: when first,
how often, and the peak.

A file that was cut is read up to the cut, with a warning.`,
		Example: `  weir replay capture.pcap
  weir replay --json --threshold 50Mbit/s monday.pcapng tuesday.pcapng
  weir replay --rules new.yaml --compare old.yaml monday.pcapng`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			cfg, err := p.loadRules(ruleFile, threshold)
			if err != nil {
				return err
			}
			var progress io.Writer
			if commandline.IsTerminal(p.err) {
				progress = p.err
			}
			io := collector.IO{
				Alerts:     p.out,
				AlertsJSON: json || !commandline.IsTerminal(p.out),
				Log:        p.logger(cfg.Log),
				Progress:   progress,
				AnyPort:    anyPort,
			}
			if compareFile == "" {
				return collector.Replay(cmd.Context(), cfg, files, io)
			}
			before, err := config.LoadFile(compareFile, "--compare")
			if err != nil {
				return err
			}
			c, err := collector.Compare(cmd.Context(), before, cfg, files, io)
			if err != nil {
				return err
			}
			if json {
				return printJSON(p.out, &c)
			}
			return printComparison(p.out, &c)
		},
	}
	addAlertFlags(cmd, &threshold, &json)
	cmd.Flags().BoolVar(&anyPort, "any-port", false, "datagrams to any UDP port of the capture; by default those to 6343")
	cmd.Flags().StringVar(&ruleFile, "rules", "", "configuration `FILE` whose rules and thresholds hold, in place of --config; conf.d beside it is not read")
	cmd.Flags().StringVar(&compareFile, "compare", "", "configuration `FILE` to compare with; the alerts of both are shown as a table, or with --json as one object")
	return cmd
}

// loadRules is load for a file that is named for its rules.
func (p *program) loadRules(file, threshold string) (config.Config, error) {
	if file == "" {
		return p.load(threshold)
	}
	if p.configFile != "" {
		return config.Config{}, commandline.Usagef("--rules and --config both name a configuration; name one")
	}
	cfg, err := config.LoadFile(file, "--rules")
	if err != nil {
		return cfg, err
	}
	return withThreshold(cfg, threshold)
}

// printComparison writes three lists in one table.
func printComparison(out io.Writer, c *collector.Comparison) error {
	t := newTable(out, "", "ALERT", "OLD FIRST", "TIMES", "STATE", "PEAK", "NEW FIRST", "TIMES", "STATE", "PEAK")
	for _, part := range []struct {
		name string
		list []collector.Compared
	}{{"only old", c.OnlyOld}, {"only new", c.OnlyNew}, {"both", c.Both}} {
		for _, a := range part.list {
			t.row(part.name, strings.ReplaceAll(string(a.Kind), "_", " ")+" "+a.Subject, outcome(a.Old), outcome(a.New))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d alerts only under the old configuration, %d only under the new one, %d under both\n", len(c.OnlyOld), len(c.OnlyNew), len(c.Both))
	return err
}

// outcome is four cells of the table.
func outcome(o *collector.Outcome) string {
	if o == nil {
		return "-\t\t\t"
	}
	return fmt.Sprintf("%s\t%d\t%s\t%s", time.Time(o.First).UTC().Format("15:04:05.000"), o.Times, o.State, o.PeakText)
}
