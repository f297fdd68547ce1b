package collector

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/collector/config"
)

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAlertsSayNamesOfAFile has a switch that sends flow samples and nothing
// else, and a file that is changed while weir runs.
func TestAlertsSayNamesOfAFile(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	path := writeFile(t, filepath.Join(t.TempDir(), "names.yaml"), "- {agent: 192.0.2.11, name: leaf1, interfaces: [{index: 9, name: Ethernet9, alias: to spine2, speed: 10G}]}\n")
	cfg.Names.Files = []string{path}
	r := start(t, cfg)
	e, c := newExporter("192.0.2.11"), r.dial("127.0.0.11")
	r.stream(e, c, func() bool { return r.saw("start") })
	for _, want := range []string{`"agent_name":"leaf1"`, `"input_name":"Ethernet9"`, `"input_alias":"to spine2"`} {
		if len(r.alerts.with(want)) == 0 {
			t.Errorf("no alert with %s: %s", want, r.alerts.all())
		}
	}

	writeFile(t, path, "- {agent: 192.0.2.11, name: leaf7}\n")
	r.reload <- cfg
	r.eventually("the new name", func() bool { all := r.agents(); return len(all) == 1 && all[0].Name == "leaf7" })
	writeFile(t, path, "- {agent: leaf7}\n")
	r.reload <- cfg
	r.eventually("a word on the broken file", func() bool { return len(r.log.with("names file not read again")) == 1 })
	if all := r.agents(); all[0].Name != "leaf7" {
		t.Errorf("after a broken file the agent is %q, want leaf7", all[0].Name)
	}
}

func TestNamesFileWithAMistakeIsAnError(t *testing.T) {
	cfg := testConfig(t)
	cfg.Names.Files = []string{writeFile(t, filepath.Join(t.TempDir(), "names.csv"), "agent,ifname\nleaf1,swp1\n")}
	_, err := newApp(cfg, IO{})
	if err == nil || !strings.Contains(err.Error(), `names.csv:2: agent "leaf1": not an IP address`) {
		t.Errorf("got %v", err)
	}
}

// TestNamesAreImportedAndKept has an inventory that serves names once.
func TestNamesAreImportedAndKept(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"agent": "192.0.2.11", "name": "leaf1", "interfaces": [{"name": "swp9", "alias": "to spine2"}]}]`)
	}))
	defer srv.Close()
	cfg := testConfig(t)
	cfg.Names.URL, cfg.Names.Refresh = srv.URL, 100*time.Millisecond
	named := func(r *running) {
		t.Helper()
		e, c := newExporter("192.0.2.11"), r.dial("127.0.0.11")
		r.send(c, e.counted("swp9"))
		r.eventually("name and alias", func() bool {
			all := r.agents()
			return len(all) == 1 && all[0].Name == "leaf1" && len(all[0].Interfaces) == 1 && all[0].Interfaces[0].Alias == "to spine2"
		})
	}
	r := start(t, cfg)
	named(r)
	srv.Close()
	r.eventually("a word in the status", func() bool {
		return strings.Contains(fmt.Sprint(r.status().Components), "does not answer")
	})
	r.stop()
	named(start(t, cfg)) // from what was kept
}

// TestNamesAreLearnedAnewAfterARestart asks a real snmpd.
func TestNamesAreLearnedAnewAfterARestart(t *testing.T) {
	path, err := exec.LookPath("snmpd")
	if err != nil {
		path = "/usr/sbin/snmpd"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("needs snmpd: apt-get install snmpd")
	}
	host := ownLoopback()
	port := freeUDP(t, host)
	snmpd := func(name string) (stop func()) {
		dir := t.TempDir()
		conf := writeFile(t, filepath.Join(dir, "snmpd.conf"), fmt.Sprintf(`agentaddress udp:%s:%d
rocommunity s3cret 127.0.0.1
sysName leaf1.example.net
override .1.3.6.1.2.1.31.1.1.1.1.9 octet_str "%s"
override .1.3.6.1.2.1.31.1.1.1.15.9 uinteger 40000
override .1.3.6.1.2.1.31.1.1.1.18.9 octet_str "to spine2"
`, host, port, name))
		cmd := exec.Command(path, "-f", "-Lo", "-C", "-c", conf)
		cmd.Env = append(os.Environ(), "MIBS=", "SNMP_PERSISTENT_DIR="+dir, "SNMPCONFPATH="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
		t.Cleanup(stop)
		listensUDP(t, host, port) // the second try is half a minute away
		return stop
	}
	t.Setenv("WEIR_TEST_COMMUNITY", "s3cret")
	community, err := config.ParseSecret("${WEIR_TEST_COMMUNITY}")
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t)
	cfg.SNMP = []config.SNMP{{Agents: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Port: uint16(port), Community: community}}

	stop := snmpd("Ethernet9")
	r := start(t, cfg)
	e, c := newExporter(host.String()), r.dial(host.String())
	e.uptime = 3_600_000
	for range 100 {
		r.send(c, e.flows(1))
	}
	number := uint32(1)
	iface := func() string { return r.app.shared.Interface(number, ifIndex) }
	r.eventually("the name of the interface", func() bool { return iface() == "Ethernet9" })
	if alias, speed := r.app.shared.Alias(number, ifIndex), r.app.shared.Speed(number, ifIndex); alias != "to spine2" || speed != 40e9 {
		t.Errorf("alias %q, speed %d", alias, speed)
	}
	r.eventually("the name of the agent", func() bool { return r.agents()[0].Name == "leaf1.example.net" })

	// The agent restarts, and its interfaces have other numbers.
	stop()
	e.uptime, e.sequence = 0, 0
	for range 10 {
		r.send(c, e.flows(1))
	}
	r.eventually("no name rather than a wrong one", func() bool { return iface() == "" })
	snmpd("Ethernet33")
	r.app.naming.poller.Again(host)
	r.eventually("the new name", func() bool { return iface() == "Ethernet33" })
	r.stop()

	// What was learned is there at once after a restart of the collector.
	cfg.SNMP[0].Port = uint16(freeUDP(t, host))
	r = start(t, cfg)
	r.send(r.dial(host.String()), newExporter(host.String()).flows(1))
	r.eventually("the name kept", func() bool { return iface() == "Ethernet33" })
}

// ownLoopback is a loopback address of this process alone: nobody else is given a
// port there that was free a moment ago.
func ownLoopback() netip.Addr {
	pid := os.Getpid() // 22 bits at most
	return netip.AddrFrom4([4]byte{127, 64 + byte(pid>>16), byte(pid >> 8), byte(pid)})
}

func freeUDP(t *testing.T, host netip.Addr) int {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// listensUDP waits until somebody holds a port: until then what is sent there is
// refused at once.
func listensUDP(t *testing.T, host netip.Addr, port int) {
	t.Helper()
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, uint16(port))))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		_, werr := c.Write([]byte{0})
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); werr == nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
	}
	t.Fatalf("nobody listens on %v:%d", host, port)
}
