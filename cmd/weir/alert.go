package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector"
	"weir/collector/web"
)

func newAlert(p *program) *cobra.Command {
	return commandline.Group(&cobra.Command{
		Use:   "alert",
		Short: "List, acknowledge, mute and mark alerts; try whether they arrive",
		Long: `List the alerts of a running collector and say what is done about them, or try
whether alerts arrive at the sinks of the configuration. Who is told what is in
its sections alerts and severity.`,
		Example: "  weir alert list\n  weir alert ack 7596403b --note \"I am on it\"\n  weir alert test",
	}, append(newAlertCare(p), newAlertTest(p))...)
}

func newAlertTest(p *program) *cobra.Command {
	var sink string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Send a test alert to the sinks and print what they answer",
		Long: `Send an alert that is marked as a test to every sink of the configuration, or to
one, and print what the other side answered. Where a collector runs with the
configured state_dir it sends the test, through the same queues as any alert;
else this process does. A test is critical for a pager and a warning for others;
at PagerDuty it is resolved at once, at Alertmanager after three minutes.

Exit code 0 if all tests arrived, else 1.`,
		Example: "  weir alert test\n  weir alert test --sink pagerduty",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			got, err := web.TestAlerts(cmd.Context(), cfg.StateDir, sink)
			if web.NotRunning(err) {
				if cfg, err = p.load(""); err != nil {
					return err
				}
				fmt.Fprintf(p.err, "weir: no collector runs with state_dir %s: this process sends the test\n", cfg.StateDir)
				got, err = collector.TestAlerts(cmd.Context(), cfg, sink, p.logger(cfg.Log))
			}
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(p.out, got)
			} else {
				printAnswers(p.out, got)
			}
			for _, a := range got {
				if a.Error != "" {
					return errors.Join(err, fmt.Errorf("sink %s: the test did not arrive", a.Sink))
				}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&sink, "sink", "", "`NAME` of the only sink to test; default all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printAnswers prints one line for each answer.
func printAnswers(w io.Writer, all []web.SinkAnswer) {
	for _, a := range all {
		what := "arrived"
		if a.Error != "" {
			what = "FAILED: " + a.Error
		}
		fmt.Fprintf(w, "%s (%s): %s, after %.3f s\n", a.Sink, a.Type, what, a.Seconds)
		for _, line := range a.Answers {
			fmt.Fprintf(w, "    %s\n", line)
		}
	}
}
