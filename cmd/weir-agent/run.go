package main

import (
	"github.com/spf13/cobra"

	"weir/hostagent"
	"weir/hostagent/config"
)

func newRun(p *program) *cobra.Command {
	var collectors []string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Tell the collectors until told to stop",
		Long: `Poll the host, its interfaces and its virtual machines, watch for events, and send
all of it to the collectors. The log goes to standard error.`,
		Example: `  weir-agent run --collector 10.0.0.5`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, digest, err := config.Load(p.configFile)
			if err != nil {
				return err
			}
			if len(collectors) > 0 {
				cfg.Collectors = collectors
			}
			return hostagent.Run(cmd.Context(), cfg, hostagent.IO{
				Log: p.logger(cfg.Log), Version: thisBuild().version, Digest: digest,
			})
		},
	}
	cmd.Flags().StringSliceVar(&collectors, "collector", nil, "send to `HOST` or HOST:PORT in place of the configured collectors")
	return cmd
}
