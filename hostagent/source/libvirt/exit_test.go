package libvirt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"weir/hostagent/source"
)

// standIn is a process with a domain's UUID on its command line, as QEMU has it.
type standIn struct {
	*exec.Cmd
	end func()
}

func newStandIn(t *testing.T, uuid, script string) *standIn {
	t.Helper()
	cmd := exec.Command("sh", "-c", "read x; "+script, "qemu", "-name", "guest=instance", "-uuid", uuid, "-no-shutdown")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	// Start returns in the middle of execve, when the command line may be empty yet.
	await(t, "a command line", func() bool {
		b, err := commandLine("/proc", cmd.Process.Pid)
		return err == nil && bytes.Contains(b, []byte(uuid))
	})
	return &standIn{cmd, func() { _ = in.Close() }}
}

// kernelTells reports whether the kernel tells how a process has ended.
func kernelTells(t *testing.T) bool {
	t.Helper()
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Skipf("pidfd_open: %v: Linux 5.3 or later is needed", err)
	}
	defer unix.Close(fd)
	_, err = exitStatus(fd)
	return errors.Is(err, unix.EAGAIN)
}

// TestExitsAreTold: of one that is not reaped how it has ended is told once it is.
func TestExitsAreTold(t *testing.T) {
	known := kernelTells(t)
	for _, c := range []struct {
		name, script string
		signal       syscall.Signal
		unreaped     bool
		want         exit
	}{
		{"killed", "", syscall.SIGKILL, false, exit{known: known, signal: syscall.SIGKILL}},
		{"crashed", "", syscall.SIGSEGV, false, exit{known: known, signal: syscall.SIGSEGV}},
		{"ended", "exit 0", 0, false, exit{known: known}},
		{"gave up", "exit 3", 0, false, exit{known: known, status: 3}},
		{"not reaped", "", syscall.SIGKILL, true, exit{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := golibvirt.UUID{15: 9}
			p := newStandIn(t, formatUUID(u), c.script)
			x := newExits("/proc")
			got := make(chan exit, 1)
			x.start(t.Context(), func(of golibvirt.UUID, e exit) {
				if of != u {
					t.Errorf("of %s", formatUUID(of))
				}
				got <- e
			})
			if x.watch(golibvirt.UUID{15: 8}, p.Process.Pid) {
				t.Error("a process of another domain is watched")
			}
			if !x.watch(u, p.Process.Pid) || !x.watches(u) {
				t.Fatal("it is not watched")
			}
			if c.signal != 0 {
				_ = p.Process.Signal(c.signal)
			} else {
				p.end()
			}
			if !c.unreaped {
				_ = p.Wait()
			}
			c.want.pid = p.Process.Pid
			if !known {
				c.want.signal, c.want.status = 0, 0
			}
			late := exit{pid: p.Process.Pid} // on a busy machine it is told before it was reaped, and again
			select {
			case e := <-got:
				if e == late && c.want.known {
					select {
					case e = <-got:
					case <-time.After(time.Minute):
						t.Fatal("how it has ended is not told")
					}
				}
				if diff := cmp.Diff(c.want, e, cmp.AllowUnexported(exit{})); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			case <-time.After(time.Minute):
				t.Fatal("its end is not told")
			}
			if x.watches(u) {
				t.Error("it is watched still")
			}
			if !c.unreaped || !known {
				return
			}
			_ = p.Wait()
			select {
			case e := <-got:
				if want := (exit{pid: c.want.pid, known: true, signal: c.signal}); e != want {
					t.Errorf("told %+v, want %+v", e, want)
				}
			case <-time.After(time.Minute):
				t.Error("how it has ended is not told")
			}
		})
	}
}

// TestLateWordOfAnEarlierProcess: how a process has ended is not told any more once the
// domain has another one.
func TestLateWordOfAnEarlierProcess(t *testing.T) {
	kernelTells(t)
	u := golibvirt.UUID{15: 9}
	x := newExits("/proc")
	got := make(chan exit, 4)
	x.start(t.Context(), func(_ golibvirt.UUID, e exit) { got <- e })
	was, is := newStandIn(t, formatUUID(u), ""), newStandIn(t, formatUUID(u), "")
	if !x.watch(u, was.Process.Pid) {
		t.Fatal("it is not watched")
	}
	_ = was.Process.Kill()
	if e := <-got; e != (exit{pid: was.Process.Pid}) {
		t.Fatalf("told %+v of a process that is not reaped", e)
	}
	if !x.watch(u, is.Process.Pid) {
		t.Fatal("the next is not watched")
	}
	_ = was.Wait()
	select {
	case e := <-got:
		t.Errorf("told %+v while process %d lives", e, is.Process.Pid)
	case <-time.After(300 * time.Millisecond):
	}
}

// TestSignalsDoNotShortenTheWait: of a process that is reaped only later it is told how
// it has ended, whatever signals come meanwhile.
func TestSignalsDoNotShortenTheWait(t *testing.T) {
	known := kernelTells(t)
	p := newStandIn(t, formatUUID(golibvirt.UUID{15: 9}), "")
	fd, err := unix.PidfdOpen(p.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	thread, got := make(chan int, 1), make(chan exit, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		e, _ := howEnded(fd, time.Minute)
		got <- e
	}()
	tid := <-thread
	for range 20 {
		time.Sleep(5 * time.Millisecond)
		if err := unix.Tgkill(os.Getpid(), tid, unix.SIGURG); err != nil { // as the runtime sends it
			t.Fatal(err)
		}
	}
	select {
	case e := <-got:
		t.Fatalf("told %+v of a process that lives", e)
	default:
	}
	_ = p.Process.Kill()
	_ = p.Wait()
	want := exit{known: known, signal: syscall.SIGKILL}
	if !known {
		want = exit{}
	}
	if e := <-got; e != want {
		t.Errorf("told %+v, want %+v", e, want)
	}
}

// TestSourceTellsExits: from libvirt's files, and without; a domain that libvirt
// has told to be stopped is not told of again.
func TestSourceTellsExits(t *testing.T) {
	kernelTells(t)
	for _, filed := range []bool{true, false} {
		t.Run(fmt.Sprintf("pid file %v", filed), func(t *testing.T) {
			d := newDaemon(t)
			d.domains = []golibvirt.DomainStatsRecord{record(1, running, 1), record(2, running, 1)}
			one, two := newStandIn(t, uuid(1), ""), newStandIn(t, uuid(2), "")
			if filed {
				dir := filepath.Join(filepath.Dir(d.socket), "qemu")
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				for i, p := range []*standIn{one, two} {
					file := filepath.Join(dir, d.domains[i].Dom.Name+".pid")
					if err := os.WriteFile(file, []byte(strconv.Itoa(p.Process.Pid)+"\n"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			s, k := start(t, Options{Sockets: []string{d.socket}})
			await(t, "both watched", func() bool {
				return s.exits.watches(d.domains[0].Dom.UUID) && s.exits.watches(d.domains[1].Dom.UUID)
			})
			d.lifecycle(d.domains[1].Dom, golibvirt.DomainEventStopped, 1)
			await(t, "told to be stopped", func() bool { return len(k.all()) > 0 })
			_ = two.Process.Kill()
			_ = two.Wait()
			await(t, "no longer watched", func() bool { return !s.exits.watches(d.domains[1].Dom.UUID) })
			d.kill() // that libvirt is gone changes nothing
			await(t, "told to be down", func() bool { return len(k.all()) > 1 })
			_ = one.Process.Kill()
			_ = one.Wait()
			await(t, "told", func() bool { return len(k.all()) > 2 })
			want := []string{"instance_stopped " + uuid(2) + " destroyed", "libvirt_down", "instance_exited " + uuid(1)}
			if diff := cmp.Diff(want, slices.Compact(k.told())); diff != "" { // how it has ended is told again where it is known later
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestExitedDomainHasNoState: what libvirt said of it before is not repeated.
func TestExitedDomainHasNoState(t *testing.T) {
	d := &domain{uuid: uuid(1), life: running, state: running, reason: 1}
	said := func(words ...string) bool {
		var out source.Snapshot
		var w statements
		w.state(&out, d)
		return !slices.ContainsFunc(words, func(word string) bool { return !bytes.Contains(w.st.Append(nil), []byte(word)) })
	}
	if !said("state", "running", "booted") {
		t.Fatal("a running domain has no state")
	}
	if d.exited = true; said("running") || said("booted") {
		t.Error("a domain whose process has ended is told to run")
	}
	if d.become(shutoff, 6); !said("state", "shutoff", "failed") {
		t.Error("a domain that libvirt tells to be shut off has no state")
	}
}

func TestCommandUUID(t *testing.T) {
	for command, want := range map[string]string{
		"qemu\x00-uuid\x004FD1A1A0-0000-4000-8000-000000000001\x00-display\x00none\x00": "4fd1a1a0-0000-4000-8000-000000000001",
		"qemu\x00-uuid\x00": "",
		"qemu\x00-uuid":     "",
		"":                  "",
	} {
		if got, _ := commandUUID([]byte(command)); got != want {
			t.Errorf("%q: %q, want %q", command, got, want)
		}
	}
	for _, name := range []string{"", "../x", "a/b", "."} {
		if pid := filedPid("/nonexistent/sock", name); pid != 0 {
			t.Errorf("%q: process %d", name, pid)
		}
	}
}

// TestExitsWaitIdly: nothing is done while nothing ends.
func TestExitsWaitIdly(t *testing.T) {
	kernelTells(t)
	u := golibvirt.UUID{15: 9}
	p := newStandIn(t, formatUUID(u), "")
	x := newExits("/proc")
	x.start(t.Context(), func(golibvirt.UUID, exit) {})
	if !x.watch(u, p.Process.Pid) {
		t.Fatal("it is not watched")
	}
	used := func() time.Duration {
		var r unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
			t.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	before := used()
	time.Sleep(300 * time.Millisecond)
	if d := used() - before; d > 100*time.Millisecond {
		t.Errorf("%v of processor time in 0.3 s", d)
	}
}
