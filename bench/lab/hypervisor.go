package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// libvirtCache keeps what libvirtd found out about QEMU, which costs seconds.
const libvirtCache = "/var/cache/weir-lab/libvirt"

// Hypervisor is a node with a libvirtd of its own. Its programs see their
// sockets where every compute node has them, /run/libvirt and /run/openvswitch,
// because they share a mount namespace of their own.
type Hypervisor struct {
	*Node
	dir    string // of libvirtd: etc, run, lib, log; and of the guests
	kernel string
	initrd string
	holder *Process // lives as long as the mount namespace
	guests map[string]*Guest

	Libvirtd *Process
}

// LibvirtNeeds are the tools of Need for a Hypervisor.
var LibvirtNeeds = []string{"libvirtd", "virsh", "qemu-system-x86_64", "qemu-nbd", "nsenter", "losetup", "/dev/loop-control", busybox, guestKernel}

// Hypervisor makes a node with libvirtd, QEMU guests to come, a Linux bridge
// brq0 beside Open vSwitch's br0, and no other namespace's instances.
func (l *Lab) Hypervisor(name string) *Hypervisor {
	l.t.Helper()
	Need(l.t, LibvirtNeeds...)
	h := &Hypervisor{Node: l.Node(name), guests: map[string]*Guest{}}
	dir, err := os.MkdirTemp("", "lv") // short: it holds sockets
	if err != nil {
		l.t.Fatal(err)
	}
	h.dir = dir
	l.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if h.kernel, h.initrd, err = guestImage(dir); err != nil {
		l.t.Fatal(err)
	}
	for _, d := range []string{"etc", "run", "lib", "log"} {
		h.must(os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	for _, d := range []string{libvirtCache, "/etc/libvirt", "/run/libvirt", "/run/openvswitch", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt"} {
		h.must(os.MkdirAll(d, 0o755))
	}
	// A node without systemd, cgroups or a security driver of its own.
	h.must(os.WriteFile(filepath.Join(dir, "etc/qemu.conf"), []byte(`
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
`), 0o600))
	h.must(os.WriteFile(filepath.Join(dir, "etc/libvirtd.conf"), []byte("auth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\nunix_sock_ro_perms = \"0777\"\n"+
		// As if it were a machine of its own.
		fmt.Sprintf("host_uuid = \"6d1ad3a4-0000-4000-8000-%012d\"\n", l.nodes)), 0o600))
	h.holder = l.Start(h.NS, nil, "sh", "-c", `
mount --bind "$1/etc" /etc/libvirt && mount --bind "$1/run" /run/libvirt && mount --bind "$1/lib" /var/lib/libvirt &&
mount --bind "$1/log" /var/log/libvirt && mount --bind "$2" /var/cache/libvirt && mount --bind "$3" /run/openvswitch &&
echo mounted && exec sleep infinity`, "sh", dir, libvirtCache, h.run)
	l.Eventually(5*time.Second, "mounted", func() bool { return h.holder.Stdout.String() != "" })
	l.ip("-n", h.NS, "link", "add", "brq0", "type", "bridge")
	l.ip("-n", h.NS, "addr", "add", "10.7.0.1/24", "dev", "brq0")
	l.ip("-n", h.NS, "link", "set", "brq0", "up")
	l.reapGuests()
	l.t.Cleanup(h.killGuests)
	h.StartLibvirtd()
	return h
}

func (h *Hypervisor) must(err error) {
	h.lab.t.Helper()
	if err != nil {
		h.lab.t.Fatal(err)
	}
}

// Inside begins a command that runs on the node with its files where a compute
// node has them.
func (h *Hypervisor) Inside(args ...string) []string {
	return append([]string{"nsenter", "--target", strconv.Itoa(h.holder.Pid()), "--mount", "--net"}, args...)
}

// Start runs a program on the node beside the test, as Lab.Start does.
func (h *Hypervisor) Start(env []string, args ...string) *Process {
	h.lab.t.Helper()
	return h.lab.Start(h.NS, env, h.Inside(args...)...)
}

// StartLibvirtd starts libvirtd, which Hypervisor has done already: it is for a
// test that has killed it.
func (h *Hypervisor) StartLibvirtd() {
	l := h.lab
	l.t.Helper()
	h.Libvirtd = h.Start(nil, "libvirtd", "--pid-file", "/run/libvirt/libvirtd.pid")
	l.Eventually(60*time.Second, "libvirtd answering", func() bool {
		_, err := h.TryVirsh("list")
		return err == nil
	})
}

// TryVirsh runs virsh on the node's libvirtd.
func (h *Hypervisor) TryVirsh(args ...string) (string, error) {
	uri := "qemu+unix:///system?socket=" + filepath.Join(h.dir, "run/libvirt-sock")
	cmd := exec.Command("timeout", append([]string{"30", "virsh", "--quiet", "--connect", uri}, args...)...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// Virsh runs virsh on the node's libvirtd and fails the test where it fails.
func (h *Hypervisor) Virsh(args ...string) string {
	h.lab.t.Helper()
	out, err := h.TryVirsh(args...)
	if err != nil {
		h.lab.t.Fatalf("virsh %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// killGuests ends what libvirtd leaves running when it is stopped.
func (h *Hypervisor) killGuests() {
	files, _ := filepath.Glob(filepath.Join(h.dir, "run/qemu/*.pid"))
	for _, f := range files {
		if pid := readPid(f); pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// readPid returns the process that a file names, 0 where it names none.
func readPid(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}

// Guest is a virtual machine as Nova makes them, with its names as Nova gives
// them.
type Guest struct {
	h *Hypervisor

	Name, UUID           string // of the domain
	NovaName             string
	Project, ProjectID   string
	User, UserID, Flavor string
	PortID, Addr         string
	MAC, Tap, Bridge     string
	OVS                  bool
	DiskFile, NBD        string // a file, and the socket of a server
	Block                string // a block device; empty: none
}

// GuestSpec says what differs between guests.
type GuestSpec struct {
	NovaName string // any text: it is tenants who choose it
	OVS      bool   // a port of br0 instead of brq0
	Bare     bool   // one disk, which it leaves alone
}

// newGuest gives a guest its names, which no other node's has.
func (h *Hypervisor) newGuest(s GuestSpec) *Guest {
	n := len(h.guests) + 1
	id := h.number<<8 | n
	g := &Guest{
		h: h, Name: fmt.Sprintf("instance-%08x", id), UUID: fmt.Sprintf("4fd1a1a0-0000-4000-8000-%012x", id),
		NovaName: s.NovaName, Project: "acme-web", ProjectID: "9c1d1f6a7c9e4f6f8b6c5d4e3f2a1b0c",
		User: "demo", UserID: "3f0a51f0b1b94d5ab0f1c0dd0b7f0a01", Flavor: "m1.nano",
		PortID: fmt.Sprintf("aa11bb22-cc33-4d44-8e55-66778899%04x", id), Addr: fmt.Sprintf("10.7.0.%d", 10+n),
		MAC: fmt.Sprintf("fa:16:3e:00:%02x:%02x", h.number, n), Tap: fmt.Sprintf("tapaa11bb22-%02x", n), Bridge: "brq0", OVS: s.OVS,
	}
	if s.OVS {
		g.Bridge, g.Addr = "br0", fmt.Sprintf("10.9.0.%d", 100+n)
	}
	g.DiskFile = filepath.Join(h.dir, g.Name+".img")
	if !s.Bare {
		g.NBD = filepath.Join(h.dir, g.Name+".nbd")
	}
	return g
}

// blockDevice makes a block device of the machine's from a new file of so many
// MiB; it is gone with the test.
func (h *Hypervisor) blockDevice(file string, size int64) string {
	h.lab.t.Helper()
	h.must(os.WriteFile(file, nil, 0o600))
	h.must(os.Truncate(file, size<<20))
	out, err := exec.Command("losetup", "--find", "--show", file).CombinedOutput()
	if err != nil {
		h.lab.t.Fatalf("losetup: %v: %s", err, out)
	}
	device := strings.TrimSpace(string(out))
	h.lab.t.Cleanup(func() { _ = exec.Command("losetup", "--detach", device).Run() })
	return device
}

// Define makes a guest and leaves it shut off. It has a disk in a file, one that
// a server exports over the network, as Ceph's are, and one on a block device.
func (h *Hypervisor) Define(s GuestSpec) *Guest {
	l := h.lab
	l.t.Helper()
	g := h.newGuest(s)
	for i, f := range []string{g.DiskFile, g.DiskFile + ".exported"} {
		h.must(os.WriteFile(f, nil, 0o600))
		h.must(os.Truncate(f, int64(4+2*i)<<20))
	}
	if !s.Bare {
		g.Block = h.blockDevice(g.DiskFile+".block", 8)
		h.Start(nil, "qemu-nbd", "--persistent", "--format=raw", "--shared=8", "--socket", g.NBD, g.DiskFile+".exported")
		l.Eventually(5*time.Second, "qemu-nbd listening", func() bool { return listens(g.NBD) })
	}
	file := filepath.Join(h.dir, g.Name+".xml")
	h.must(os.WriteFile(file, []byte(g.xml()), 0o600))
	h.Virsh("define", file)
	h.guests[g.Name] = g
	return g
}

// Boot starts guests beside each other and waits until they are up.
func (h *Hypervisor) Boot(guests ...*Guest) {
	h.lab.t.Helper()
	h.PowerOn(guests...)
	h.AwaitUp(guests...)
}

// PowerOn starts guests and does not wait until they are up.
func (h *Hypervisor) PowerOn(guests ...*Guest) {
	h.lab.t.Helper()
	for _, g := range guests {
		h.must(os.WriteFile(g.serial(), nil, 0o600))
		h.Virsh("start", g.Name)
	}
}

// AwaitUp waits until guests that were started are up.
func (h *Hypervisor) AwaitUp(guests ...*Guest) {
	h.lab.t.Helper()
	for _, g := range guests {
		h.lab.Eventually(90*time.Second, g.Name+" up", func() bool {
			b, _ := os.ReadFile(g.serial())
			return strings.Contains(string(b), "guest is up")
		})
	}
}

func (g *Guest) serial() string { return filepath.Join(g.h.dir, g.Name+".log") }

// Pid returns the guest's QEMU, 0 where none runs.
func (g *Guest) Pid() int { return readPid(filepath.Join(g.h.dir, "run/qemu", g.Name+".pid")) }
