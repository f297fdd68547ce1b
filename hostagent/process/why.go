package process

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"
)

// Causes of an end, as the agent tells them.
const (
	CauseSystemd  = "systemd"
	CausePackage  = "package"
	CauseShutdown = "shutdown"
	CauseSignal   = "signal"
	CauseExit     = "exit"
)

// Why says who ends the agent.
type Why struct {
	Cause   string
	Reason  string
	PID     uint32
	UID     uint32
	Known   bool   // PID and UID are
	Command string // of the process that sent the signal, or asked systemd to
}

// other is another process.
type other struct {
	pid     uint32
	uid     uint32
	name    string   // as the kernel knows it: at most 15 octets
	command []string // its arguments
}

// maxCommand bounds what is told of a command line, in octets.
const maxCommand = 200

// Explain finds out who sent s, and on whose behalf where that was systemd. It
// must be called at once: the sender may end any time.
func Explain(s Signal) Why {
	if !s.Known {
		return Why{Cause: CauseSignal, Reason: unix.SignalName(s.Signal) + " from the kernel or a terminal"}
	}
	all := processes("/proc")
	return explain(s, all, func() bool { return shuttingDown("/run") })
}

// explain is Explain with what it looks at.
func explain(s Signal, all []other, shutdown func() bool) Why {
	w := Why{Cause: CauseSignal, Reason: unix.SignalName(s.Signal), PID: s.PID, UID: s.UID, Known: true}
	for _, p := range all {
		if p.pid == s.PID {
			w.Command = p.text()
		}
	}
	if s.PID != 1 {
		return w
	}
	w.Cause = CauseSystemd
	if shutdown() {
		w.Cause, w.Reason = CauseShutdown, "the node shuts down"
		return w
	}
	for _, p := range all {
		if isPackager(p.name) {
			w.Cause, w.Reason = CausePackage, "a package manager runs"
			w.PID, w.UID, w.Command = p.pid, p.uid, p.text()
			return w
		}
	}
	for _, p := range all {
		if p.name == "systemctl" && strings.Contains(strings.Join(p.command, " "), "weir-agent") {
			w.Reason = "systemctl"
			w.PID, w.UID, w.Command = p.pid, p.uid, p.text()
			return w
		}
	}
	w.Reason = "a job of systemd"
	return w
}

func isPackager(name string) bool {
	switch name {
	case "dpkg", "rpm", "apt", "apt-get", "dnf", "yum", "zypper", "unattended-upgr", "packagekitd", "rpm-ostree":
		return true
	}
	return false
}

func (p *other) text() string {
	t := strings.Join(p.command, " ")
	if t == "" {
		t = p.name
	}
	return t[:min(len(t), maxCommand)]
}

// maxProcesses bounds what is looked at.
const maxProcesses = 1 << 16

// processes lists the processes below root, usually /proc.
func processes(root string) (all []other) {
	dir, err := os.Open(root)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(maxProcesses)
	for _, n := range names {
		pid, err := strconv.ParseUint(n, 10, 32)
		if err != nil {
			continue
		}
		at := filepath.Join(root, n)
		name, err := os.ReadFile(at + "/comm")
		if err != nil {
			continue // gone
		}
		p := other{pid: uint32(pid), name: strings.TrimSpace(string(name))}
		if b, err := os.ReadFile(at + "/cmdline"); err == nil {
			p.command = strings.Split(strings.Trim(string(b), "\x00"), "\x00")
		}
		var st unix.Stat_t
		if unix.Stat(at, &st) == nil {
			p.uid = st.Uid
		}
		all = append(all, p)
	}
	return all
}

// systemdWait is how long systemd may take to answer a process that it ends.
const systemdWait = 200 * time.Millisecond

// shuttingDown reports whether the node shuts down: systemd says so, or has
// already closed it for logins.
func shuttingDown(run string) bool {
	if _, err := os.Stat(run + "/systemd/system"); err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), systemdWait)
	defer cancel()
	if c, err := dbus.NewSystemdConnectionContext(ctx); err == nil {
		defer c.Close()
		if p, err := c.SystemStateContext(ctx); err == nil && p.Value.Value() == "stopping" {
			return true
		}
	}
	_, err := os.Stat(run + "/nologin")
	return err == nil
}
