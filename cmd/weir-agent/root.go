package main

import (
	"context"
	"errors"
	"io"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/cmd/internal/manual"
	"weir/hostagent/config"
)

// streams are the standard streams, replaced in tests.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// program is what every subcommand shares.
type program struct {
	streams
	configFile string
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(&program{streams: s})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code := commandline.Report(s.err, "weir-agent", err)
	if _, ok := errors.AsType[config.Errors](err); ok {
		return commandline.ExitConfig
	}
	return code
}

func newRoot(p *program) *cobra.Command {
	root := commandline.Root(&cobra.Command{
		Use:   "weir-agent",
		Short: "Tell a collector by sFlow what this node does and what happens to it",
		Long: `weir-agent sends counters of the host, its interfaces and its virtual machines,
packet samples and events as sFlow v5.

Exit codes: 0 done, 1 failed, 2 wrong command line, 78 wrong configuration.`,
		Example: `  weir-agent run                     with the defaults
  weir-agent check --sample          a commented configuration
  weir-agent once                    one poll as JSON
  weir-agent doctor                  what can be seen on this node, and why not`,
	},
		newRun(p), newCheck(p), newOnce(p), newDoctor(p), newDocs(p), manual.Completion("weir-agent", p.out), commandline.Version("weir-agent", version, p.out))
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.PersistentFlags().StringVar(&p.configFile, "config", "",
		"configuration `FILE`; default "+config.DefaultFile+" where it exists, else the built-in defaults")
	return root
}

// logger writes to standard error as the configuration says.
func (p *program) logger(c config.Log) zerolog.Logger {
	if level, err := zerolog.ParseLevel(c.Level); err == nil {
		zerolog.SetGlobalLevel(level)
	}
	return commandline.Logger(p.err, c.Format)
}
