// Command testsum runs the tests and says plainly what happened: a line per
// package while they run, every failure in full, a table of what was skipped
// and why, and at the end one line "N passed, N failed, N skipped".
//
//	testsum [-fail-on-skip] [-step NAME=COMMAND]... [-- GO-TEST-ARGS]...
//
// Each group of arguments is one run of "go test -json", before which NAME=VALUE
// sets the environment; without any group, the packages are ./... . A step is a shell command that counts as one test; steps
// come first. Everything runs even when something before it failed. A test that
// was skipped in one run and passed in another is not skipped.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// step is a shell command that counts as one test.
type step struct{ name, command string }

type steps []step

func (s *steps) String() string { return "" }

func (s *steps) Set(v string) error {
	name, command, ok := strings.Cut(v, "=")
	if !ok || name == "" || command == "" {
		return fmt.Errorf("%q: want NAME=COMMAND", v)
	}
	*s = append(*s, step{name, command})
	return nil
}

// patience is the time one package may take: longer than go's own ten minutes,
// which the longest outlasts where several programs share a core.
const patience = "25m"

func main() {
	failOnSkip := flag.Bool("fail-on-skip", false, "exit 1 also when a test was skipped")
	var todo steps
	flag.Var(&todo, "step", "`NAME=COMMAND`: a shell command that counts as one test; may be repeated")
	flag.Parse()

	r := newReport(os.Stdout)
	for _, s := range todo {
		r.runStep(s)
	}
	for _, group := range groups(flag.Args()) {
		r.runTests(group)
	}
	r.summary()
	if r.failed() > 0 || *failOnSkip && len(r.skips) > 0 {
		os.Exit(1)
	}
}

// groups splits arguments at "--"; no arguments are one run of ./... .
func groups(args []string) [][]string {
	if len(args) == 0 {
		return [][]string{{"./..."}}
	}
	var all [][]string
	for {
		i := slices.Index(args, "--")
		if i < 0 {
			return append(all, args)
		}
		all = append(all, args[:i])
		args = args[i+1:]
	}
}

// runStep runs a command with its output passed through.
func (r *report) runStep(s step) {
	start := time.Now()
	fmt.Fprintf(r.out, "==== %s: %s\n", s.name, s.command)
	cmd := exec.Command("sh", "-c", s.command)
	cmd.Stdout, cmd.Stderr = r.out, r.out
	if err := cmd.Run(); err != nil {
		r.failures = append(r.failures, failure{name: s.name, output: s.command + ": " + err.Error() + "\n"})
		fmt.Fprintf(r.out, "FAIL %-48s %6.1fs  %v\n", s.name, time.Since(start).Seconds(), err)
		return
	}
	r.passed++
	fmt.Fprintf(r.out, "ok   %-48s %6.1fs\n", s.name, time.Since(start).Seconds())
}

var envVar = regexp.MustCompile(`^[A-Z_]+=`)

// runTests runs go test once over a group of arguments.
func (r *report) runTests(args []string) {
	before := r.failed()
	fmt.Fprintf(r.out, "==== go test %s\n", strings.Join(args, " "))
	env := os.Environ()
	for len(args) > 0 && envVar.MatchString(args[0]) {
		env, args = append(env, args[0]), args[1:]
	}
	cmd := exec.Command("go", append([]string{"test", "-json", "-timeout", patience}, args...)...)
	cmd.Env = env
	var stderr strings.Builder
	cmd.Stderr = io.MultiWriter(os.Stderr, &stderr)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		readErr := r.read(out)
		err = errors.Join(readErr, cmd.Wait())
	}
	// A failure that no test or package answers for: a bad pattern, go missing.
	if err != nil && r.failed() == before {
		r.failures = append(r.failures, failure{name: "go test " + strings.Join(args, " "), output: err.Error() + "\n" + stderr.String()})
	}
}
