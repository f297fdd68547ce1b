package site

import (
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
)

// TestLogsThatStop: a log that grew every ten seconds and does not for a hundred times
// as long is told, with its writer's state, until it grows; one that is cut is an event.
func TestLogsThatStop(t *testing.T) {
	w := newWorld(t)
	a := w.node(0)
	bytes := uint64(0)
	play := func(minutes, every int, grows bool, writer string) { // a poll each 10 s
		for k := range minutes * 6 {
			if grows && k%every == 0 {
				bytes += 100
			}
			a.said(witness.ClassLog, "/var/log/nova/nova-compute.log", witness.Counter64(witness.Bytes, bytes), str(witness.Writer, writer))
			w.run(10 * time.Second)
		}
	}
	play(20, 1, true, "running")
	play(15, 1, false, "running")
	w.want()
	play(10, 1, false, "stopped")
	if line := w.last(LogSilent).Line(); !strings.Contains(line, "nothing is written to it for ") || !strings.Contains(line, "who writes it does not run") {
		t.Error(line)
	}
	w.want("start log_silent warning cn1 /var/log/nova/nova-compute.log")
	play(2, 1, true, "running")
	w.want("end log_silent warning cn1 /var/log/nova/nova-compute.log")
	a.event(witness.LogTruncated, "/var/log/auth.log", str(witness.Before, "4000"), str(witness.After, "0"))
	w.run(time.Second)
	w.want("start log_silent warning cn1 /var/log/auth.log", "end log_silent warning cn1 /var/log/auth.log")
}
