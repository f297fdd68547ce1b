package service

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/hostagent/source"
)

// TestNameOfLater: a process that gets its watched name only after it was seen,
// as every one does between fork and exec, is told all the same, once.
func TestNameOfLater(t *testing.T) {
	proc := t.TempDir()
	write := func(pid int, comm string) {
		dir := filepath.Join(proc, strconv.Itoa(pid))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "comm"), []byte(comm+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const old, young = 1<<22 + 1, 1<<22 + 2 // no process has these
	p := newProcesses(proc, []string{"nova-compute"})
	var told []string
	scan := func(n int) string {
		for range n {
			if err := p.scan(time.Now(), func(e source.Event) { told = append(told, e.Name+" "+e.Subject) }); err != nil {
				t.Fatal(err)
			}
		}
		defer func() { told = nil }()
		return strings.Join(told, ", ")
	}
	write(old, "init")
	if got := scan(2); got != "" {
		t.Errorf("told %s before anything began", got)
	}
	write(young, "kolla_start")
	if got := scan(5); got != "" {
		t.Errorf("told %s of a script", got)
	}
	write(young, "nova-compute")
	if got := scan(5); got != "service_started nova-compute" {
		t.Errorf("told %q of a program that a script became", got)
	}
	if err := os.RemoveAll(filepath.Join(proc, strconv.Itoa(young))); err != nil {
		t.Fatal(err)
	}
	if got := scan(2); got != "service_stopped nova-compute" {
		t.Errorf("told %q of its end", got)
	}
	write(old, "nova-compute")
	if got := scan(allScans); got != "service_started nova-compute" {
		t.Errorf("told %q of an old process that became another program", got)
	}
}
