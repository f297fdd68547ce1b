package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"weir/cmd/internal/manual"
	"weir/hostagent/config"
)

// Exit codes besides 0 and 1.
const (
	exitUsage  = 2
	exitConfig = 78 // EX_CONFIG of sysexits.h
)

// usageError is a command line that cannot be understood.
type usageError struct{ error }

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
	if err == nil {
		return 0
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(s.err, "weir-agent: "+strings.TrimSuffix(line, "\n"))
	}
	if _, ok := errors.AsType[config.Errors](err); ok {
		return exitConfig
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return 1
}

func newRoot(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "weir-agent",
		Short: "Tell a collector by sFlow what this node does and what happens to it",
		Long: `weir-agent sends counters of the host, its interfaces and its virtual machines,
packet samples and events as sFlow v5.

Exit codes: 0 done, 1 failed, 2 wrong command line, 78 wrong configuration.`,
		Example: `  weir-agent run                     with the defaults
  weir-agent check --sample          a commented configuration
  weir-agent once                    one poll as JSON
  weir-agent doctor                  what can be seen on this node, and why not`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			msg := fmt.Sprintf("%q is no command", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				msg += "; did you mean " + near[0] + "?"
			} else {
				msg += "; `weir-agent --help` lists them"
			}
			return usageError{errors.New(msg)}
		},
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; `%s --help` lists the flags", err, cmd.CommandPath())}
	})
	root.PersistentFlags().StringVar(&p.configFile, "config", "",
		"configuration `FILE`; default "+config.DefaultFile+" where it exists, else the built-in defaults")
	root.AddCommand(newRun(p), newCheck(p), newOnce(p), newDoctor(p), newDocs(p), manual.Completion("weir-agent", p.out), newVersion(p))
	for _, cmd := range root.Commands() {
		check := cmd.Args
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if check == nil {
				check = cobra.NoArgs
			}
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%s: %w; `%s --help` shows examples", cmd.Name(), err, cmd.CommandPath())}
			}
			return nil
		}
	}
	return root
}

// logger writes to standard error as the configuration says.
func (p *program) logger(c config.Log) zerolog.Logger {
	if level, err := zerolog.ParseLevel(c.Level); err == nil {
		zerolog.SetGlobalLevel(level)
	}
	out := p.err
	if c.Format == "console" || c.Format == "auto" && isTerminal(p.err) {
		out = zerolog.ConsoleWriter{Out: p.err, TimeFormat: "15:04:05.000", NoColor: !isTerminal(p.err)}
	}
	return zerolog.New(out).With().Timestamp().Logger()
}

func isTerminal(s any) bool {
	f, ok := s.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
