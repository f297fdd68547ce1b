package libvirt

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"golang.org/x/sys/unix"
)

// exits tells of the ends of domains' processes as soon as the kernel does, by
// pidfd: libvirt first takes apart what the process had, which takes it a second
// or two. It needs no right over the processes, and goes on without libvirt.
type exits struct {
	proc string // where proc is mounted

	mu     sync.Mutex
	poll   *os.File // of epoll, which holds the pidfds; nil: not running
	fd     int      // the same
	held   map[int]watched
	byUUID map[golibvirt.UUID]int // its pidfd
}

// watched is a process that is waited for.
type watched struct {
	uuid golibvirt.UUID
	pid  int
}

// exit is how a process has ended.
type exit struct {
	pid    int
	known  bool           // the kernel has told how, which it does since Linux 6.15
	signal syscall.Signal // that killed it; 0 none
	status int            // that it has ended with
}

// Only of a process that was reaped the kernel says how it ended. Within reapTime
// that is waited for; later, until reapLate, it is told once more.
const (
	reapTime = 30 * time.Millisecond
	reapLate = 5 * time.Second
)

func newExits(proc string) *exits {
	return &exits{proc: proc, held: map[int]watched{}, byUUID: map[golibvirt.UUID]int{}}
}

// start begins to wait for ends, which it does until ctx is done, and calls told
// with each. Without pidfds, which Linux has since 5.3, nothing is told.
func (x *exits) start(ctx context.Context, told func(golibvirt.UUID, exit)) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return
	}
	poll := os.NewFile(uintptr(fd), "epoll") // the runtime waits for it as for a socket
	x.mu.Lock()
	x.poll, x.fd = poll, fd
	x.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { x.close(poll) })
	go func() {
		defer stop()
		x.run(poll, told)
	}()
}

// run waits for ends until poll is closed.
func (x *exits) run(poll *os.File, told func(golibvirt.UUID, exit)) {
	raw, err := poll.SyscallConn()
	if err != nil {
		return
	}
	var events [16]unix.EpollEvent
	for {
		n := 0
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, failed = unix.EpollWait(int(fd), events[:], 0)
			return n > 0 || failed != nil && !errors.Is(failed, unix.EINTR)
		})
		if err != nil || failed != nil {
			return
		}
		for _, e := range events[:max(n, 0)] {
			x.ended(int(e.Fd), told)
		}
	}
}

// close ends run.
func (x *exits) close(poll *os.File) {
	poll.Close()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.poll != poll {
		return // it was started again
	}
	for fd := range x.held {
		unix.Close(fd)
	}
	clear(x.held)
	clear(x.byUUID)
	x.poll = nil
}

// watches reports whether the end of a domain's process is waited for.
func (x *exits) watches(u golibvirt.UUID) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ok := x.byUUID[u]
	return ok
}

// watch waits for the end of a domain's process, which is none that was given
// the same number since. It reports whether it does.
func (x *exits) watch(u golibvirt.UUID, pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	if !isProcessOf(x.proc, pid, u) {
		unix.Close(fd)
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, ok := x.byUUID[u]; ok || x.poll == nil {
		unix.Close(fd)
		return ok
	}
	x.held[fd], x.byUUID[u] = watched{u, pid}, fd
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(fd)}
	if err := unix.EpollCtl(x.fd, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		delete(x.held, fd)
		delete(x.byUUID, u)
		unix.Close(fd)
		return false
	}
	return true
}

// ended tells that a process has ended, and how: again where that is known later.
func (x *exits) ended(fd int, told func(golibvirt.UUID, exit)) {
	x.mu.Lock()
	w, ok := x.held[fd]
	delete(x.held, fd)
	delete(x.byUUID, w.uuid)
	x.mu.Unlock()
	if !ok {
		return // closed meanwhile
	}
	go func() {
		defer unix.Close(fd)
		e, late := howEnded(fd, reapTime)
		e.pid = w.pid
		told(w.uuid, e)
		if !late {
			return
		}
		// Meanwhile the domain may have another process, which lives.
		if e, _ = howEnded(fd, reapLate); e.known && !x.watches(w.uuid) {
			e.pid = w.pid
			told(w.uuid, e)
		}
	}()
}

// howEnded asks the kernel how a process has ended. It waits for some time until
// it is reaped; late reports that it was not.
func howEnded(fd int, wait time.Duration) (e exit, late bool) {
	status, err := exitStatus(fd)
	if errors.Is(err, unix.EAGAIN) {
		awaitReaped(fd, wait)
		status, err = exitStatus(fd)
	}
	switch {
	case err != nil:
	case status.Signaled():
		e.known, e.signal = true, status.Signal()
	case status.Exited():
		e.known, e.status = true, status.ExitStatus()
	}
	return e, errors.Is(err, unix.EAGAIN)
}

// awaitReaped waits for some time until a process is reaped. Signals do not shorten it:
// who ends a process of its own is told so by one, just then.
func awaitReaped(fd int, wait time.Duration) {
	reaped := []unix.PollFd{{Fd: int32(fd)}} // POLLHUP
	for end := time.Now().Add(wait); ; {
		left := max(time.Until(end), 0)
		_, err := unix.Poll(reaped, int((left+time.Millisecond-1)/time.Millisecond))
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// exitStatus returns how a process has ended, as wait does; EAGAIN while it is
// not reaped.
func exitStatus(fd int) (syscall.WaitStatus, error) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	if err := unix.IoctlPidfdInfo(fd, &info); err != nil {
		return 0, err
	}
	if info.Mask&unix.PIDFD_INFO_EXIT == 0 {
		return 0, unix.EAGAIN
	}
	return syscall.WaitStatus(uint32(info.Exit_code)), nil
}
