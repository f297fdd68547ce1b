package process

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Signal is a signal and who sent it.
type Signal struct {
	Signal syscall.Signal
	PID    uint32 // 0: the kernel, as for a terminal's Ctrl-C
	UID    uint32
	Known  bool // PID and UID are
}

// signals are those that are read.
var signals = [...]syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT}

// Signals gives SIGTERM, SIGINT, SIGQUIT and SIGHUP with their sender. It is
// called once in a program, which must not ask for the same signals elsewhere.
func Signals() <-chan Signal {
	raw, out := make(chan os.Signal, len(signals)), make(chan Signal, len(signals))
	for _, n := range signals {
		signal.Notify(raw, n)
	}
	noteSenders() // without it signals come without their sender
	go func() {
		for v := range raw {
			if n, ok := v.(syscall.Signal); ok {
				out <- senderOf(n)
			}
		}
	}()
	return out
}
