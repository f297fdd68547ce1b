package collector

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestWhatCannotBeWrittenIsToldOnce(t *testing.T) {
	var log lines
	a := &app{log: zerolog.New(&log)}
	for _, problem := range []string{"", "no space left on device", "no space left on device", "", "", "read-only file system"} {
		a.tellDisk("evidence", problem)
	}
	a.watchDisk() // nothing is kept: nothing is told
	want := []string{"no space left on device", "evidence is written again", "read-only file system"}
	got := log.all()
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%s, want %s", got[i], want[i])
		}
	}
}
