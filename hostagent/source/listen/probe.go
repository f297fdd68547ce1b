package listen

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// loopback has this number in every network namespace.
const loopback = 1

// Probe returns why packets cannot be listened to, nil where they can. Nothing is
// heard.
func Probe(filter []bpf.Instruction) error {
	l, err := New(Config{Filter: filter})
	if err != nil {
		return err
	}
	defer unix.Close(l.epoll)
	fd, err := l.open(loopback)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}
