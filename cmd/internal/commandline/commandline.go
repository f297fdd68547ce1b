// Package commandline is what the command lines of weir and weir-agent share: how
// a mistake is told and with which exit code, and the log on standard error.
package commandline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"weir/cmd/internal/build"
)

// Exit codes besides 0 and 1.
const (
	ExitUsage  = 2
	ExitConfig = 78 // EX_CONFIG of sysexits.h
)

// usageError is a command line that cannot be understood.
type usageError struct{ error }

// Usage makes err one of the command line: its exit code is ExitUsage.
func Usage(err error) error { return usageError{err} }

// Unwrap returns what Usage was given.
func (e usageError) Unwrap() error { return e.error }

// IsUsage reports that err is one of the command line.
func IsUsage(err error) bool {
	_, ok := errors.AsType[usageError](err)
	return ok
}

// Usagef returns an error of the command line.
func Usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Report writes each line of err to w, after the program's name, and returns the
// exit code.
func Report(w io.Writer, program string, err error) int {
	if err == nil {
		return 0
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(w, program+": "+strings.TrimSuffix(line, "\n"))
	}
	if IsUsage(err) {
		return ExitUsage
	}
	return 1
}

// Root makes cmd the root of a program with its commands: its mistakes are the
// caller's to report, and those of the command line say what helps.
func Root(cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	Group(cmd, subs...)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		help := "; `" + cmd.Name() + " --help` lists them"
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			help = "; did you mean " + near[0] + "?"
		}
		return Usagef("%q is no command%s", args[0], help)
	}
	cmd.SilenceErrors, cmd.SilenceUsage, cmd.SuggestionsMinimumDistance = true, true, 2
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return Usagef("%w; `%s --help` lists the flags", err, cmd.CommandPath())
	})
	return cmd
}

// Group makes cmd a command that only holds others, and shows its help where it is
// called without one. What is wrong with their arguments is an error of the command
// line; they take none where they do not say.
func Group(cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, sub := range subs {
		check := sub.Args
		if check == nil {
			check = cobra.NoArgs
		}
		sub.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				if strings.Contains(err.Error(), "arg(s)") { // how many, and not which
					err = fmt.Errorf("%w: write `%s`", err, strings.TrimSuffix(cmd.UseLine(), " [flags]"))
				}
				return Usagef("%s: %w; `%s --help` shows examples", cmd.Name(), err, cmd.CommandPath())
			}
			return nil
		}
		cmd.AddCommand(sub)
	}
	return cmd
}

// Version returns the command that says which build of a program this is. version
// is what was set when linking; "" takes that of the module.
func Version(program, version string, out io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version, commit and Go version",
		Long:    "Print on one line the version, the commit it was built from, and that of Go.",
		Example: "  " + program + " version",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(out, build.This(version).Line(program))
			return err
		},
	}
}

// Logger writes to w: JSON, or lines for people where format is "console", or
// "auto" and w a terminal.
func Logger(w io.Writer, format string) zerolog.Logger {
	if format == "console" || format == "auto" && IsTerminal(w) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05.000", NoColor: !IsTerminal(w)}
	}
	return zerolog.New(w).With().Timestamp().Logger()
}

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
