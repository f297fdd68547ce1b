package trim

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCleanMappings(t *testing.T) {
	const smaps = `00400000-009ff000 r-xp 00000000 fe:00 1 /usr/bin/a b
Size:               6140 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
009ff000-010b4000 r--p 005ff000 fe:00 1 /usr/bin/a b
Anonymous:             0 kB
010b4000-010c0000 r--p 00cb4000 fe:00 1 /usr/bin/a b
Anonymous:             4 kB
010c0000-010f0000 rw-p 00cc0000 fe:00 1 /usr/bin/a b
Anonymous:             0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Anonymous:             0 kB
7f0000000000-7f0000001000 r-xp 00000000 fe:00 2 /usr/bin/b
Anonymous:             0 kB
7f0000002000-7f0000003000 r--s 00000000 fe:00 1 /usr/bin/a b
Anonymous:             0 kB
7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
`
	got, err := cleanMappings(strings.NewReader(smaps), "/usr/bin/a b")
	want := []mapping{{0x400000, 0x9ff000}, {0x9ff000, 0x10b4000}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapping{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// TestProgram drops the pages of the test itself, which goes on.
func TestProgram(t *testing.T) {
	if os.Getenv("WEIR_TRIM") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestProgram$", "-test.v")
		cmd.Env = append(os.Environ(), "WEIR_TRIM=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "RssFile") {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	before := rssFile(t)
	if err := Program(); err != nil {
		t.Fatal(err)
	}
	after := rssFile(t)
	t.Log("RssFile", before, "then", after)
	if len(after) > len(before) || len(after) == len(before) && after >= before {
		t.Errorf("%s kB of the program in memory, %s before", after, before)
	}
}

// rssFile returns how many kB of files are mapped and in memory.
func rssFile(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "RssFile:" {
			return f[1]
		}
	}
	t.Skip("this kernel does not tell RssFile")
	return ""
}
