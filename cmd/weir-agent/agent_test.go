package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/config"
)

// call runs one command line inside the test.
func call(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = execute(context.Background(), args, streams{nil, &o, &e})
	return code, o.String(), e.String()
}

func TestSampleIsTheDefaults(t *testing.T) {
	got, err := config.Parse("sample", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(config.AgentAddress{}.Addr)); diff != "" {
		t.Errorf("(-default +sample)\n%s", diff)
	}
}

// keys lists the dotted keys of a document.
func keys(n *yaml.Node, prefix string) (all []string) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		name := prefix + n.Content[i].Value
		all = append(all, name)
		all = append(all, keys(n.Content[i+1], name+".")...)
	}
	return all
}

func TestSampleHasEveryKey(t *testing.T) {
	b, err := yaml.Marshal(config.Default())
	if err != nil {
		t.Fatal(err)
	}
	var have, want yaml.Node
	if err := yaml.Unmarshal([]byte(sample), &have); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	// Two keys are written as one value.
	short := func(k string) bool {
		return strings.HasPrefix(k, "dns_sd.") || strings.HasPrefix(k, "agent_address.")
	}
	ignore := cmpopts.IgnoreSliceElements(short)
	if diff := cmp.Diff(keys(want.Content[0], ""), keys(have.Content[0], ""), ignore, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("(-keys of the program +keys of the sample)\n%s", diff)
	}
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	good, bad := write("good.yaml", "node: n1\n"), write("bad.yaml", "nodes: n1\n")
	short := write("short.key", "short\n")
	open := write("open.key", strings.Repeat("k", 32))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		args      []string
		code      int
		out, errs string // parts
	}{
		{"check", []string{"check", "--config", good}, 0, "ok, digest ", ""},
		{"check of a mistake", []string{"check", "--config", bad}, 78, "", "bad.yaml:1: nodes: unknown key; did you mean node?"},
		{"check of a short key", []string{"check", "--config", write("a.yaml", "key_file: "+short)}, 1, "", "a key has 16 to 4096 octets, not 5"},
		{"check of an open key", []string{"check", "--config", write("b.yaml", "key_file: "+open)}, 1, "", "everybody can use it; chmod 0600"},
		{"check of a key that is not there", []string{"check", "--config", write("c.yaml", "key_file: /none")}, 1, "", "key_file: open /none: no such file"},
		{"sample", []string{"check", "--sample"}, 0, "collectors: []", ""},
		{"version", []string{"version"}, 0, "weir-agent ", ""},
		{"help", nil, 0, "weir-agent once", ""},
		{"no command", []string{"rum"}, 2, "", `"rum" is no command; did you mean run?`},
		{"no flag", []string{"run", "--colector", "x"}, 2, "", "lists the flags"},
		{"no argument", []string{"check", "x"}, 2, "", "shows examples"},
		{"run with a mistake", []string{"run", "--config", bad}, 78, "", "unknown key"},
		{"completion", []string{"completion", "bash"}, 0, "weir-agent", ""},
		{"completion of no shell", []string{"completion", "csh"}, 2, "", "shows examples"},
		{"manual", []string{"docs", "man", "--out", filepath.Join(dir, "man")}, 0, "", ""},
		{"manual without a folder", []string{"docs", "man"}, 2, "", "--out DIR"},
		{"doctor", []string{"doctor", "--config", good}, 0, "yes  node             n1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := call(c.args...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
				t.Errorf("code %d, out %q, errors %q", code, out, errs)
			}
		})
	}
}

func TestOnceIsJSONLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("node: n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, _ := call("once", "--config", file)
	records := map[string]map[string]any{}
	for line := range strings.Lines(out) {
		var s said
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, r := range s.Records {
			name, _ := r["record"].(string)
			if s.Module == "host" && s.Source == "2:1" {
				records[name] = r
			}
		}
	}
	if records["host_descr"]["hostname"] != "n1" || len(records["host_descr"]["uuid"].(string)) != 32 {
		t.Errorf("%v", records["host_descr"])
	}
	for _, name := range []string{"host_cpu", "host_memory", "host_disk_io", "host_net_io", "host_adapters", "mib2_ip_group", "mib2_tcp_group", "mib2_udp_group"} {
		if len(records[name]) == 0 {
			t.Errorf("%s is not told", name)
		}
	}
}

// compile makes the program in a folder of the test.
func compile(t *testing.T) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "weir-agent")
	cmd := exec.Command("go", "build", "-o", at, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return at
}

// heard waits for a statement for which ok is true.
func heard(t *testing.T, c *net.UDPConn, source string, ok func(s *witness.Said) bool) witness.Said {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		b := make([]byte, 2000)
		n, err := c.Read(b)
		if err != nil {
			t.Fatalf("waiting for %s: %v", source, err)
		}
		var d sflow.Datagram
		if err := d.Decode(b[:n]); err != nil {
			t.Fatal(err)
		}
		for smp, err := range d.Samples() {
			if err != nil {
				t.Fatal(err)
			}
			var m sflow.RTMetric
			if m.Decode(smp) != nil || m.DataSource.String() != source {
				continue
			}
			if s, is := witness.Parse(&m); is && ok(&s) {
				return s
			}
		}
	}
}

// journal is a log that is read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// TestRunAsAProgram runs the program as systemd does: it has no more capabilities
// than it needs, reads its configuration again, and says who ends it.
func TestRunAsAProgram(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	file := filepath.Join(dir, "c.yaml")
	configure := func(more string) {
		text := fmt.Sprintf("collectors: [%q]\nnode: n1\nstate_dir: %s\nkey_file: %s\n%s", conn.LocalAddr(), dir, key, more)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	configure("off: [libvirt, ovs]\n")
	run := exec.Command(compile(t), "run", "--config", file)
	var log journal
	run.Stderr = &log
	run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	defer func() { _ = run.Process.Kill() }()

	const beat = "weir/heartbeat/n1"
	first := heard(t, conn, beat, func(s *witness.Said) bool { return strings.Contains(s.Text(witness.Modules), "host=ok") })
	if !witness.NewSigner([]byte(strings.Repeat("k", 32))).Verify(&first) {
		t.Error("the signature does not fit the key of the file")
	}
	if os.Geteuid() == 0 {
		checkCapabilities(t, run.Process.Pid)
	}

	configure("nonsense: 1\nmore: 2\n")
	_ = run.Process.Signal(syscall.SIGHUP)
	const refusal = "configuration not read again, the old one goes on"
	for end := time.Now().Add(time.Minute); !strings.Contains(log.String(), refusal); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the mistake is not in the log:\n%s", log.String())
		}
	}
	digest := first.Text(witness.ConfigDigest)
	refused := time.Now()
	heard(t, conn, beat, func(s *witness.Said) bool { // the next one, not one that waits to be read
		return time.Since(refused) > 1200*time.Millisecond && s.Text(witness.ConfigDigest) == digest
	})
	configure("off: [libvirt, ovs, host]\n")
	_ = run.Process.Signal(syscall.SIGHUP)
	heard(t, conn, beat, func(s *witness.Said) bool {
		return s.Text(witness.ConfigDigest) != digest && !strings.Contains(s.Text(witness.Modules), "host=")
	})

	_ = run.Process.Signal(syscall.SIGTERM)
	last := heard(t, conn, "weir/event/agent_stopping", func(*witness.Said) bool { return true })
	pid, _ := last.Uint(witness.PID)
	if last.Text(witness.Cause) != "signal" || pid != uint64(os.Getpid()) || !strings.Contains(last.Text(witness.Command), filepath.Base(os.Args[0])) {
		t.Errorf("cause %q, pid %d, command %q; want this test, %d", last.Text(witness.Cause), pid, last.Text(witness.Command), os.Getpid())
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	refusals := 0
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, refusal) && strings.Contains(line, "nonsense") {
			refusals++
		}
	}
	if refusals != 1 {
		t.Errorf("%d lines of the log name the mistake, want 1:\n%s", refusals, log.String())
	}
}

// checkCapabilities wants those gone that no module asks for.
func checkCapabilities(t *testing.T, pid int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		if name != "CapBnd" && name != "CapEff" && name != "CapPrm" {
			continue
		}
		var v uint64
		if _, err := fmt.Sscanf(text, "%x", &v); err != nil {
			t.Fatal(err)
		}
		for _, c := range []int{unix.CAP_SYS_MODULE, unix.CAP_SYS_BOOT, unix.CAP_SETUID, unix.CAP_SYS_RAWIO, unix.CAP_KILL, unix.CAP_CHOWN} {
			if v&(1<<c) != 0 {
				t.Errorf("%s has capability %d", name, c)
			}
		}
	}
}
