package service

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// boxes is a node's control groups and runtimes' files in a folder of the test.
type boxes struct {
	t *testing.T
	Places
}

func newBoxes(t *testing.T) *boxes {
	dir := t.TempDir()
	return &boxes{t, Places{
		Cgroup: filepath.Join(dir, "cgroup"), Docker: filepath.Join(dir, "docker"),
		Podman: filepath.Join(dir, "storage"), Containerd: filepath.Join(dir, "containerd"),
	}}
}

func (b *boxes) mkdir(dirs ...string) {
	b.t.Helper()
	for _, d := range dirs {
		if err := os.MkdirAll(filepath.Join(b.Cgroup, d), 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *boxes) rmdir(dirs ...string) {
	b.t.Helper()
	for _, d := range dirs {
		if err := os.Remove(filepath.Join(b.Cgroup, d)); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *boxes) write(file string, v any) {
	b.t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// id is a container's identifier.
func id(n int) string { return fmt.Sprintf("%064x", n) }

// ready waits until the first scan is over.
func ready(t *testing.T, s *Source, running ...string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		got := states(t, s)
		whole := true
		for _, n := range running {
			whole = whole && strings.Contains(got, "weir/service/"+n+" state=active")
		}
		if whole {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("states\n%swant %q active", got, running)
		}
	}
}

// Every runtime's control groups and names, with and without systemd.
func TestContainersAreTold(t *testing.T) {
	b := newBoxes(t)
	b.write(filepath.Join(b.Docker, id(1), "config.v2.json"), map[string]any{"Name": "/nova_compute"})
	b.write(filepath.Join(b.Docker, id(7), "config.v2.json"), map[string]any{"Name": "/nova_idle"})
	b.write(filepath.Join(b.Docker, id(8), "config.v2.json"), map[string]any{"Name": "/other"})
	podman := []any{map[string]any{"id": id(2), "names": []string{"neutron_dhcp_agent", "alias"}}, map[string]any{"id": id(9)}}
	b.write(filepath.Join(b.Podman, "overlay-containers", "containers.json"), podman)
	cri := filepath.Join(b.Containerd, "k8s.io")
	b.write(filepath.Join(cri, id(3), "config.json"), map[string]any{"annotations": map[string]string{
		"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "nova_api"}})
	b.write(filepath.Join(cri, id(4), "config.json"), map[string]any{"annotations": map[string]string{
		"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.container-name": "nova_pause"}})
	const pod = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice"
	b.mkdir("system.slice/ssh.service", "system.slice/docker-"+id(1)+".scope/init", pod, "machine.slice/libpod-conmon-"+id(2)+".scope")

	s := New(Config{Containers: []string{"nova_*", "neutron_dhcp_agent"}, Places: b.Places})
	h := start(t, s)
	ready(t, s, "nova_compute.container")
	b.mkdir("machine.slice/libpod-" + id(2) + ".scope/container")
	h.want(t, "podman", "service_started neutron_dhcp_agent.container >")
	b.mkdir(pod+"/cri-containerd-"+id(4)+".scope", pod+"/cri-containerd-"+id(3)+".scope")
	h.want(t, "Kubernetes", "service_started nova_api.container >")
	b.mkdir("kubepods/besteffort/pod2/" + id(9))
	b.write(filepath.Join(cri, id(5), "config.json"), map[string]any{"annotations": map[string]string{"nerdctl/name": "nova_late"}})
	b.mkdir("new.slice/deeper.slice/nerdctl-" + id(5) + ".scope")
	h.want(t, "in groups made at once", "service_started nova_late.container >")
	b.mkdir("lxc.payload.nova_lxc")
	h.want(t, "LXC", "service_started nova_lxc.container >")

	// Another one of the same name, as an upgrade makes it.
	b.write(filepath.Join(b.Docker, id(6), "config.v2.json"), map[string]any{"Name": "/nova_compute"})
	b.mkdir("docker/" + id(6))
	b.rmdir("system.slice/docker-"+id(1)+".scope/init", "system.slice/docker-"+id(1)+".scope")
	h.want(t, "one of two ends")
	b.rmdir("docker/" + id(6))
	h.want(t, "both ended", "service_stopped nova_compute.container >")
	b.mkdir("docker/" + id(6))
	h.want(t, "it starts again", "service_started nova_compute.container >")
	want := `weir/service/neutron_dhcp_agent.container state=active restarts=1
weir/service/nova_api.container state=active restarts=1
weir/service/nova_compute.container state=active restarts=1
weir/service/nova_idle.container state=inactive restarts=0
weir/service/nova_late.container state=active restarts=1
weir/service/nova_lxc.container state=active restarts=1
`
	if diff := cmp.Diff(want, states(t, s)); diff != "" {
		t.Errorf("states (-want +got)\n%s", diff)
	}
}

// A name that is written after the container has begun is told when it is.
func TestContainerNameMayComeLate(t *testing.T) {
	b := newBoxes(t)
	b.write(filepath.Join(b.Docker, id(2), "config.v2.json"), map[string]any{"Name": "/first"})
	b.mkdir("docker/" + id(2))
	s := New(Config{Containers: []string{"late", "first"}, Places: b.Places})
	h := start(t, s)
	ready(t, s, "first.container")
	b.mkdir("docker/" + id(1))
	time.Sleep(50 * time.Millisecond)
	b.write(filepath.Join(b.Docker, id(1), "config.v2.json"), map[string]any{"Name": "/late"})
	h.want(t, "its name is known", "service_started late.container >")
}

// realGroup makes the control groups the kernel's own, where a slice of the test has a
// container named first: once that is told to run, what is made is told.
func (b *boxes) realGroup() (slice string) {
	b.t.Helper()
	b.Cgroup = Places{}.orUsual().Cgroup
	slice = filepath.Join(b.Cgroup, fmt.Sprintf("weirtest%d.slice", os.Getpid()))
	for _, dir := range []string{slice, filepath.Join(slice, "docker-"+id(2)+".scope")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			b.t.Skipf("needs control groups that can be made: %v", err)
		}
		b.t.Cleanup(func() { _ = os.Remove(dir) })
	}
	b.write(filepath.Join(b.Docker, id(2), "config.v2.json"), map[string]any{"Name": "/first"})
	return slice
}

// The kernel's own control groups tell the same.
func TestContainerInControlGroup(t *testing.T) {
	b := newBoxes(t)
	slice := b.realGroup()
	b.write(filepath.Join(b.Docker, id(1), "config.v2.json"), map[string]any{"Name": "/web"})
	s := New(Config{Containers: []string{"web", "first"}, Places: b.Places})
	h := start(t, s)
	ready(t, s, "first.container")
	group := filepath.Join(slice, "docker-"+id(1)+".scope")
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(group) })
	c := exec.Command("sleep", "100")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), fmt.Append(nil, c.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	h.want(t, "it begins", "service_started web.container >")
	_ = c.Process.Kill()
	_ = c.Wait()
	for end := time.Now().Add(30 * time.Second); os.Remove(group) != nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	h.want(t, "it ends", "service_stopped web.container >")
}

// A container that podman really runs.
func TestPodmanContainerIsTold(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to run a container")
	}
	for _, tool := range []string{"podman", "runc", "busybox"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	dir := t.TempDir()
	storage := filepath.Join(dir, "storage")
	podman := func(args ...string) {
		t.Helper()
		cmd := exec.Command("podman", append([]string{"--root", storage, "--runroot", dir + "/run", "--tmpdir", dir + "/tmp", "--storage-driver", "vfs",
			"--cgroup-manager", "cgroupfs", "--runtime", "runc"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("podman %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	box, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(box)
	if err == nil {
		err = os.MkdirAll(dir+"/rootfs/bin", 0o755)
	}
	if err == nil {
		err = os.WriteFile(dir+"/rootfs/bin/busybox", b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("weir_test_%d", os.Getpid())
	groups := newBoxes(t)
	groups.realGroup()
	groups.Podman = storage
	s := New(Config{Containers: []string{"weir_test_*", "first"}, Places: groups.Places})
	h := start(t, s)
	ready(t, s, "first.container")
	t.Cleanup(func() {
		podman("rm", "--force", "--ignore", "--time", "0", name)
		ended(t, dir)
	})
	begin := time.Now()
	// Limits that a machine without all privileges can set.
	podman("run", "--detach", "--name", name, "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
		"--rootfs", dir+"/rootfs", "/bin/busybox", "sleep", "100")
	h.want(t, "it begins", "service_started "+name+".container >")
	t.Logf("begin told within %v, podman's own time included", time.Since(begin).Round(time.Millisecond))
	podman("stop", "--time", "0", name)
	h.want(t, "it ends", "service_stopped "+name+".container >")
	if got, want := states(t, s), "weir/service/"+name+".container state=inactive restarts=1\n"; !strings.Contains(got, want) {
		t.Errorf("states\n%swant\n%s", got, want)
	}
}

// ended waits until no process has a folder on its command line any more: what podman
// has started to clean up after a container still writes there when podman has ended.
func ended(t *testing.T, dir string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		still := ""
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), dir) {
				still = strings.ReplaceAll(string(b), "\x00", " ")
			}
		}
		if still == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("this does not end: %s", still)
		}
	}
}
