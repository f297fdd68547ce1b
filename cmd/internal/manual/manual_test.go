package manual

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// program is one with a command and odd texts.
func program(out *bytes.Buffer) *cobra.Command {
	root := &cobra.Command{Use: "prog", Short: "Do things", RunE: func(*cobra.Command, []string) error { return nil }}
	root.PersistentFlags().String("config", "", "read `FILE`")
	run := &cobra.Command{Use: "run [what]", Short: "Run it", Long: "First\nlines.\n\n  .kept   as it is\n  -x\n\nLast \\ one.",
		Example: "  prog run --now", RunE: func(*cobra.Command, []string) error { return nil }}
	run.Flags().BoolP("now", "n", false, "do it at once")
	root.AddCommand(run, Completion("prog", out), &cobra.Command{Use: "secret", Hidden: true, Run: func(*cobra.Command, []string) {}})
	return root
}

func TestWriteMakesAPageForEachCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if err := Write(program(nil), dir); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(dir + "/*")
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	if diff := cmp.Diff([]string{"prog-completion.1", "prog-run.1", "prog.1"}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got, err := os.ReadFile(dir + "/prog-run.1")
	if err != nil {
		t.Fatal(err)
	}
	const want = `.TH "PROG\-RUN" "1" "2026-01-01" "prog" "prog"
.SH NAME
prog\-run \- Run it
.SH SYNOPSIS
\fBprog run [what] [flags]\fP
.SH DESCRIPTION
First
lines.
.PP
.nf
  .kept   as it is
  \-x
.fi
.PP
Last \e one.
.SH OPTIONS
.TP
\fB\-h, \-\-help\fP
help for run
.TP
\fB\-n, \-\-now\fP
do it at once
.SH OPTIONS OF ALL COMMANDS
.TP
\fB\-\-config\fP \fIFILE\fP
read FILE
.SH EXAMPLES
.nf
  prog run \-\-now
.fi
.SH SEE ALSO
\fBprog\fP(1)
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCompletionIsWhatTheShellReads(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			var out bytes.Buffer
			root := program(&out)
			root.SetArgs([]string{"completion", shell})
			if err := root.Execute(); err != nil || !strings.Contains(out.String(), "prog") {
				t.Fatalf("%v: %s", err, out.String())
			}
			if shell == "bash" {
				cmd := exec.Command("bash", "-n")
				cmd.Stdin = &out
				if b, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, b)
				}
			}
		})
	}
}
