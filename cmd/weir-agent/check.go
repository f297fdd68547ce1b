package main

import (
	_ "embed"
	"fmt"

	"github.com/spf13/cobra"

	"weir/hostagent/config"
)

// sample is the configuration with every key, its default and its meaning.
//
//go:embed etc/weir-agent.yaml
var sample string

func newCheck(p *program) *cobra.Command {
	var printSample bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration, or print a sample",
		Long: `Read the configuration and start nothing. Each mistake is one line with file,
line, key and the fix, and the exit code is 78.`,
		Example: `  weir-agent check --config weir-agent.yaml
  weir-agent check --sample > weir-agent.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if printSample {
				_, err := fmt.Fprint(p.out, sample)
				return err
			}
			cfg, digest, err := config.Load(p.configFile)
			if err != nil {
				return err
			}
			if _, err := readKey(cfg.KeyFile); err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.out, "ok, digest "+digest)
			return err
		},
	}
	cmd.Flags().BoolVar(&printSample, "sample", false, "print a complete commented configuration, equal to the defaults, and exit")
	return cmd
}
