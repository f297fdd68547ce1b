package lab

import (
	"errors"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/decoder/sflow"
)

// agentSeen is what an agent sent while the test listened.
type agentSeen struct {
	sequences []sflow.Seq
	names     map[string]uint32 // port names and their ifIndex
	samples   map[uint32]int    // flow samples of full-size frames, by input ifIndex
	rate      uint32
}

// listen reads sFlow on the collector's address until stop, then returns what
// each agent sent; look calls each with what it sent so far. It fails the test on
// anything the codec cannot read.
func listen(t *testing.T, l *Lab) (look func(each func(agent string, seen *agentSeen)), stop func() map[string]*agentSeen) {
	t.Helper()
	var conn net.PacketConn
	l.In(l.Collector, func() {
		var err error
		if conn, err = net.ListenPacket("udp", CollectorAddr+":6343"); err != nil {
			t.Fatal(err)
		}
	})
	var mu sync.Mutex
	all := map[string]*agentSeen{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, sflow.MaxPayload)
		for {
			n, _, err := conn.ReadFrom(b)
			if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			take(t, all, b[:n])
			mu.Unlock()
		}
	}()
	look = func(each func(agent string, seen *agentSeen)) {
		mu.Lock()
		defer mu.Unlock()
		for agent, seen := range all {
			each(agent, seen)
		}
	}
	return look, func() map[string]*agentSeen {
		conn.Close()
		<-done
		return all
	}
}

func take(t *testing.T, all map[string]*agentSeen, b []byte) {
	var d sflow.Datagram
	if err := d.Decode(b); err != nil {
		t.Errorf("datagram: %v", err)
		return
	}
	a := all[d.Agent.String()]
	if a == nil {
		a = &agentSeen{names: map[string]uint32{}, samples: map[uint32]int{}}
		all[d.Agent.String()] = a
	}
	a.sequences = append(a.sequences, d.Sequence)
	for s, err := range d.Samples() {
		if err == nil && s.Format == sflow.FormatFlowSample {
			err = a.flow(s)
		} else if err == nil {
			err = a.counter(s)
		}
		if err != nil {
			t.Errorf("sample %d: %v", s.Index, err)
		}
	}
}

func (a *agentSeen) flow(s sflow.Sample) error {
	var f sflow.FlowSample
	if err := f.Decode(s); err != nil {
		return err
	}
	a.rate = f.SamplingRate
	for r, err := range f.Records() {
		if err != nil {
			return err
		}
		if r.Format != sflow.FormatSampledHeader {
			continue
		}
		var h sflow.SampledHeader
		if err := h.Decode(r); err != nil {
			return err
		}
		if h.FrameLength > 1400 {
			a.samples[f.Input.Value]++
		}
	}
	return nil
}

func (a *agentSeen) counter(s sflow.Sample) error {
	var c sflow.CounterSample
	if err := c.Decode(s); err != nil {
		return err
	}
	for r, err := range c.Records() {
		if err != nil {
			return err
		}
		x := sflow.NewCounterRecord(r.Format)
		if x == nil {
			return errors.New("counter record " + r.Format.String() + " is not known")
		}
		if err := x.Decode(r); err != nil {
			return err
		}
		if p, ok := x.(*sflow.PortName); ok {
			a.names[string(p.Name)] = c.Source.Index
		}
	}
	return nil
}

// TestOpenVSwitchIsRead sends a paced flow between instances on two nodes and
// reads what their bridges export with our codec: both agents, all ports by
// name, no gap, and as many samples as packets sent, within chance.
func TestOpenVSwitchIsRead(t *testing.T) {
	l := New(t)
	one, two := l.Node("one"), l.Node("two")
	a, b := one.Instance("a"), two.Instance("b")
	look, stop := listen(t, l)
	const rate = 20
	one.SFlow("br0", rate, 1)
	two.SFlow("br0", rate, 1)
	sent := a.IPerf(b, "udp", 50e6, 3*time.Second)
	count := func() (n int) {
		look(func(_ string, seen *agentSeen) {
			for _, of := range seen.samples {
				n += of
			}
		})
		return n
	}
	l.Eventually(10*time.Second, "no more samples coming", func() bool {
		n := count()
		time.Sleep(1500 * time.Millisecond)
		return n == count()
	})
	l.Eventually(5*time.Second, "all ports told by name", func() bool {
		seen := map[string]bool{}
		look(func(agent string, s *agentSeen) {
			for port := range s.names {
				seen[agent+" "+port] = true
			}
		})
		for node, tap := range map[*Node]string{one: a.Tap, two: b.Tap} {
			for _, port := range []string{tap, "eth1", "br0"} {
				if !seen[node.Addr+" "+port] {
					return false
				}
			}
		}
		return true
	})
	all := stop()

	if len(all) != 2 {
		t.Errorf("%d agents, want %s and %s", len(all), one.Addr, two.Addr)
	}
	for _, c := range []struct {
		node  *Node
		inst  *Instance
		input string // the port by which the flow enters
	}{{one, a, a.Tap}, {two, b, "eth1"}} {
		s := all[c.node.Addr]
		if s == nil {
			t.Errorf("nothing from %s", c.node.Addr)
			continue
		}
		for _, name := range []string{c.inst.Tap, "eth1", "br0"} {
			if s.names[name] != c.node.IfIndex(name) {
				t.Errorf("%s: port %s has ifIndex %d, want %d; all: %v", c.node.Addr, name, s.names[name], c.node.IfIndex(name), s.names)
			}
		}
		for i := 1; i < len(s.sequences); i++ {
			if gap := s.sequences[i].Sub(s.sequences[i-1]); gap != 1 {
				t.Errorf("%s: sequence %d after %d", c.node.Addr, s.sequences[i], s.sequences[i-1])
			}
		}
		// A binomial count: 5 standard deviations, and 1 % for the last ones.
		high, low := float64(sent.Packets)/rate, float64(sent.Packets-sent.Lost)/rate
		got := float64(s.samples[c.node.IfIndex(c.input)])
		if got > high+5*math.Sqrt(high) || got < 0.99*low-5*math.Sqrt(low) || s.rate != rate {
			t.Errorf("%s: %v samples at 1 in %d of %d packets, %d of which were lost", c.node.Addr, got, s.rate, sent.Packets, sent.Lost)
		}
	}
	if t.Failed() {
		t.Logf("iperf3: %+v", sent)
	}
}

// TestLabLeavesNothing checks that a lab removes its namespaces and processes.
func TestLabLeavesNothing(t *testing.T) {
	var pids []int
	var name string
	t.Run("lab", func(t *testing.T) {
		l := New(t)
		n := l.Node("one")
		n.Instance("a")
		pids, name = []int{n.DB.Pid(), n.Switchd.Pid()}, l.name
	})
	if name == "" {
		t.Skip("the lab could not be made: see its own reason")
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d still runs", pid)
		}
	}
	entries, err := os.ReadDir("/run/netns")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), name+"-") {
			t.Errorf("namespace %s is still there", e.Name())
		}
	}
}
