package snmp

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/names"
)

// localhost is a loopback address of this process alone: nobody else is given a
// port there that was free a moment ago.
var localhost = func() netip.Addr {
	pid := os.Getpid() // 22 bits at most
	return netip.AddrFrom4([4]byte{127, 64 + byte(pid>>16), byte(pid >> 8), byte(pid)})
}()

// agentConf is the configuration of a real snmpd that calls itself a switch:
// its interfaces are this machine's, but for what it says of lo.
const agentConf = `agentaddress udp:%s:%d
rocommunity public 127.0.0.1
createUser weir SHA-256 "authpassword" AES "privpassword"
rouser weir priv
sysName %s
override .1.3.6.1.2.1.31.1.1.1.18.1 octet_str "to spine2"
override .1.3.6.1.2.1.31.1.1.1.15.1 uinteger 100000
`

// startSNMPD runs snmpd until the test ends or stop is called.
func startSNMPD(t *testing.T, port int, name string) (stop func()) {
	t.Helper()
	path, err := exec.LookPath("snmpd")
	if err != nil {
		path = "/usr/sbin/snmpd"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("needs snmpd: apt-get install snmpd")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "snmpd.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, agentConf, localhost, port, name), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-f", "-Lo", "-C", "-c", conf)
	cmd.Env = append(os.Environ(), "MIBS=", "SNMP_PERSISTENT_DIR="+dir, "SNMPCONFPATH="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if t.Failed() {
				t.Logf("snmpd: %.2000s", out.String())
			}
		})
	}
	t.Cleanup(stop)
	a := Access{Agents: []netip.Prefix{netip.PrefixFrom(localhost, 32)}, Port: uint16(port), Community: "public", timeout: 2 * time.Second}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) { // refused at once while it starts
		if _, _, err := Read(t.Context(), localhost, a); err == nil {
			return stop
		}
	}
	t.Fatal("snmpd does not answer")
	return nil
}

func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(localhost, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func lo(d names.Device) names.Interface {
	i := slices.IndexFunc(d.Interfaces, func(x names.Interface) bool { return x.Name == "lo" })
	if i < 0 {
		return names.Interface{}
	}
	return d.Interfaces[i]
}

func TestReadAsksARealAgent(t *testing.T) {
	port, began := freePort(t), time.Now()
	startSNMPD(t, port, "leaf1")
	v3 := func(change func(*Access)) Access {
		a := Access{User: "weir", Auth: AuthSHA256, AuthPassword: "authpassword", Privacy: PrivacyAES, PrivacyPassword: "privpassword"}
		if change != nil {
			change(&a)
		}
		return a
	}
	for _, c := range []struct {
		name string
		a    Access
		want string // part of the error; "" is none
	}{
		{"v2c", Access{Community: "public"}, ""},
		{"v3", v3(nil), ""},
		{"wrong community", Access{Community: "private"}, "no answer"},
		{"v3, unknown user", v3(func(a *Access) { a.User = "nobody" }), "check user, auth"},
		{"v3, wrong password", v3(func(a *Access) { a.AuthPassword = "wrongpassword" }), "check user, auth"},
		{"v3, wrong privacy password", v3(func(a *Access) { a.PrivacyPassword = "wrongpassword" }), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.a.Port, c.a.timeout = uint16(port), 20*time.Second
			if c.want == "no answer" || strings.HasPrefix(c.name, "v3, wrong privacy") {
				c.a.timeout = 300 * time.Millisecond // which it takes
			}
			d, uptime, err := Read(t.Context(), localhost, c.a)
			switch {
			case strings.HasPrefix(c.name, "v3, wrong privacy"):
				if err == nil {
					t.Fatalf("read %+v", d)
				}
				return // some agents answer, others are silent: only that it is no success
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v, want an error with %q", err, c.want)
			case c.want != "":
				return
			case err != nil:
				t.Fatal(err)
			}
			if diff := cmp.Diff(names.Interface{Index: 1, Name: "lo", Alias: "to spine2", Speed: 100e9}, lo(d)); diff != "" {
				t.Errorf("lo (-want +got):\n%s", diff)
			}
			all, err := net.Interfaces()
			if err != nil {
				t.Fatal(err)
			}
			if d.Name != "leaf1" || len(d.Interfaces) < len(all) || uptime <= 0 || uptime > time.Since(began) {
				t.Errorf("device %q up for %v with %d interfaces, this machine has %d", d.Name, uptime, len(d.Interfaces), len(all))
			}
		})
	}
}

// TestPollerLearnsAnew follows an agent that is not there at first, then is,
// and then is another one.
func TestPollerLearnsAnew(t *testing.T) {
	port := freePort(t)
	learned := make(chan names.Device, 16)
	p := New(Config{
		Access: []Access{
			{Agents: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Port: uint16(port), Community: "public", timeout: 2 * time.Second},
		},
		Learned: func(d names.Device) { learned <- d },
		every:   time.Hour, retry: 50 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	wait := func(what string) names.Device {
		t.Helper()
		select {
		case d := <-learned:
			return d
		case <-time.After(time.Minute):
			t.Fatalf("%s: nothing learned; %+v", what, p.Stats())
			return names.Device{}
		}
	}
	p.Want([]netip.Addr{localhost, netip.MustParseAddr("192.0.2.1")})
	for p.Stats().Failed == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	if s := p.Stats(); s.Devices != 1 || s.Answered != 0 || !strings.HasPrefix(s.Error, localhost.String()+": ") {
		t.Errorf("nobody there: %+v", s)
	}
	stop := startSNMPD(t, port, "leaf1")
	if d := wait("started"); d.Name != "leaf1" || d.Agent != localhost || d.Learned.IsZero() || lo(d).Alias != "to spine2" {
		t.Errorf("learned %+v", d)
	}
	stop()
	startSNMPD(t, port, "leaf9")
	if !p.Again(localhost) {
		t.Error("not one to be asked")
	}
	if d := wait("restarted"); d.Name != "leaf9" {
		t.Errorf("learned %q, want leaf9", d.Name)
	}
	if p.Again(netip.MustParseAddr("192.0.2.1")) {
		t.Error("asks an agent outside the networks listed")
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		p.Want(nil) // one that is being asked goes when it has answered
		if s := p.Stats(); s.Devices == 0 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("still asks: %+v", s)
		}
	}
}

// TestReadIsBounded speaks to an agent that has no end of interfaces, or
// answers with nonsense.
func TestReadIsBounded(t *testing.T) {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(localhost, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		b := make([]byte, 4096)
		for i := 0; ; i++ {
			n, from, err := c.ReadFromUDP(b)
			if err != nil {
				return
			}
			b[n/2] ^= byte(i)
			_, _ = c.WriteToUDP(b[:n-i%3], from)
		}
	}()
	a := Access{Community: "public", Port: uint16(c.LocalAddr().(*net.UDPAddr).Port), timeout: 20 * time.Millisecond}
	for range 20 {
		if d, _, err := Read(t.Context(), localhost, a); err == nil && len(d.Interfaces) > 0 {
			t.Errorf("learned %+v of nonsense", d)
		}
	}
	s := session{rows: map[uint32]*names.Interface{}}
	if s.lacksSpeeds() {
		t.Error("no interface lacks no speed")
	}
}
