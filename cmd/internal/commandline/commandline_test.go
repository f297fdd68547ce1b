package commandline

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func TestMistakesOfTheCommandLine(t *testing.T) {
	broken := errors.New("the disk is full\nand slow")
	for _, tc := range []struct {
		name string
		args []string
		code int
		errs string
	}{
		{"no command shows help", nil, 0, ""},
		{"done", []string{"work"}, 0, ""},
		{"unknown command", []string{"xyz"}, ExitUsage, "prog: \"xyz\" is no command; `prog --help` lists them\n"},
		{"near a command", []string{"wrk"}, ExitUsage, "prog: \"wrk\" is no command; did you mean work?\n"},
		{"unknown flag", []string{"work", "--fast"}, ExitUsage, "prog: unknown flag: --fast; `prog work --help` lists the flags\n"},
		{"argument too many", []string{"work", "now"}, ExitUsage, "prog: work: unknown command \"now\" for \"prog work\"; `prog work --help` shows examples\n"},
		{"argument missing in a group", []string{"list", "show"}, ExitUsage, "prog: show: accepts 1 arg(s), received 0: write `prog list show ID`; `prog list show --help` shows examples\n"},
		{"each line has the program's name", []string{"list", "show", "x"}, 1, "prog: the disk is full\nprog: and slow\n"},
		{"marked by a command", []string{"list", "wrong"}, ExitUsage, "prog: --of 3: too many\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			run := func(err error) func(*cobra.Command, []string) error {
				return func(*cobra.Command, []string) error { return err }
			}
			root := Root(&cobra.Command{Use: "prog"},
				&cobra.Command{Use: "work", RunE: run(nil)},
				Group(&cobra.Command{Use: "list"},
					&cobra.Command{Use: "show ID", Args: cobra.ExactArgs(1), RunE: run(broken)},
					&cobra.Command{Use: "wrong", RunE: run(Usage(fmt.Errorf("--of %d: too many", 3)))}))
			var out, errs bytes.Buffer
			root.SetOut(&out)
			root.SetErr(&errs)
			root.SetArgs(append([]string{}, tc.args...))
			code := Report(&errs, "prog", root.Execute())
			if diff := cmp.Diff(tc.errs, errs.String()); diff != "" || code != tc.code {
				t.Errorf("exit code %d, want %d; standard error (-want +got):\n%s", code, tc.code, diff)
			}
		})
	}
}
