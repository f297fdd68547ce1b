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
	"weir/collector/config"
	"weir/detect"
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

// execute runs one command line and returns the exit code. What went wrong is
// one line on standard error; a configuration has one line for each mistake.
func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(&program{streams: s})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if all, ok := errors.AsType[config.Errors](err); ok {
		printMistakes(s.err, all)
		return exitConfig
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(s.err, "weir: "+strings.TrimSuffix(line, "\n"))
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return 1
}

// printMistakes writes one line for each, and below it where in an expression
// the mistake is.
func printMistakes(w io.Writer, all config.Errors) {
	for _, e := range all {
		fmt.Fprintln(w, "weir: "+e.Error())
		for line := range strings.Lines(e.Caret) {
			fmt.Fprintln(w, "        "+strings.TrimSuffix(line, "\n"))
		}
	}
}

func newRoot(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Collect sFlow, find large flows and faults",
		Long: `weir receives sFlow v5 from switches and hypervisors, and raises alerts.

Alerts go to standard output, everything else to standard error.
Exit codes: 0 done, 1 failed, 2 wrong command line, 78 wrong configuration.`,
		Example: `  weir run                           collect on UDP port 6343, without any file
  weir check --sample > weir.yaml    write a commented configuration
  weir replay capture.pcap           the same detection on a capture`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			msg := fmt.Sprintf("%q is no command", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				msg += "; did you mean " + near[0] + "?"
			} else {
				msg += "; `weir --help` lists them"
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
	root.AddCommand(newRun(p), newReplay(p), newDecode(p), newSend(p), newSample(p), newDemo(p), newCheck(p),
		newStatus(p), newTop(p), newAgents(p), newHealthcheck(p), newAlert(p), newToken(p), newRule(p), newKey(p), newReport(p), newWindow(p), newIncident(p), newEvidence(p), newExplain(p), newQuery(p), newVerify(p), newBackup(p), newErase(p), newDashboards(p), newDocs(p), manual.Completion("weir", p.out), newVersion(p))
	for _, cmd := range root.Commands() {
		cmd.Args = asUsage(cmd.Args)
	}
	return root
}

// asUsage marks what an argument check finds as a usageError.
func asUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			check = cobra.NoArgs
		}
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%s: %w; `%s --help` shows examples", cmd.Name(), err, cmd.CommandPath())}
		}
		return nil
	}
}

// load reads the configuration, with the threshold of the command line.
func (p *program) load(threshold string) (config.Config, error) {
	cfg, err := config.Load(p.configFile)
	if err != nil {
		return cfg, err
	}
	return withThreshold(cfg, threshold)
}

// withThreshold sets the threshold of the command line, "" for none.
func withThreshold(cfg config.Config, threshold string) (_ config.Config, err error) {
	if threshold == "" {
		return cfg, nil
	}
	cfg.LargeFlow.Threshold, err = detect.ParseThreshold(threshold)
	if err != nil {
		return cfg, usageError{fmt.Errorf("--%w", err)} // its error begins with the word threshold
	}
	return cfg, nil
}

// logger writes to standard error as the configuration says.
func (p *program) logger(c config.Log) zerolog.Logger {
	setLevel(c)
	out := p.err
	if c.Format == "console" || c.Format == "auto" && isTerminal(p.err) {
		out = zerolog.ConsoleWriter{Out: p.err, TimeFormat: "15:04:05.000", NoColor: !isTerminal(p.err)}
	}
	return zerolog.New(out).With().Timestamp().Logger()
}

// setLevel sets the level of the process, so that a reload changes it for every
// logger there is.
func setLevel(c config.Log) {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	zerolog.SetGlobalLevel(level)
}

func isTerminal(s any) bool {
	f, ok := s.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
