package process

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestWhoEndsTheAgent(t *testing.T) {
	term := Signal{Signal: unix.SIGTERM, PID: 1, Known: true}
	systemd := other{pid: 1, name: "systemd", command: []string{"/sbin/init"}}
	for _, c := range []struct {
		name     string
		signal   Signal
		all      []other
		shutdown bool
		want     Why
	}{
		{"a person", Signal{Signal: unix.SIGTERM, PID: 50, UID: 1000, Known: true}, []other{systemd, {pid: 50, uid: 1000, name: "bash", command: []string{"-bash"}}}, false,
			Why{CauseSignal, "SIGTERM", 50, 1000, true, "-bash"}},
		{"one who is gone", Signal{Signal: unix.SIGINT, PID: 50, Known: true}, nil, false, Why{CauseSignal, "SIGINT", 50, 0, true, ""}},
		{"systemd by itself", term, []other{systemd}, false, Why{CauseSystemd, "a job of systemd", 1, 0, true, "/sbin/init"}},
		{"systemctl", term, []other{systemd, {pid: 9, uid: 0, name: "systemctl", command: []string{"systemctl", "stop", "weir-agent"}}}, false,
			Why{CauseSystemd, "systemctl", 9, 0, true, "systemctl stop weir-agent"}},
		{"systemctl for another unit", term, []other{systemd, {pid: 9, name: "systemctl", command: []string{"systemctl", "status", "x"}}}, false,
			Why{CauseSystemd, "a job of systemd", 1, 0, true, "/sbin/init"}},
		{"a package manager", term, []other{systemd, {pid: 8, name: "dpkg", command: []string{"dpkg", "-i", "x.deb"}}, {pid: 9, name: "systemctl", command: []string{"systemctl", "stop", "weir-agent"}}}, false,
			Why{CausePackage, "a package manager runs", 8, 0, true, "dpkg -i x.deb"}},
		{"the end of the node", term, []other{systemd, {pid: 8, name: "dpkg"}}, true, Why{CauseShutdown, "the node shuts down", 1, 0, true, "/sbin/init"}},
		{"a long command", Signal{Signal: unix.SIGTERM, PID: 5, Known: true}, []other{{pid: 5, name: "x", command: []string{strings.Repeat("a", 500)}}}, false,
			Why{CauseSignal, "SIGTERM", 5, 0, true, strings.Repeat("a", maxCommand)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := explain(c.signal, c.all, func() bool { return c.shutdown })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if got := Explain(Signal{Signal: unix.SIGINT}); got.Known || got.Cause != CauseSignal {
		t.Errorf("without a sender: %+v", got)
	}
}

func TestProcessesAreListed(t *testing.T) {
	me := uint32(os.Getpid())
	for _, p := range processes("/proc") {
		if p.pid != me {
			continue
		}
		if p.uid != uint32(os.Getuid()) || !strings.HasPrefix(p.text(), os.Args[0]) || p.name == "" {
			t.Errorf("%+v", p)
		}
		return
	}
	t.Error("this process is not listed")
}

func TestShutdownIsSeen(t *testing.T) {
	run := t.TempDir()
	if shuttingDown(run) {
		t.Error("without systemd")
	}
	if err := os.MkdirAll(filepath.Join(run, "systemd", "system"), 0o755); err != nil {
		t.Fatal(err)
	}
	if shuttingDown(run) {
		t.Error("while the node runs")
	}
	if err := os.WriteFile(filepath.Join(run, "nologin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !shuttingDown(run) {
		t.Error("not seen while nobody may log in")
	}
}

// TestMain is also the program that the tests below start again.
func TestMain(m *testing.M) {
	switch os.Getenv("PROCESS_TEST") {
	case "signals":
		in := Signals()
		os.Stdout.WriteString("ready\n")
		for s := range in {
			os.Stdout.WriteString(s.Signal.String() + " " + strconv.FormatUint(uint64(s.PID), 10) + " " + strconv.FormatBool(s.Known) + "\n")
			if s.Signal == unix.SIGTERM {
				return
			}
		}
	case "prepare":
		done, err := Prepare([]int{unix.CAP_NET_RAW})
		b, _ := os.ReadFile("/proc/self/status")
		for l := range strings.Lines(string(b)) {
			if strings.HasPrefix(l, "CapBnd") || strings.HasPrefix(l, "CapEff") || strings.HasPrefix(l, "NoNewPrivs") {
				os.Stdout.WriteString(l)
			}
		}
		os.Stdout.WriteString(strconv.FormatBool(done) + "\n" + strconv.FormatBool(err == nil) + "\n" + os.Getenv(prepared))
		return
	}
	os.Exit(m.Run())
}

// child starts this test as a program.
func child(t *testing.T, what string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "PROCESS_TEST="+what)
	c.Stderr = os.Stderr
	return c
}

func TestSignalsNameTheirSender(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("senders are known on amd64 and arm64 only")
	}
	c := child(t, "signals")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	line := func() string {
		var b [200]byte
		n, err := out.Read(b[:])
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	if got := line(); got != "ready\n" {
		t.Fatalf("%q", got)
	}
	me := strconv.Itoa(os.Getpid())
	for range 50 { // whichever thread takes it
		_ = c.Process.Signal(syscall.SIGHUP)
		if got, want := line(), "hangup "+me+" true\n"; got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	_ = c.Process.Signal(syscall.SIGTERM)
	if got, want := line(), "terminated "+me+" true\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPrepareGivesUpCapabilities(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to have capabilities to give up")
	}
	out, err := child(t, "prepare").Output()
	if err != nil {
		t.Fatal(err)
	}
	const raw = "0000000000002000"
	want := "CapEff:\t" + raw + "\nCapBnd:\t" + raw + "\nNoNewPrivs:\t1\ntrue\ntrue\n"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWatchdogTellsSystemd(t *testing.T) {
	at := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", at)
	t.Setenv("WATCHDOG_USEC", "3000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	w := NewWatchdog()
	now := time.Unix(1e9, 0)
	for range 4 { // over one and a half seconds, a third of which systemd wants
		w.Beat(now)
		now = now.Add(500 * time.Millisecond)
	}
	Ready()
	Stopping()
	var got []string
	var b [100]byte
	for {
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := conn.Read(b[:])
		if err != nil {
			break
		}
		got = append(got, string(b[:n]))
	}
	if diff := cmp.Diff([]string{"WATCHDOG=1", "WATCHDOG=1", "READY=1", "STOPPING=1"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	t.Setenv("WATCHDOG_USEC", "")
	NewWatchdog().Beat(now) // nobody asked
}

func TestCapabilityNames(t *testing.T) {
	if CapabilityName(unix.CAP_NET_ADMIN) != "CAP_NET_ADMIN" || CapabilityName(40) != "capability 40" {
		t.Error("names")
	}
	if os.Geteuid() == 0 && Capabilities() == 0 {
		t.Error("root has none")
	}
}
