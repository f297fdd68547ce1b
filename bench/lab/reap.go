package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reapGuests reaps QEMUs as soon as they have ended, as the init of a compute
// node does: libvirt waits for that, and the init of a container may take
// seconds. It goes on until the test ends.
func (l *Lab) reapGuests() {
	// QEMUs are nobody's children: from now on they are ours.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		l.t.Fatal(os.NewSyscallError("prctl", err))
	}
	ended, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(ended, syscall.SIGCHLD)
	l.t.Cleanup(func() {
		signal.Stop(ended)
		close(done)
	})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-ended:
				reapQEMUs()
			}
		}
	}()
}

// reapPause is between two looks at all processes: commands end all the time.
const reapPause = 10 * time.Millisecond

// reapQEMUs reaps the children that are QEMU and have ended. All others have been
// started here, and are waited for.
func reapQEMUs() {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	mine := fmt.Sprintf(") Z %d ", os.Getpid())
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(b, []byte("(qemu-system")) || !bytes.Contains(b, []byte(mine)) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			_ = unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOHANG, nil)
		}
	}
	time.Sleep(reapPause)
}
