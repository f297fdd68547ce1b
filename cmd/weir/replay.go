package main

import (
	"io"

	"github.com/spf13/cobra"

	"weir/collector"
)

func newReplay(p *program) *cobra.Command {
	var threshold string
	var json, anyPort bool
	cmd := &cobra.Command{
		Use:   "replay FILE…",
		Short: "Run the whole detection on capture files",
		Long: `Read capture files (pcap or pcapng) through the whole pipeline on their own
clock, as fast as it can. The same files give the same alerts, byte for byte.
Alerts go to standard output, progress to standard error on a terminal.

A file that was cut is read up to the cut, with a warning.`,
		Example: `  weir replay capture.pcap
  weir replay --json --threshold 50Mbit/s monday.pcapng tuesday.pcapng`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			cfg, err := p.load(threshold)
			if err != nil {
				return err
			}
			var progress io.Writer
			if isTerminal(p.err) {
				progress = p.err
			}
			return collector.Replay(cmd.Context(), cfg, files, collector.IO{
				Alerts:     p.out,
				AlertsJSON: json || !isTerminal(p.out),
				Log:        p.logger(cfg.Log),
				Progress:   progress,
				AnyPort:    anyPort,
			})
		},
	}
	addAlertFlags(cmd, &threshold, &json)
	cmd.Flags().BoolVar(&anyPort, "any-port", false, "datagrams to any UDP port of the capture; by default those to 6343")
	return cmd
}
