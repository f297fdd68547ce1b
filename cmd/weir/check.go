package main

import (
	_ "embed"
	"errors"
	"fmt"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"weir/collector/config"
)

// sample is the configuration with every key, its default and its meaning.
//
//go:embed etc/weir.yaml
var sample string

func newCheck(p *program) *cobra.Command {
	var printSample bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration, or print a sample",
		Long: `Read the configuration and conf.d/*.yaml beside it. Each mistake is one line
with file, line, key, value and the fix, and the exit code is 78. Nothing is
started.`,
		Example: `  weir check --config weir.yaml
  weir check --sample > weir.yaml`,
		RunE: func(*cobra.Command, []string) error {
			if printSample {
				_, err := fmt.Fprint(p.out, sample)
				return err
			}
			files, err := config.Files(p.configFile)
			if err != nil {
				return err
			}
			if _, err := config.Load(p.configFile); err != nil {
				return err
			}
			if len(files) == 0 {
				fmt.Fprintln(p.out, "no configuration file: the defaults hold")
			}
			for _, f := range files {
				fmt.Fprintln(p.out, f+": ok")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&printSample, "sample", false, "print a complete commented configuration, equal to the defaults, and exit")
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
