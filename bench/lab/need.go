package lab

import (
	"os"
	"os/exec"
	"strings"
)

// T is who a lab belongs to: a test, or a program that does without the package
// testing. Fatalf and Skip do not return; what Cleanup is given runs at the end,
// the last first.
type T interface {
	Helper()
	Log(args ...any)
	Logf(format string, args ...any)
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Skip(args ...any)
	Failed() bool
	Cleanup(f func())
	TempDir() string
}

// Need skips the test where root, or a tool of the list, is missing; a name that
// begins with a slash is a file. With WEIR_TEST_ALL=1 in the environment the
// test fails instead.
func Need(t T, tools ...string) {
	t.Helper()
	var missing []string
	if os.Geteuid() != 0 {
		missing = append(missing, "root")
	}
	for _, tool := range tools {
		_, err := exec.LookPath(tool)
		if strings.HasPrefix(tool, "/") {
			_, err = os.Stat(tool)
		}
		if err != nil {
			missing = append(missing, tool)
		}
	}
	if len(missing) == 0 {
		return
	}
	why := "needs " + strings.Join(missing, ", ") + ": run make test-all as root"
	if os.Getenv("WEIR_TEST_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
