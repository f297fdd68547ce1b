//go:build linux && (amd64 || arm64)

package process

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Go hands on a signal without saying who sent it, and unblocks SIGTERM in every
// thread that it starts, so that a signalfd never gets it. What remains is to
// stand before the runtime's handler for a moment: noteSender, in assembly, notes
// the sender and jumps on. Signal handlers have no argument of ours, hence the
// two variables.

// senders holds who sent each signal last, by number.
var senders [64]sender

// goHandler is the address of the runtime's handler.
var goHandler uintptr

// sender is what noteSender writes.
type sender struct {
	pidUID uint64 // as they lie in siginfo: pid first
	code   int32
	noted  uint32
}

// noteSenderAddr returns the address of noteSender.
func noteSenderAddr() uintptr

// action is the kernel's struct sigaction.
type action struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// noteSenders puts noteSender before the runtime's handler of each signal, which
// must be asked for already. It reports whether it could.
func noteSenders() bool {
	for _, n := range signals {
		var a action
		if sigaction(n, nil, &a) != nil || a.handler <= 1 {
			return false // the default, or ignored
		}
		if a.handler == noteSenderAddr() {
			continue
		}
		if goHandler != 0 && goHandler != a.handler {
			return false
		}
		goHandler = a.handler
		a.handler = noteSenderAddr()
		if sigaction(n, &a, nil) != nil {
			return false
		}
	}
	return true
}

func sigaction(n syscall.Signal, set, old *action) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(n), uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// senderOf takes what is noted about signal n.
func senderOf(n syscall.Signal) (s Signal) {
	s.Signal = n
	p := &senders[n&63]
	if atomic.SwapUint32(&p.noted, 0) == 0 {
		return s
	}
	const fromKernel = 0x80 // SI_KERNEL
	pidUID := atomic.LoadUint64(&p.pidUID)
	s.PID, s.UID = uint32(pidUID), uint32(pidUID>>32)
	s.Known = atomic.LoadInt32(&p.code) != fromKernel && s.PID != 0
	return s
}
