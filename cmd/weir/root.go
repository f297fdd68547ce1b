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

	"weir/cmd/internal/commandline"
	"weir/cmd/internal/manual"
	"weir/collector/config"
	"weir/detect"
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

// execute runs one command line and returns the exit code. What went wrong is
// one line on standard error; a configuration has one line for each mistake.
func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(&program{streams: s})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if all, ok := errors.AsType[config.Errors](err); ok {
		printMistakes(s.err, all)
		if commandline.IsUsage(err) { // of a file that the command line names
			return commandline.ExitUsage
		}
		return commandline.ExitConfig
	}
	return commandline.Report(s.err, "weir", err)
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
	root := commandline.Root(&cobra.Command{
		Use:   "weir",
		Short: "Collect sFlow, find large flows and faults",
		Long: `weir receives sFlow v5 from switches and hypervisors, and raises alerts.

Alerts go to standard output, everything else to standard error.
Exit codes: 0 done, 1 failed, 2 wrong command line, 78 wrong configuration.`,
		Example: `  weir run                           collect on UDP port 6343, without any file
  weir check --sample > weir.yaml    write a commented configuration
  weir replay capture.pcap           the same detection on a capture`,
	},
		newRun(p), newReplay(p), newDecode(p), newSend(p), newSample(p), newDemo(p), newCheck(p),
		newStatus(p), newTop(p), newAgents(p), newHealthcheck(p),
		newAlert(p), newIncident(p), newWindow(p), newRule(p), newKey(p), newToken(p),
		newQuery(p), newEvidence(p), newReport(p), newExplain(p), newVerify(p), newBackup(p), newErase(p),
		newDashboards(p), newDocs(p), manual.Completion("weir", p.out), commandline.Version("weir", version, p.out))
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.PersistentFlags().StringVar(&p.configFile, "config", "",
		"configuration `FILE`; default "+config.DefaultFile+" where it exists, else the built-in defaults")
	return root
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
		return cfg, commandline.Usagef("--%w", err) // its error begins with the word threshold
	}
	return cfg, nil
}

// logger writes to standard error as the configuration says.
func (p *program) logger(c config.Log) zerolog.Logger {
	setLevel(c)
	return commandline.Logger(p.err, c.Format)
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

// openInput opens a file, or stdin where its name is "-"; the caller closes it.
func openInput(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin), nil
	}
	return os.Open(name)
}
