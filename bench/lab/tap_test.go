package lab

import (
	"strings"
	"testing"
	"time"
)

// Frames pass both ways, and the port is like QEMU's: what the instance does with
// its interface does not show at it, and it works on when that is up again.
func TestTapInstance(t *testing.T) {
	Need(t, busybox)
	l := New(t)
	n := l.Node("n1")
	a, b := n.TapInstance("br0", "a"), n.TapInstance("br0", "b")
	reaches := func() bool { return l.Run(a.NS, nil, busybox+" ping -c 1 -W 1 "+b.Addr) == nil }
	l.Eventually(10*time.Second, "answered", reaches)
	l.ip("-n", b.NS, "link", "set", "eth0", "down")
	if reaches() {
		t.Error("answered by an interface that is down")
	}
	if text := l.Exec(n.NS, "ip", "-d", "link", "show", b.Tap); !strings.Contains(text, "LOWER_UP") || !strings.Contains(text, "tun type tap") {
		t.Errorf("the port is no tap with a carrier: %s", text)
	}
	l.ip("-n", b.NS, "link", "set", "eth0", "up")
	l.Eventually(10*time.Second, "answered again", reaches)
	l.ip("-n", n.NS, "link", "set", b.Tap, "down")
	if reaches() {
		t.Error("answered through a port that is down")
	}
	l.ip("-n", n.NS, "link", "set", b.Tap, "up")
	l.Eventually(10*time.Second, "answered after that", reaches)
}
