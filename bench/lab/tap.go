package lab

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// TapInstance is Instance on a bridge of the node with a port as QEMU has it: a
// tap, whose carrier does not follow what the instance does with its interface.
func (n *Node) TapInstance(bridge, name string) *Instance {
	n.lab.t.Helper()
	v := n.wired(name, (*Instance).taps)
	v.Plug(bridge)
	return v
}

// taps joins the instance with its port as QEMU does: a tap at either end, and
// this process hands the frames on until the lab ends.
func (v *Instance) taps() {
	l := v.lab
	l.t.Helper()
	out, in := l.tap(v.Node.NS, v.Tap), l.tap(v.NS, "eth0")
	ended := make(chan struct{}, 2)
	for _, way := range [...][2]*os.File{{out, in}, {in, out}} {
		go func() {
			hand(way[1], way[0])
			ended <- struct{}{}
		}()
	}
	l.t.Cleanup(func() {
		_, _ = in.Close(), out.Close()
		<-ended
		<-ended
	})
}

// hand copies frames until one of both taps is closed. What an interface that is
// down does not take is lost, and one that is down has none.
func hand(to, from *os.File) {
	frame := make([]byte, 1<<16)
	for {
		n, err := from.Read(frame)
		if err != nil {
			return
		}
		if _, err = to.Write(frame[:n]); errors.Is(err, os.ErrClosed) {
			return
		}
	}
}

// tap makes a tap in a namespace; it is gone when it is closed, at the latest
// when the lab ends.
func (l *Lab) tap(ns, name string) (tap *os.File) {
	l.t.Helper()
	var err error
	l.In(ns, func() { tap, err = openTap(name) })
	if err != nil {
		l.t.Fatalf("tap %s: %v", name, err)
	}
	l.t.Cleanup(func() { _ = tap.Close() })
	return tap
}

// openTap makes a tap in the thread's namespace; it is gone when it is closed.
func openTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
