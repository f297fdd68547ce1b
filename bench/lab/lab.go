package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// CollectorAddr is where the collector listens on the management network.
const CollectorAddr = "10.200.0.1"

// namespaces of this package begin with prefix, then the process that made them.
const prefix = "weirlab-"

var made atomic.Uint32 // labs of this process

// Lab is a set of namespaces that lives as long as its test.
type Lab struct {
	t    T
	name string // prefix of all its namespaces
	dir  string // scratch, removed with the test

	// Collector is the namespace with the collector's end of the management network.
	Collector string

	nodes     int
	instances int
}

// New makes a lab with the collector's namespace in it. It skips the test where
// the tools are missing.
func New(t T) *Lab {
	t.Helper()
	Need(t, "ip", "ethtool", "iperf3", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "/dev/net/tun")
	sweep(t)
	l := &Lab{t: t, name: fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), made.Add(1)), dir: t.TempDir()}
	l.Collector = l.namespace("collector")
	for i, b := range []string{"br-mgmt", "br-data"} {
		// Its own address, since a bridge without takes the lowest of its ports: each
		// new node may change it, and what earlier ones send to the address they
		// know is dropped until they ask again, half a minute later.
		l.ip("-n", l.Collector, "link", "add", b, "address", fmt.Sprintf("02:00:00:00:01:%02x", i+1), "type", "bridge")
		l.ip("-n", l.Collector, "link", "set", b, "up")
	}
	l.ip("-n", l.Collector, "addr", "add", CollectorAddr+"/24", "dev", "br-mgmt")
	return l
}

// namespace makes a namespace that is deleted when the test ends.
func (l *Lab) namespace(name string) string {
	l.t.Helper()
	ns := l.name + "-" + name
	l.ip("netns", "add", ns)
	l.t.Cleanup(func() {
		killInside(ns) // who was started by what has ended: hsflowd's ovs-vsctl waits for a database for ever
		if out, err := exec.Command("ip", "netns", "del", ns).CombinedOutput(); err != nil {
			l.t.Errorf("ip netns del %s: %v: %s", ns, err, out)
		}
	})
	l.ip("-n", ns, "link", "set", "lo", "up")
	return ns
}

// sweep deletes the namespaces of tests that were killed.
func sweep(t T) {
	t.Helper()
	entries, err := os.ReadDir("/run/netns")
	if err != nil {
		return // none was ever made
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok {
			continue
		}
		pid, _, _ := strings.Cut(rest, "-")
		n, err := strconv.Atoi(pid)
		if err != nil || !errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			continue
		}
		t.Logf("deleting %s, left by a test that was killed", e.Name())
		killInside(e.Name())
		if err := exec.Command("ip", "netns", "del", e.Name()).Run(); err != nil {
			t.Logf("ip netns del %s: %v", e.Name(), err)
		}
	}
}

// killInside kills the processes that are left in a namespace: QEMU outlives who
// started it.
func killInside(ns string) {
	out, err := exec.Command("ip", "netns", "pids", ns).Output()
	if err != nil {
		return // it is gone
	}
	for _, text := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(text); err == nil && pid > 1 && pid != os.Getpid() { // whose threads are anywhere
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// ip runs the ip command and fails the test where it fails.
func (l *Lab) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// Exec runs a command in a namespace to its end and returns what it printed; it
// fails the test where the command fails or takes more than a minute.
func (l *Lab) Exec(ns string, args ...string) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", ns}, args...)...).CombinedOutput()
	if err != nil {
		l.t.Fatalf("in %s: %s: %v: %s", ns, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Process is a command that runs beside the test.
type Process struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
	Stdout *Output
	Stderr *Output
}

// Start runs a command in a namespace beside the test. It is ended as Stop does,
// when the test ends; what it printed is logged if the test failed.
func (l *Lab) Start(ns string, env []string, args ...string) *Process {
	l.t.Helper()
	return l.StartTo(ns, env, nil, args...)
}

// StartTo is Start with a standard output of the caller's own, which is written
// to as the command prints; nil is one that is kept.
func (l *Lab) StartTo(ns string, env []string, out io.Writer, args ...string) *Process {
	l.t.Helper()
	p := &Process{done: make(chan struct{}), Stdout: &Output{}, Stderr: &Output{}}
	p.cmd = exec.Command("ip", append([]string{"netns", "exec", ns}, args...)...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.Stdout, p.Stderr
	if out != nil {
		p.cmd.Stdout = out
	}
	// A test binary that is killed takes its processes along.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	forker() <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		l.t.Fatalf("in %s: %s: %v", ns, strings.Join(args, " "), err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // how it ended is ExitCode's to tell
	}()
	l.t.Cleanup(func() {
		p.Stop()
		if l.t.Failed() {
			l.t.Logf("%s in %s printed\n%s%s", args[0], ns, tail(p.Stdout.String()), tail(p.Stderr.String()))
		}
	})
	return p
}

// forker returns where to send what starts processes: to a thread that never ends,
// since what is to die with this process dies with the thread that started it, and
// those of Go end.
var forker = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// tail cuts a text to its last 4 KiB.
func tail(s string) string { return s[max(0, len(s)-4096):] }

// Pid returns the command's process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to a process that may have ended.
func (p *Process) Signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// Wait waits for the end and returns the exit code, -1 after a signal, and
// false where the process runs on.
func (p *Process) Wait(d time.Duration) (code int, ended bool) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), true
	case <-time.After(d):
		return 0, false
	}
}

// Stop ends the process with SIGTERM, or SIGKILL where that has no effect, and
// returns when it has ended.
func (p *Process) Stop() {
	p.Signal(syscall.SIGTERM)
	if _, ended := p.Wait(busy * 5 * time.Second); !ended {
		p.Signal(syscall.SIGKILL)
		<-p.done
	}
}

// In calls f while its thread is in the namespace: sockets that f opens belong
// to it for good; goroutines that f starts are not in it. The thread comes back
// rather than end, because the death of a thread kills what it has started.
func (l *Lab) In(ns string, f func()) {
	l.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	defer unix.Close(home)
	there, err := unix.Open(filepath.Join("/run/netns", ns), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		l.t.Fatalf("entering %s: %v", ns, err)
	}
	defer unix.Close(there)
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		l.t.Fatalf("entering %s: %v", ns, err)
	}
	defer func() {
		if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
			panic("lab: this thread is lost in " + ns + ": " + err.Error())
		}
	}()
	f()
}

// busy is how many times longer a machine may take that does other things too.
const busy = 10

// Eventually waits until ok says true. d is what a quiet machine needs at most;
// the test fails after ten times as long. How fast something is is not measured
// with it.
func (l *Lab) Eventually(d time.Duration, what string, ok func() bool) {
	l.t.Helper()
	begin := time.Now()
	for ; !ok(); time.Sleep(10 * time.Millisecond) {
		if took := time.Since(begin); took > busy*d {
			l.t.Fatalf("after %v: still not %s", took.Round(time.Second), what)
		}
	}
}

// Output is what a process printed so far. It may be read while it is written.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
