package proc

import (
	"encoding/hex"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

// Limits of the specification, in octets.
const (
	maxHostname = 64
	maxRelease  = 32
)

// descr fills c with what the node is.
func (s *Source) descr(c *sflow.HostDescr) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	s.name = append(s.name[:0], s.node...)
	if s.node == "" {
		s.name = append(s.name, unix.ByteSliceToString(u.Nodename[:])...)
	}
	s.release = append(s.release[:0], unix.ByteSliceToString(u.Release[:])...)
	*c = sflow.HostDescr{
		Hostname:    s.name[:min(len(s.name), maxHostname)],
		UUID:        s.uuid,
		MachineType: machine(unix.ByteSliceToString(u.Machine[:])),
		OSName:      sflow.OSLinux,
		OSRelease:   s.release[:min(len(s.release), maxRelease)],
	}
	return nil
}

// machine returns the specification's number of uname's machine.
func machine(m string) uint32 {
	switch {
	case m == "x86_64":
		return sflow.MachineX86_64
	case len(m) == 4 && m[0] == 'i' && m[2:] == "86":
		return sflow.MachineX86
	case strings.HasPrefix(m, "arm"), strings.HasPrefix(m, "aarch64"):
		return sflow.MachineARM
	case strings.HasPrefix(m, "ppc"):
		return sflow.MachinePowerPC
	case strings.HasPrefix(m, "s390"):
		return sflow.MachineS390
	case m == "ia64":
		return sflow.MachineIA64
	case strings.HasPrefix(m, "mips"):
		return sflow.MachineMIPS
	case strings.HasPrefix(m, "sparc"):
		return sflow.MachineSPARC
	}
	return sflow.MachineOther
}

// UUID returns what identifies the node below root: its firmware's number, else
// systemd's; all zero where it has neither.
func UUID(root string) (id [16]byte) {
	for _, name := range [...]string{"/sys/class/dmi/id/product_uuid", "/etc/machine-id"} {
		b, err := os.ReadFile(root + name)
		if err != nil {
			continue
		}
		raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(b)), "-", ""))
		if err != nil || len(raw) != len(id) || [16]byte(raw) == [16]byte{} {
			continue
		}
		return [16]byte(raw)
	}
	return id
}
