package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"weir/cmd/internal/build"
	"weir/cmd/internal/commandline"
	"weir/cmd/internal/trim"
	"weir/collector"
	"weir/collector/config"
)

func newRun(p *program) *cobra.Command {
	var threshold, influx string
	var json bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Receive sFlow and raise alerts until told to stop",
		Long: `Receive sFlow on the configured addresses, detect, and write alerts to standard
output: readable lines on a terminal, JSON lines otherwise or with --json. The
log goes to standard error.

SIGTERM and SIGINT drain and exit with 0. SIGHUP reads the configuration again;
the log says what changed and what needs a restart.`,
		Example: `  weir run                          listen on UDP port 6343, every address
  weir run --config weir.yaml       with a configuration
  weir run --threshold 50Mbit/s     alert on flows above 50 Mbit/s`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (config.Config, error) {
				cfg, err := p.load(threshold)
				if err == nil {
					err = setInflux(&cfg, influx)
				}
				return cfg, err
			}
			cfg, err := load()
			if err != nil {
				return err
			}
			log := p.logger(cfg.Log)
			ctx, stop := context.WithCancel(cmd.Context())
			defer stop()
			// A reader of the alerts that ends is a failed write, counted and
			// logged, and not the end of the collector.
			signal.Ignore(syscall.SIGPIPE)
			io := collector.IO{
				Alerts:     p.out,
				AlertsJSON: json || !commandline.IsTerminal(p.out),
				Log:        log,
				Version:    build.This(version).Version,
				Reload:     p.reloads(ctx, load, log),
			}
			notifySystemd(ctx, &io)
			trim.AfterStart(func(err error) { log.Debug().Err(err).Msg("pages of the program are kept") })
			return collector.Run(ctx, cfg, io)
		},
	}
	addAlertFlags(cmd, &threshold, &json)
	addInfluxFlag(cmd, &influx)
	return cmd
}

// addAlertFlags adds what run and replay share.
func addAlertFlags(cmd *cobra.Command, threshold *string, json *bool) {
	cmd.Flags().StringVar(threshold, "threshold", "",
		"large-flow threshold in place of large_flow.threshold: a `LIMIT` such as 50Mbit/s or 10% of the link, above zero")
	cmd.Flags().BoolVar(json, "json", false, "alerts as JSON lines on a terminal too; always so elsewhere")
}

// reloads gives the configuration as it reads at each SIGHUP. A file with a
// mistake changes nothing, and the log has one line for each.
func (p *program) reloads(ctx context.Context, load func() (config.Config, error), log zerolog.Logger) <-chan config.Config {
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	next := make(chan config.Config)
	go func() {
		defer signal.Stop(hups)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hups:
			}
			cfg, err := load()
			if err != nil {
				logConfigErrors(log, err)
				continue
			}
			setLevel(cfg.Log)
			select {
			case next <- cfg:
			case <-ctx.Done():
				return
			}
		}
	}()
	return next
}
