package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is one line of "go test -json" (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build output, instead of Package
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string // import path of the package whose build failed this one
}

type failure struct{ name, output string }

type skip struct{ name, reason string }

// report collects what happened over all runs.
type report struct {
	out      io.Writer
	passed   int
	failures []failure
	skips    []skip
	ran      map[string]bool // tests that passed in some run
	running  map[string]*pkgRun
	builds   map[string]*strings.Builder // output of failed builds
}

// pkgRun is one package while it runs.
type pkgRun struct {
	tests map[string]*test
	names []string // of tests, in the order of their start
	rest  strings.Builder
}

type test struct {
	action string // pass, fail, skip; "" while it runs
	output strings.Builder
	parent bool // has subtests; they are counted instead
	broken bool // has a subtest that failed, so its own failure says nothing new
}

func newReport(out io.Writer) *report {
	return &report{out: out, ran: map[string]bool{}, running: map[string]*pkgRun{}, builds: map[string]*strings.Builder{}}
}

func (r *report) failed() int { return len(r.failures) }

// read takes the events of one run. A line that is no event is passed on.
func (r *report) read(in io.Reader) error {
	dec := json.NewDecoder(in)
	for dec.More() {
		var e event
		if err := dec.Decode(&e); err != nil {
			return fmt.Errorf("reading go test -json: %w", err)
		}
		r.take(e)
	}
	// A run that was killed leaves packages open; none of them passed.
	for pkg := range r.running {
		r.finish(event{Action: "fail", Package: pkg})
	}
	return nil
}

func (r *report) take(e event) {
	if e.Action == "build-output" {
		if r.builds[e.ImportPath] == nil {
			r.builds[e.ImportPath] = &strings.Builder{}
		}
		r.builds[e.ImportPath].WriteString(e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	p := r.running[e.Package]
	if p == nil {
		p = &pkgRun{tests: map[string]*test{}}
		r.running[e.Package] = p
	}
	if e.Test == "" {
		switch e.Action {
		case "output":
			p.rest.WriteString(e.Output)
		case "pass", "fail", "skip":
			r.finish(e)
		}
		return
	}
	t := p.tests[e.Test]
	if t == nil {
		t = &test{}
		p.tests[e.Test], p.names = t, append(p.names, e.Test)
		if i := strings.LastIndexByte(e.Test, '/'); i > 0 && p.tests[e.Test[:i]] != nil {
			p.tests[e.Test[:i]].parent = true
		}
	}
	switch e.Action {
	case "output":
		t.output.WriteString(e.Output)
	case "pass", "fail", "skip":
		t.action = e.Action
	}
}

// finish counts a package that ended and prints its line.
func (r *report) finish(e event) {
	p := r.running[e.Package]
	delete(r.running, e.Package)
	passed, failed, skipped := r.passed, len(r.failures), len(r.skips)
	// Subtests start after their parents, so backwards a failed child marks its parent first.
	for i := len(p.names) - 1; i >= 0; i-- {
		name := p.names[i]
		t := p.tests[name]
		ended := t.action
		if ended == "" { // a panic or a timeout ended the package inside this test
			ended = "fail"
		}
		if j := strings.LastIndexByte(name, '/'); ended == "fail" && j > 0 && p.tests[name[:j]] != nil {
			p.tests[name[:j]].broken = true
		}
		switch {
		case ended == "fail" && !t.broken:
			r.failures = append(r.failures, failure{e.Package + " " + name, t.output.String()})
		case ended == "skip":
			r.skips = append(r.skips, skip{e.Package + " " + name, reason(t.output.String())})
		case ended == "pass":
			r.ran[e.Package+" "+name] = true
			if !t.parent {
				r.passed++
			}
		}
	}
	from := failed
	passed, failed, skipped = r.passed-passed, len(r.failures)-failed, len(r.skips)-skipped
	if e.Action == "fail" && failed == 0 {
		output := p.rest.String()
		if b := r.builds[e.FailedBuild]; b != nil {
			output = b.String() + output
		}
		r.failures = append(r.failures, failure{e.Package, output})
		failed = 1
	}
	r.line(e, passed, failed, skipped)
	for _, f := range r.failures[from:] {
		fmt.Fprintln(r.out, "     FAIL", f.name) // what it says comes at the end
	}
}

func (r *report) line(e event, passed, failed, skipped int) {
	word, note := "ok  ", fmt.Sprintf("%d passed", passed)
	switch {
	case e.Action == "fail":
		word = "FAIL"
		note += fmt.Sprintf(", %d failed", failed)
	case passed+skipped == 0:
		word, note = "-   ", "no tests"
	}
	if skipped > 0 {
		note += fmt.Sprintf(", %d skipped", skipped)
	}
	fmt.Fprintf(r.out, "%s %-48s %6.1fs  %s\n", word, e.Package, e.Elapsed, note)
}

// reason is what a skipped test said, without the lines of the framework and
// the place in the source.
func reason(output string) string {
	var said []string
	for _, l := range strings.Split(output, "\n") {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "=== ") || strings.HasPrefix(l, "--- ") {
			continue
		}
		if file, rest, ok := strings.Cut(l, ".go:"); ok && !strings.Contains(file, " ") {
			if _, text, ok := strings.Cut(rest, ": "); ok {
				l = text
			}
		}
		said = append(said, l)
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}

// settle forgets the skips of tests that passed in another run: what is too
// slow under the race detector is not skipped if it ran without.
func (r *report) settle() {
	r.skips = slices.DeleteFunc(r.skips, func(s skip) bool { return r.ran[s.name] })
}

// summary prints failures, skips, and the closing line.
func (r *report) summary() {
	r.settle()
	for _, f := range r.failures {
		fmt.Fprintf(r.out, "\n==== FAIL %s\n%s", f.name, f.output)
		if !strings.HasSuffix(f.output, "\n") {
			fmt.Fprintln(r.out)
		}
	}
	if len(r.skips) > 0 {
		width := 0
		for _, s := range r.skips {
			width = max(width, len(s.name))
		}
		fmt.Fprintln(r.out, "\nSkipped, and why:")
		for _, s := range r.skips {
			fmt.Fprintf(r.out, "  %-*s  %s\n", width, s.name, s.reason)
		}
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed(), len(r.skips))
}
