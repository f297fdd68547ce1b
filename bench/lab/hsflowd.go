package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// HSFlowd is the program of the Host sFlow daemon. It is no package of Debian:
// where it is not found in PATH, what is about it is not played, and that is said.
const HSFlowd = "hsflowd"

// HasHSFlowd reports whether the daemon can be run here.
func HasHSFlowd() bool {
	_, err := exec.LookPath(HSFlowd)
	return err == nil
}

// HSFlowdConfig is what the daemon of a node is told.
type HSFlowdConfig struct {
	Sampling, Polling int    // one packet in so many; s
	Adaptors          int    // s between its looks at interfaces; 0 leaves its own
	Sections          string // of its modules: "kvm { } pcap { dev=eth0 }"
}

// HSFlowd starts the daemon on the node as a machine of its own: with its host
// name, its UUID and its Open vSwitch where a compute node has them. Its modules
// are where it was built to look for them.
func (n *Node) HSFlowd(c HSFlowdConfig) *Process {
	n.lab.t.Helper()
	return n.lab.Start(n.NS, nil, n.hsflowd(c)...)
}

// HSFlowd is Node.HSFlowd with libvirt's socket where a compute node has it.
func (h *Hypervisor) HSFlowd(c HSFlowdConfig) *Process {
	h.lab.t.Helper()
	return h.Start(nil, h.hsflowd(c)...)
}

// hsflowd writes the configuration and returns the command.
func (n *Node) hsflowd(c HSFlowdConfig) []string {
	l := n.lab
	l.t.Helper()
	at := func(ext string) string { return filepath.Join(l.dir, n.NS+".hsflowd"+ext) }
	// Virtual cables say that they are of 10 Gbit/s, and that has a rate of its own.
	text := fmt.Sprintf("sflow {\n agent = eth0\n sampling = %d\n sampling.10G = %d\n polling = %d\n", c.Sampling, c.Sampling, c.Polling)
	if c.Adaptors > 0 {
		text += fmt.Sprintf(" checkAdaptors = %d\n", c.Adaptors)
	}
	text += " collector { ip=" + CollectorAddr + " udpport=6343 }\n " + c.Sections + "\n}\n"
	if err := os.WriteFile(at(".conf"), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	// The namespace's own mounts: nobody else sees them.
	script := `hostname "$1" && shift && exec "$@"`
	if n.run != "" {
		if err := os.MkdirAll("/run/openvswitch", 0o755); err != nil {
			l.t.Fatal(err)
		}
		script = `mount --bind "` + n.run + `" /run/openvswitch && ` + script
	}
	return []string{
		"unshare", "--uts", "sh", "-c", script, "sh", strings.TrimPrefix(n.NS, l.name+"-"), HSFlowd, "-d", "-P",
		"-f", at(".conf"), "-o", at(".auto"), "-p", at(".pid"), "-c", at(".crash"),
		"-u", fmt.Sprintf("6d1ad3a4-0000-4000-9000-%012d", n.number),
	}
}
