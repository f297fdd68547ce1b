package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// NewBare makes a lab without anything in it, for tests that want the kernel
// alone: it needs root, the ip command and the tools named. Its namespaces are
// made with Namespace.
func NewBare(t T, tools ...string) *Lab {
	t.Helper()
	Need(t, append([]string{"ip"}, tools...)...)
	sweep(t)
	return &Lab{t: t, name: fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), made.Add(1)), dir: t.TempDir()}
}

// Namespace makes a namespace with its loopback up, deleted when the test ends,
// and returns its name, which is also its file in /run/netns.
func (l *Lab) Namespace(name string) string {
	l.t.Helper()
	return l.namespace(name)
}

// IP runs the ip command and fails the test where it fails.
func (l *Lab) IP(args ...string) {
	l.t.Helper()
	l.ip(args...)
}

// Go calls f in a goroutine that is in the namespace for good; done is closed
// when f has returned. The kernel thread is not used again.
func (l *Lab) Go(ns string, f func()) (done <-chan struct{}) {
	l.t.Helper()
	ready, end := make(chan error), make(chan struct{})
	go func() {
		defer close(end)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		there, err := unix.Open(filepath.Join("/run/netns", ns), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(there, unix.CLONE_NEWNET)
			_ = unix.Close(there)
		}
		ready <- err
		if err == nil {
			f()
		}
	}()
	if err := <-ready; err != nil {
		l.t.Fatalf("entering %s: %v", ns, err)
	}
	return end
}
