package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// keyedAgent is the address of the node under test.
const keyedAgent = "192.0.2.7"

// TestOnlySignedEvidenceResolves: weir-agent, as a program and with a key of its
// own, is stopped while a switch still sees its node: that is critical. What a
// forger sends in its name from another address and from its own (unsigned, signed
// with another key, or heard before) does not end that; the agent, once it runs
// again, does.
func TestOnlySignedEvidenceResolves(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "weir-agent")
	if out, err := exec.Command("go", "build", "-o", binary, "weir/cmd/weir-agent").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	key := strings.Repeat("0123456789abcdef", 4)
	agentKey := file(t, "key", key+"\n")
	keys := file(t, "keys", "# address and key of each node\n"+keyedAgent+" "+key+"\n")
	conf := file(t, "weir.yaml", fmt.Sprintf("listen: ['127.0.0.1:0']\nshards: 1\nstate_dir: %q\nhttp: ''\nlog: {format: json}\nagent_keys: 'file:%s'\n", filepath.Join(dir, "state"), keys))
	told, log, stop := start(t, "run", "--config", conf)
	collector := await(t, log, `"listen":\["([^"]+)"`)[1]
	wire := listenWire(t)

	agent := exec.Command(binary, "run", "--config", file(t, "agent.yaml", fmt.Sprintf(
		"collectors: [%q, %q]\nnode: cn7\nagent_address: %s\nstate_dir: %s\nkey_file: %s\noff: [libvirt, ovs, sampling, filter, service, logs, lldp, neighbour, login, drops]\n",
		collector, wire.addr(), keyedAgent, dir, agentKey)))
	agent.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = agent.Process.Kill()
		_ = agent.Wait()
	}()
	every(t, 100*time.Millisecond, func(n uint32) { wire.seenAtSwitch(t, collector, n) })
	wire.await(t, 9)

	if c := changeOf(told, "telemetry_tampered", "start"); c != nil {
		t.Fatalf("the agent itself is told to be forged: %s", told)
	}
	_ = agent.Process.Signal(syscall.SIGSTOP)
	silent := awaitChange(t, told, "telemetry_silent", "start")
	if silent.Severity != "critical" || silent.Subject.Node != "cn7" {
		t.Fatalf("told %+v, want critical of cn7", silent)
	}

	var forged atomic.Int32
	every(t, 200*time.Millisecond, func(n uint32) {
		forged.Add(int32(wire.forge(t, collector, n)))
	})
	for began := time.Now(); time.Since(began) < 6*time.Second || forged.Load() < 60; time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%d forged datagrams were sent", forged.Load())
		}
	}
	if c := changeOf(told, "telemetry_silent", "end"); c != nil {
		t.Fatalf("ended by a forger: %+v\n%s", c, told)
	}
	awaitChange(t, told, "telemetry_tampered", "start")
	if c := changeOf(told, "agent_moved", "start"); c != nil {
		t.Errorf("a forger took the agent over: %+v", c)
	}

	_ = agent.Process.Signal(syscall.SIGCONT)
	if end := awaitChange(t, told, "telemetry_silent", "end"); end.ID != silent.ID {
		t.Errorf("ended %s, want %s", end.ID, silent.ID)
	}
	if code := stop(); code != 0 {
		t.Errorf("code %d, log %s", code, log)
	}
}

// toldChange is what is looked at of an alert's line.
type toldChange struct {
	ID, Kind, Change, Severity string
	Subject                    struct{ Type, Node, Name string }
}

func changeOf(told *output, kind, change string) *toldChange {
	for line := range strings.Lines(told.String()) {
		var c toldChange
		if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &c) == nil && c.Kind == kind && c.Change == change {
			return &c
		}
	}
	return nil
}

func awaitChange(t *testing.T, told *output, kind, change string) *toldChange {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c := changeOf(told, kind, change); c != nil {
			return c
		}
	}
	t.Fatalf("no %s of %s in %s", change, kind, told)
	return nil
}

// every does something again and again until the test ends.
func every(t *testing.T, d time.Duration, do func(n uint32)) {
	t.Helper()
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for n := uint32(1); ; n++ {
			do(n)
			select {
			case <-done:
				return
			case <-time.After(d):
			}
		}
	}()
	t.Cleanup(func() {
		close(done)
		<-ended
	})
}

// onWire hears all that the agent sends, as somebody on its way does.
type onWire struct {
	conn *net.UDPConn
	mac  atomic.Pointer[sflow.MAC] // of the node
	beat atomic.Pointer[[]byte]    // a signed datagram
	n    atomic.Int32              // heartbeats
}

func listenWire(t *testing.T) *onWire {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	w := &onWire{conn: conn}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 65536)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			w.hear(append([]byte(nil), b[:n]...))
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return w
}

func (w *onWire) addr() string { return w.conn.LocalAddr().String() }

// hear looks at one datagram of the agent.
func (w *onWire) hear(b []byte) {
	var d sflow.Datagram
	if d.Decode(b) != nil {
		return
	}
	for s, err := range d.Samples() {
		if err != nil {
			return
		}
		var rt sflow.RTMetric
		if s.Format == sflow.FormatRTMetric && rt.Decode(s) == nil {
			if said, ok := witness.Parse(&rt); ok && string(said.Class) == witness.ClassHeartbeat && said.Signed() {
				w.beat.Store(&b)
				w.n.Add(1)
			}
			continue
		}
		var c sflow.CounterSample
		if c.Decode(s) != nil {
			continue
		}
		for r, err := range c.Records() {
			var host sflow.HostAdapters
			if err != nil || r.Format != sflow.FormatHostAdapters || host.Decode(r) != nil {
				continue
			}
			for ad := range host.Adapters.All() {
				for m := range ad.MACs.All() {
					if m != (sflow.MAC{}) && m[0]&1 == 0 {
						w.mac.CompareAndSwap(nil, &m)
					}
				}
			}
		}
	}
}

// await waits for so many heartbeats.
func (w *onWire) await(t *testing.T, n int32) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); w.n.Load() < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d signed heartbeats, want %d", w.n.Load(), n)
		}
	}
}

// say sends datagrams to the collector from a local address.
func (w *onWire) say(t *testing.T, from, collector string, datagrams ...[]byte) int {
	to, err := net.ResolveUDPAddr("udp", collector)
	if err != nil {
		t.Error(err)
		return 0
	}
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, to)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close()
	for _, d := range datagrams {
		_, _ = c.Write(d)
	}
	return len(datagrams)
}

// seenAtSwitch sends what a switch samples of the node's traffic.
func (w *onWire) seenAtSwitch(t *testing.T, collector string, n uint32) {
	header := make([]byte, 54)
	copy(header, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7})
	if m := w.mac.Load(); m != nil {
		copy(header[6:], m[:])
	}
	copy(header[12:], []byte{8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 7, 192, 0, 2, 9})
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: sflow.Seq(n), Uptime: 1000 + 100*n})
	b.FlowSample(&sflow.FlowSample{Sequence: sflow.Seq(n), Source: sflow.DataSource{Index: 3}, SamplingRate: 100, SamplePool: 100 * n, Input: sflow.Port{Value: 3}, Output: sflow.Port{Value: 4}},
		false, &sflow.SampledHeader{Protocol: 1, FrameLength: 64, Stripped: 4, Header: header})
	w.say(t, "127.0.0.3", collector, b.Bytes())
}

// forge sends what a forger can: heartbeats without a signature, with one of another
// key, and a whole datagram that was heard before.
func (w *onWire) forge(t *testing.T, collector string, n uint32) (sent int) {
	beat := func(signer *witness.Signer) []byte {
		var st witness.Statement
		st.Begin(witness.ClassHeartbeat, "cn7")
		st.Add(witness.Counter64(witness.Sequence, 1000+uint64(n)), witness.String(witness.BootID, hex.EncodeToString([]byte{byte(n)})),
			witness.Counter64(witness.Started, uint64(time.Now().Unix())), witness.String(witness.Modules, "link=ok"))
		signer.Sign(&st)
		var b sflow.Builder
		b.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr(keyedAgent), SubAgent: 100001, Sequence: sflow.Seq(100000 + n), Uptime: 1000 * n})
		b.Sample(st.Metric())
		b.CounterSample(&sflow.CounterSample{Sequence: sflow.Seq(n), Source: sflow.DataSource{Index: 2}}, false, &sflow.IfCounters{Index: 2, Status: 3})
		return append([]byte(nil), b.Bytes()...)
	}
	var unsigned *witness.Signer
	for _, from := range []string{"127.0.0.2", "127.0.0.1"} {
		sent += w.say(t, from, collector, beat(unsigned), beat(witness.NewSigner([]byte("another key of enough octets"))), *w.beat.Load())
	}
	return sent
}
