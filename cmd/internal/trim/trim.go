// Package trim gives memory back that only the start of a program needed.
package trim

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// settled is how long a start takes at most.
const settled = 10 * time.Second

// AfterStart gives back, once the program has started, the memory that only the
// start needed. Where it cannot, failed is called.
func AfterStart(failed func(error)) {
	time.AfterFunc(settled, func() {
		debug.FreeOSMemory()
		if err := Program(); err != nil {
			failed(err)
		}
	})
}

// Program gives back the pages of the program that are in memory only since
// the start ran through them: what is still used comes back from the page cache
// at its next use. Pages that this process has changed are left alone.
func Program() error {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := cleanMappings(f, exe)
	if err != nil {
		return err
	}
	for _, m := range all {
		if _, _, e := syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED); e != 0 {
			return fmt.Errorf("madvise: %w", e)
		}
	}
	return nil
}

// mapping is a part of the address space, from start up to end.
type mapping struct{ start, end uintptr }

// cleanMappings returns what /proc/PID/smaps lists as mapped from the file exe,
// never written and not writable: dropping a changed page would lose the change,
// and a program that relocates itself has changed pages even where it only reads
// now.
func cleanMappings(smaps io.Reader, exe string) (all []mapping, err error) {
	var m mapping
	ours := false
	for s := bufio.NewScanner(smaps); ; {
		if !s.Scan() {
			return all, s.Err()
		}
		line := s.Text()
		f := strings.Fields(line)
		switch {
		case len(f) >= 2 && f[0] == "Anonymous:" && ours: // copies of the file's pages
			if f[1] == "0" {
				all = append(all, m)
			}
			ours = false
		case len(f) >= 6 && !strings.HasSuffix(f[0], ":"):
			_, scanErr := fmt.Sscanf(f[0], "%x-%x", &m.start, &m.end)
			ours = scanErr == nil && strings.HasPrefix(f[1], "r-") && strings.HasSuffix(f[1], "p") && strings.HasSuffix(line, " "+exe)
		case len(f) > 0 && !strings.HasSuffix(f[0], ":"):
			ours = false // a mapping without a file
		}
	}
}
