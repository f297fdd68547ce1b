package main

import (
	"slices"
	"strings"
	"testing"
)

// run feeds the lines of one go test -json and returns what is printed.
func run(t *testing.T, lines ...string) (*report, string) {
	t.Helper()
	var out strings.Builder
	r := newReport(&out)
	if err := r.read(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	r.summary()
	return r, out.String()
}

func closing(out string) string {
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestReportCounts(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string   // the closing line
		print []string // also printed
	}{
		{
			"a pass", []string{
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p","Elapsed":0.5}`,
			}, "1 passed, 0 failed, 0 skipped", []string{"ok   p "},
		},
		{
			"subtests instead of their parent", []string{
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"run","Package":"p","Test":"TestA/x"}`,
				`{"Action":"run","Package":"p","Test":"TestA/y"}`,
				`{"Action":"pass","Package":"p","Test":"TestA/x"}`,
				`{"Action":"output","Package":"p","Test":"TestA/y","Output":"    a_test.go:7: want 1\n"}`,
				`{"Action":"fail","Package":"p","Test":"TestA/y"}`,
				`{"Action":"fail","Package":"p","Test":"TestA"}`,
				`{"Action":"fail","Package":"p"}`,
			}, "1 passed, 1 failed, 0 skipped", []string{"FAIL p TestA/y\n    a_test.go:7: want 1"},
		},
		{
			"a parent that fails by itself", []string{
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"run","Package":"p","Test":"TestA/x"}`,
				`{"Action":"pass","Package":"p","Test":"TestA/x"}`,
				`{"Action":"fail","Package":"p","Test":"TestA"}`,
				`{"Action":"fail","Package":"p"}`,
			}, "1 passed, 1 failed, 0 skipped", nil,
		},
		{
			"a skip with its reason", []string{
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:9: needs root: run make test-all\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}`,
				`{"Action":"skip","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p"}`,
			}, "0 passed, 0 failed, 1 skipped", []string{"p TestA  needs root: run make test-all\n"},
		},
		{
			"a skip of what another run passed", []string{
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p"}`,
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"skip","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p"}`,
			}, "1 passed, 0 failed, 0 skipped", nil,
		},
		{
			"a package without tests is no skip", []string{
				`{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}`,
				`{"Action":"skip","Package":"p"}`,
			}, "0 passed, 0 failed, 0 skipped", []string{"no tests"},
		},
		{
			"a build that fails", []string{
				`{"ImportPath":"p [p.test]","Action":"build-output","Output":"p/a.go:3: undefined: x\n"}`,
				`{"ImportPath":"p [p.test]","Action":"build-fail"}`,
				`{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}`,
				`{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			}, "0 passed, 1 failed, 0 skipped", []string{"undefined: x"},
		},
		{
			"a panic leaves its test open", []string{
				`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"panic: boom\n"}`,
				`{"Action":"fail","Package":"p"}`,
			}, "0 passed, 1 failed, 0 skipped", []string{"panic: boom"},
		},
		{
			"a run that is cut off", []string{
				`{"Action":"start","Package":"p"}`,
			}, "0 passed, 1 failed, 0 skipped", []string{"FAIL p"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, out := run(t, c.lines...)
			if got := closing(out); got != c.want {
				t.Errorf("closing line %q, want %q", got, c.want)
			}
			for _, p := range c.print {
				if !strings.Contains(out, p) {
					t.Errorf("printed\n%s\nwithout %q", out, p)
				}
			}
		})
	}
}

func TestStepsCountAsTests(t *testing.T) {
	var out strings.Builder
	r := newReport(&out)
	r.runStep(step{"fine", "echo hello"})
	r.runStep(step{"broken", "exit 3"})
	r.summary()
	if got, want := closing(out.String()), "1 passed, 1 failed, 0 skipped"; got != want {
		t.Errorf("closing line %q, want %q", got, want)
	}
	if !strings.Contains(out.String(), "hello") || !strings.Contains(out.String(), "exit status 3") {
		t.Errorf("output or exit status missing:\n%s", out.String())
	}
}

func TestStepsSetRejectsNameWithoutCommand(t *testing.T) {
	var s steps
	if err := s.Set("lint"); err == nil {
		t.Error("accepted a step without a command")
	}
}

func TestGroupsSplitRuns(t *testing.T) {
	got := groups([]string{"./...", "--", "-race", "./a"})
	want := [][]string{{"./..."}, {"-race", "./a"}}
	if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("groups = %q, want %q", got, want)
	}
	if got := groups(nil); !slices.EqualFunc(got, [][]string{{"./..."}}, slices.Equal[[]string]) {
		t.Errorf("groups(nil) = %q", got)
	}
}
