package process

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// prepared is the environment variable that tells the program that it was
// started again by Prepare; its value is the process id, which stays the same.
const prepared = "WEIR_AGENT_PREPARED"

// Prepare gives up every capability but keep and starts the program again: only
// a program that starts this way has all its threads like that. It returns true
// where it is that second start. An error means that the program goes on as it
// was.
func Prepare(keep []int) (done bool, err error) {
	if os.Getenv(prepared) == strconv.Itoa(os.Getpid()) {
		return true, os.Unsetenv(prepared)
	}
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	// This changes the thread alone; it is the one that survives.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dropErr := drop(keep)
	env := append(os.Environ(), prepared+"="+strconv.Itoa(os.Getpid()))
	err = unix.Exec(self, os.Args, env)
	return false, errors.Join(fmt.Errorf("start again: %w", err), dropErr)
}

// lastCapability is more than any kernel has; asking for one too many is
// harmless.
const lastCapability = 63

// drop gives up what is not in keep, for this thread and for all that it starts.
func drop(keep []int) error {
	var want uint64
	for _, c := range keep {
		want |= 1 << uint(c)
	}
	var errs []error
	for c := range lastCapability {
		if want&(1<<uint(c)) != 0 {
			continue
		}
		_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_LOWER, uintptr(c), 0, 0)
		if has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0); err != nil || has == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && len(errs) == 0 {
			errs = append(errs, fmt.Errorf("drop capability %d: %w", c, err))
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		errs = append(errs, err)
	} else {
		for i := range data {
			word := uint32(want >> (32 * i))
			data[i].Permitted &= word
			data[i].Effective = data[i].Permitted
			data[i].Inheritable &= word
		}
		if err := unix.Capset(&header, &data[0]); err != nil {
			errs = append(errs, fmt.Errorf("set capabilities: %w", err))
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Capabilities returns the capabilities in effect, one bit each.
func Capabilities() uint64 {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return 0
	}
	return uint64(data[0].Effective) | uint64(data[1].Effective)<<32
}

// capabilityNames are the kernel's, by number.
var capabilityNames = map[int]string{
	unix.CAP_DAC_OVERRIDE: "CAP_DAC_OVERRIDE", unix.CAP_DAC_READ_SEARCH: "CAP_DAC_READ_SEARCH",
	unix.CAP_NET_ADMIN: "CAP_NET_ADMIN", unix.CAP_NET_RAW: "CAP_NET_RAW", unix.CAP_SYS_ADMIN: "CAP_SYS_ADMIN",
	unix.CAP_SYS_PTRACE: "CAP_SYS_PTRACE", unix.CAP_BPF: "CAP_BPF", unix.CAP_PERFMON: "CAP_PERFMON",
	unix.CAP_SYSLOG: "CAP_SYSLOG", unix.CAP_SYS_RESOURCE: "CAP_SYS_RESOURCE", unix.CAP_NET_BIND_SERVICE: "CAP_NET_BIND_SERVICE",
	unix.CAP_AUDIT_READ: "CAP_AUDIT_READ", unix.CAP_SETPCAP: "CAP_SETPCAP",
}

// CapabilityName returns the kernel's name of a capability.
func CapabilityName(c int) string {
	if n, ok := capabilityNames[c]; ok {
		return n
	}
	return "capability " + strconv.Itoa(c)
}
