package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"weir/collector/config"
)

// sample is the configuration with every key, its default and its meaning.
//
//go:embed etc/weir.yaml
var sample string

func newCheck(p *program) *cobra.Command {
	var printSample, schema, quiet bool
	var sampling []string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and say what it does, or print a sample",
		Long: `Read the configuration and conf.d/*.yaml beside it. Each mistake is one line
with file, line, key, value and the fix, and the exit code is 78. Nothing is
started.

Without mistakes, every detector and every rule is told in one sentence, with
the delay to be expected, and a warning where a threshold cannot be met. Delays
are for the sampling rates that are named, else for those of the collector that
runs with this configuration, else for the common advice: one packet in
speed/1 Mbit/s.`,
		Example: `  weir check --config weir.yaml
  weir check --sampling 1:1000,1:4096
  weir check --sample > weir.yaml
  weir check --schema > schema.md   what is written to InfluxDB, with units`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if printSample {
				_, err := fmt.Fprint(p.out, sample)
				return err
			}
			if schema {
				return printSchema(p.out)
			}
			files, err := config.Files(p.configFile)
			if err != nil {
				return err
			}
			cfg, err := config.Load(p.configFile)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				fmt.Fprintln(p.out, "no configuration file: the defaults hold")
			}
			for _, f := range files {
				fmt.Fprintln(p.out, f+": ok")
			}
			if err := sayNames(p.out, &cfg); err != nil {
				return err
			}
			if quiet {
				return nil
			}
			rates, from, err := samplingOf(cmd.Context(), sampling, cfg.StateDir)
			if err != nil {
				return err
			}
			shards := cfg.Shards
			if shards == 0 {
				shards = runtime.GOMAXPROCS(0)
			}
			cfg = withAdded(p.out, cfg)
			return explain(p.out, &cfg, rates, from, shards)
		},
	}
	cmd.Flags().BoolVar(&printSample, "sample", false, "print a complete commented configuration, equal to the defaults, and exit")
	cmd.Flags().BoolVar(&schema, "schema", false, "print the time series that are written to InfluxDB, with their units, and exit")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "only say whether the configuration is right")
	cmd.Flags().StringSliceVar(&sampling, "sampling", nil, "sampling `RATES` to tell delays for, such as 1:1000,1:4096")
	return cmd
}

// logConfigErrors logs each mistake of a configuration.
func logConfigErrors(log zerolog.Logger, err error) {
	all, ok := errors.AsType[config.Errors](err)
	if !ok {
		log.Error().Err(err).Msg("configuration not reloaded")
		return
	}
	for _, e := range all {
		log.Error().Str("file", e.File).Int("line", e.Line).Str("key", e.Key).Str("value", e.Value).
			Str("problem", e.Problem).Str("fix", e.Fix).Msg("configuration not reloaded")
	}
}

// withAdded says what was added while the collector ran, and what of it gives way to
// the configuration.
func withAdded(out io.Writer, cfg config.Config) config.Config {
	added, err := config.ReadAdded(cfg.StateDir)
	if err != nil {
		fmt.Fprintf(out, "warning: %s\n", config.OneLine(err))
		return cfg
	}
	if n := len(added.Rules) + len(added.Keys); n > 0 {
		fmt.Fprintf(out, "%s: %d rules and %d keys were added while weir ran\n", filepath.Join(cfg.StateDir, config.AddedFile), len(added.Rules), len(added.Keys))
	}
	got, left := added.With(cfg)
	for _, err := range left {
		fmt.Fprintf(out, "warning: %v; it is left out\n", err)
	}
	return got
}
