package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// LinuxBridge makes a Linux bridge on the node.
func (n *Node) LinuxBridge(name string) {
	n.lab.t.Helper()
	n.lab.ip("-n", n.NS, "link", "add", name, "type", "bridge")
	n.lab.ip("-n", n.NS, "link", "set", name, "up")
}

// NIC makes a further network interface whose cable ends beside the collector.
func (n *Node) NIC(name string) {
	n.lab.t.Helper()
	far := fmt.Sprintf("n%d-%s", n.number, name)
	n.lab.ip("-n", n.NS, "link", "add", name, "type", "veth", "peer", "name", far, "netns", n.lab.Collector)
	n.lab.ip("-n", n.lab.Collector, "link", "set", far, "up")
	n.lab.ip("-n", n.NS, "link", "set", name, "up")
}

// OVSBridge makes a bridge of Open vSwitch without an uplink.
func (n *Node) OVSBridge(name string) {
	n.lab.t.Helper()
	n.VSCtl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev")
}

// InstanceOn makes an instance on the node, at a port of one of its bridges. On a
// Linux bridge the port is a tap, which this process holds as QEMU does, and there
// is nobody behind it.
func (n *Node) InstanceOn(bridge, name string) *Instance {
	l := n.lab
	l.t.Helper()
	if n.Switchd != nil {
		v := n.instance(name)
		v.Plug(bridge)
		return v
	}
	v := &Instance{lab: l, Node: n, Name: name, Tap: "tap-" + name}
	l.tap(n.NS, v.Tap)
	l.ip("-n", n.NS, "link", "set", v.Tap, "master", bridge, "up")
	return v
}

// HostOn makes an instance on the node with somebody behind its port of a Linux
// bridge: a namespace, as on Open vSwitch.
func (n *Node) HostOn(bridge, name string) *Instance {
	n.lab.t.Helper()
	v := n.instance(name)
	n.lab.ip("-n", n.NS, "link", "set", v.Tap, "master", bridge)
	return v
}

// UUID is the instance's in the database of Open vSwitch.
func (v *Instance) UUID() string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", v.number) }

// RunDir is the folder of the sockets of the node's Open vSwitch.
func (n *Node) RunDir() string { return n.run }

// Socket is libvirtd's for readers.
func (h *Hypervisor) Socket() string { return filepath.Join(h.dir, "run/libvirt-sock-ro") }

// OFCtl runs ovs-ofctl on a bridge of the node.
func (n *Node) OFCtl(bridge, command string, args ...string) {
	n.lab.t.Helper()
	n.lab.Exec(n.NS, append([]string{"ovs-ofctl", command, "unix:" + filepath.Join(n.run, bridge+".mgmt")}, args...)...)
}

// Env is what the commands of the node's Open vSwitch need in their environment
// to find it.
func (n *Node) Env() []string {
	if n.run == "" {
		return nil
	}
	return append(n.ovsEnv(), "OVSDB=unix:"+n.in("db.sock"))
}

// Run runs a shell command in the network namespace to its end. Unlike Exec it
// is started without a further program between, so that what it does happens
// soon after.
func (l *Lab) Run(ns string, env []string, command string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	if fields := strings.Fields(command); !strings.ContainsAny(command, "|&;<>()$`\\\"'*?#~=%{}\n") {
		cmd = exec.CommandContext(ctx, fields[0], fields[1:]...)
	}
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	var err error
	l.In(ns, func() { err = cmd.Start() })
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("in %s: %s: %w: %s", ns, command, err, tail(out.String()))
	}
	return nil
}

// Talk lets two instances talk until the lab ends: so many packets a second
// there, and each comes back; a tenth of them begin a connection.
func (l *Lab) Talk(a, b *Instance, rate int) {
	l.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	const port = ":" + talkPort
	var done []<-chan struct{}
	done = append(done, l.Go(b.NS, func() { echo(ctx, b.Addr+port) }), l.Go(b.NS, func() { accept(ctx, b.Addr+port) }),
		l.Go(a.NS, func() { say(ctx, b.Addr+port, time.Second/time.Duration(rate)) }),
		l.Go(a.NS, func() { connect(ctx, b.Addr+port, 10*time.Second/time.Duration(rate)) }))
	l.t.Cleanup(func() {
		stop()
		for _, d := range done {
			<-d
		}
	})
}

// talkPort is where Talk is answered, over UDP and TCP.
const talkPort = "7777"

// echo sends every datagram back.
func echo(ctx context.Context, addr string) {
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	b := make([]byte, 2048)
	for ctx.Err() == nil {
		n, from, err := c.ReadFrom(b)
		if err == nil {
			_, _ = c.WriteTo(b[:n], from)
		}
	}
}

// accept takes connections and closes them.
func accept(ctx context.Context, addr string) {
	s, err := net.Listen("tcp", addr)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	for ctx.Err() == nil {
		if c, err := s.Accept(); err == nil {
			_ = c.Close()
		}
	}
}

// say sends a datagram at every interval, whatever becomes of it.
func say(ctx context.Context, addr string, every time.Duration) {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return
	}
	defer c.Close()
	tick := time.NewTicker(every)
	defer tick.Stop()
	b := make([]byte, 200)
	for ctx.Err() == nil {
		<-tick.C
		_, _ = c.Write(b)
	}
}

// connect begins a connection at every interval.
func connect(ctx context.Context, addr string, every time.Duration) {
	d := net.Dialer{Timeout: time.Second}
	for ctx.Err() == nil {
		time.Sleep(every)
		if c, err := d.DialContext(ctx, "tcp", addr); err == nil {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}
}

// Fatal ends what is being done, as the lab's own methods do where they fail.
func (l *Lab) Fatal(args ...any) {
	l.t.Helper()
	l.t.Fatal(args...)
}
