package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// guestPorts are where whoever looks for open doors knocks: an instance serves at
// the first of them.
var guestPorts = [...]uint16{22, 23, 445, 3389}

// behind plugs the instance's port into a Linux bridge of its own, which a pair of
// interfaces joins with a bridge of Open vSwitch, as Neutron does where iptables
// are the firewall: what passes that bridge passes the node's packet filter.
func (v *Instance) behind(bridge string) {
	l, ns := v.lab, v.Node.NS
	qbr, qvb, qvo := "qbr-"+v.Name, "qvb-"+v.Name, "qvo-"+v.Name
	l.ip("-n", ns, "link", "add", qbr, "type", "bridge", "forward_delay", "0")
	l.ip("-n", ns, "link", "add", qvb, "type", "veth", "peer", "name", qvo)
	for _, port := range []string{qvb, v.Tap} {
		l.ip("-n", ns, "link", "set", port, "master", qbr, "up")
	}
	l.ip("-n", ns, "link", "set", qvo, "up")
	l.ip("-n", ns, "link", "set", qbr, "up")
	v.Node.VSCtl("add-port", bridge, qvo, "--", "set", "interface", qvo,
		"external_ids:iface-id="+v.Name, fmt.Sprintf("external_ids:vm-id=00000000-0000-0000-0000-%012d", v.number))
}

// Guarded makes an instance whose packets pass the node's packet filter: on a
// Linux bridge, or on one of its own before a bridge of Open vSwitch. It serves
// where strangers knock as well. The host's side of its interface has the address
// that libvirt would give it.
func (n *Node) Guarded(bridge, name string) *Instance {
	l := n.lab
	l.t.Helper()
	v := n.instance(name)
	l.ip("-n", n.NS, "link", "set", v.Tap, "address", fmt.Sprintf("fe:00:00:00:%02x:%02x", v.number>>8, v.number&255))
	if n.Switchd != nil {
		v.behind(bridge)
	} else {
		l.ip("-n", n.NS, "link", "set", v.Tap, "master", bridge)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := l.Go(v.NS, func() { accept(ctx, fmt.Sprintf("%s:%d", v.Addr, guestPorts[0])) })
	l.t.Cleanup(func() {
		stop()
		<-done
	})
	return v
}

// Uplink plugs the node's eth1 into a Linux bridge.
func (n *Node) Uplink(bridge string) {
	n.lab.t.Helper()
	n.lab.ip("-n", n.NS, "link", "set", bridge, "type", "bridge", "forward_delay", "0")
	n.lab.ip("-n", n.NS, "link", "set", "eth1", "master", bridge)
}

// Chain is the chain of the node's packet filter for what comes to the instance.
func (v *Instance) Chain() string { return fmt.Sprintf("weir-i%d", v.number) }

// Filter writes rules of security groups for instances to a file, for
// iptables-nft-restore: what belongs to a connection, ICMP and what Talk says come
// in, and nothing leaves with another's address.
func (n *Node) Filter(file string, all []*Instance) {
	l := n.lab
	l.t.Helper()
	var chains, rules strings.Builder
	for _, v := range all {
		in, out := v.Chain(), fmt.Sprintf("weir-o%d", v.number)
		fmt.Fprintf(&chains, ":%s - [0:0]\n:%s - [0:0]\n", in, out)
		fmt.Fprintf(&rules, "-A weir-sg -m physdev --physdev-out %[1]s --physdev-is-bridged -j %[2]s\n-A weir-sg -m physdev --physdev-in %[1]s --physdev-is-bridged -j %[3]s\n", v.Tap, in, out)
		fmt.Fprintf(&rules, "-A %[1]s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A %[1]s -p icmp -j ACCEPT\n-A %[1]s -p tcp --dport %[2]s -j ACCEPT\n-A %[1]s -p udp --dport %[2]s -j ACCEPT\n-A %[1]s -j DROP\n", in, talkPort)
		fmt.Fprintf(&rules, "-A %[1]s -s %[2]s/32 -m mac --mac-source %[3]s -j RETURN\n-A %[1]s -j DROP\n", out, v.Addr, v.mac())
	}
	text := "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:weir-sg - [0:0]\n" + chains.String() +
		"-A FORWARD -m physdev --physdev-is-bridged -j weir-sg\n" + rules.String() + "COMMIT\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// Stranger makes a host at the instances' network that is on no node.
func (l *Lab) Stranger(name string) *Instance {
	l.t.Helper()
	l.instances++
	v := &Instance{lab: l, Name: name, NS: l.namespace(name), number: l.instances, Tap: fmt.Sprintf("s%d", l.instances)}
	v.Addr = fmt.Sprintf("10.9.%d.%d", 200+(v.number-1)/250, (v.number-1)%250+1)
	l.ip("-n", l.Collector, "link", "add", v.Tap, "type", "veth", "peer", "name", "eth0", "netns", v.NS)
	l.ip("-n", l.Collector, "link", "set", v.Tap, "master", "br-data", "up")
	l.ip("-n", v.NS, "addr", "add", v.Addr+"/16", "dev", "eth0")
	l.ip("-n", v.NS, "link", "set", "eth0", "up")
	l.Exec(v.NS, "ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off")
	return v
}

// Attack is what strangers do to instances, and theirs to others. Pause may be
// set at any time.
type Attack struct{ Pause atomic.Bool }

// Knock lets a stranger try so many handshakes a second at each of some instances
// until the lab ends, at ports in turns.
func (a *Attack) Knock(from *Instance, at []*Instance, rate int) {
	l := from.lab
	l.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := l.Go(from.NS, func() { a.knock(ctx, at, time.Second/time.Duration(rate*len(at))) })
	l.t.Cleanup(func() {
		stop()
		<-done
	})
}

// knockFor is how long an answer is waited for: less than until SYN is sent again.
const knockFor = 700 * time.Millisecond

func (a *Attack) knock(ctx context.Context, at []*Instance, every time.Duration) {
	type try struct {
		fd  int
		end time.Time
	}
	var open []try
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		now := <-tick.C
		for len(open) > 0 && now.After(open[0].end) {
			_ = unix.Close(open[0].fd)
			open = open[1:]
		}
		if a.Pause.Load() {
			continue
		}
		to := &unix.SockaddrInet4{Port: int(guestPorts[i/len(at)%len(guestPorts)]), Addr: [4]byte(net.ParseIP(at[i%len(at)].Addr).To4())}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			continue
		}
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		_ = unix.Connect(fd, to) // in progress
		open = append(open, try{fd, now.Add(knockFor)})
	}
	for _, t := range open {
		_ = unix.Close(t.fd)
	}
}

// Spoof lets an instance send so many datagrams a second to a stranger with
// addresses that are not its own, until the lab ends.
func (a *Attack) Spoof(from, to *Instance, rate int) {
	l := from.lab
	l.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := l.Go(from.NS, func() { a.spoof(ctx, to, time.Second/time.Duration(rate)) })
	l.t.Cleanup(func() {
		stop()
		<-done
	})
}

func (a *Attack) spoof(ctx context.Context, to *Instance, every time.Duration) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	dst := [4]byte(net.ParseIP(to.Addr).To4())
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := byte(0); ctx.Err() == nil; i++ {
		<-tick.C
		if a.Pause.Load() {
			continue
		}
		b := make([]byte, 20+8+64)
		b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_UDP // the kernel fills in length, number and checksum
		copy(b[12:], []byte{203, 0, 113, i})
		copy(b[16:], dst[:])
		binary.BigEndian.PutUint16(b[20:], 40000)
		binary.BigEndian.PutUint16(b[22:], 123)
		binary.BigEndian.PutUint16(b[24:], 8+64)
		_ = unix.Sendto(fd, b, 0, &unix.SockaddrInet4{Addr: dst})
	}
}
