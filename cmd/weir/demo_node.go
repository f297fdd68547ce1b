package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// The node of the demo that a weir-agent runs on: its bridge goes down and comes
// back.
const (
	demoNodeFrom  = "127.0.0.23"
	demoNodeAgent = "10.255.1.3"
	demoNodeName  = "hv3"
	demoBridge    = "brq4c7a91e0-5d"
	demoInstances = 6

	demoBridgeDown = 12 * time.Second // after the start, then every demoEvery
	demoBridgeUp   = 27 * time.Second
	demoEvery      = time.Minute
)

// demoNode makes the datagrams of that node.
type demoNode struct {
	conn     *net.UDPConn
	start    time.Time
	builder  sflow.Builder
	st       witness.Statement
	sequence sflow.Seq
	beats    uint64
	events   int
	down     bool
	ports    [demoInstances]demoTraffic
	rng      *rand.Rand
}

// sendDemoNode sends what the node's agent says every second, and what happens to
// its bridge at once, until ctx is done.
func sendDemoNode(ctx context.Context, to string) error {
	raddr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return err
	}
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(demoNodeFrom)}, raddr)
	if err != nil {
		return err
	}
	defer conn.Close()
	n := &demoNode{conn: conn, start: time.Now(), rng: rand.New(rand.NewPCG(1, 1))}
	tick, tenth := time.NewTicker(time.Second), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	defer tenth.Stop()
	down, up := time.NewTimer(demoBridgeDown), time.NewTimer(demoBridgeUp)
	defer down.Stop()
	defer up.Stop()
	n.poll()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			n.poll()
		case <-tenth.C:
			n.traffic()
		case <-down.C:
			n.bridge(true)
			down.Reset(demoEvery)
		case <-up.C:
			n.bridge(false)
			up.Reset(demoEvery)
		}
	}
}

// send sends one datagram. UDP promises nothing, and neither does the demo.
func (n *demoNode) send(fill func()) {
	n.sequence++
	n.builder.Reset(n.builder.Buffer()[:0], &sflow.Datagram{
		Agent: netip.MustParseAddr(demoNodeAgent), SubAgent: 1, Sequence: n.sequence, Uptime: uint32(time.Since(n.start).Milliseconds()) + 1000,
	})
	fill()
	_, _ = n.conn.Write(n.builder.Bytes())
}

func (n *demoNode) say(class, entity string, pairs ...witness.Pair) {
	n.st.Begin(class, entity)
	n.st.Add(pairs...)
	n.builder.Sample(n.st.Metric())
}

// poll sends the heartbeat and all states.
func (n *demoNode) poll() {
	n.beats++
	if n.beats%demoPolling == 1 {
		n.counters()
	}
	n.send(func() {
		n.say(witness.ClassHeartbeat, demoNodeName,
			witness.Counter64(witness.Sequence, n.beats), witness.String(witness.BootID, "demo"),
			witness.Counter64(witness.Started, uint64(n.start.Unix())), witness.Counter64(witness.BootTime, uint64(n.start.Unix()-86400)),
			witness.String(witness.Version, "demo"), witness.String(witness.Modules, "link=ok,libvirt=ok"))
		n.say(witness.ClassLink, demoBridge, n.link(2, "bridge", "")...)
		n.sayBridge()
	})
	for i := range demoInstances {
		n.send(func() {
			tap, mac := demoTapName(i), demoMAC(i)
			n.say(witness.ClassLink, tap, append(n.link(demoTap+uint32(i), "tap", demoBridge), witness.String(witness.MAC, mac))...)
			n.say(witness.ClassInstance, fmt.Sprintf("dead0300-0000-4000-8000-%012d", i+1),
				witness.String(witness.Name, fmt.Sprintf("instance-03%02x", i+1)), witness.String(witness.NovaName, fmt.Sprintf("web-%d", i+1)),
				witness.String(witness.ProjectName, "shop"), witness.String(witness.State, "running"), witness.String(witness.Taps, tap+"="+mac))
		})
	}
}

func (n *demoNode) sayBridge() {
	n.say(witness.ClassBridge, demoBridge, witness.String(witness.Kind, "linux"), witness.String(witness.Oper, n.state()), witness.String(witness.Admin, n.state()),
		witness.String(witness.Forwarding, map[bool]string{true: "no", false: "yes"}[n.down]),
		witness.Gauge32(witness.Ports, demoInstances), witness.Gauge32(witness.InstancePorts, demoInstances), witness.Gauge32(witness.CarrierPorts, demoInstances))
}

func (n *demoNode) state() string {
	if n.down {
		return "down"
	}
	return "up"
}

func (n *demoNode) link(index uint32, kind, master string) []witness.Pair {
	state := "up"
	if kind == "bridge" {
		state = n.state()
	}
	return []witness.Pair{
		witness.Gauge32(witness.IfIndex, index), witness.String(witness.Kind, kind), witness.String(witness.Master, master),
		witness.String(witness.Admin, state), witness.String(witness.Oper, state),
	}
}

// bridge tells that the bridge went down, or came back.
func (n *demoNode) bridge(down bool) {
	before := n.state()
	n.down = down
	n.events++
	name := witness.LinkUp
	if down {
		name = witness.LinkDown
	}
	n.send(func() {
		n.sayBridge()
		n.say(witness.ClassEvent, name, witness.String(witness.ID, fmt.Sprintf("demo-%d", n.events)), witness.Counter64(witness.At, uint64(time.Now().UnixNano())),
			witness.String(witness.Subject, demoBridge), witness.Gauge32(witness.IfIndex, 2), witness.String(witness.Before, before), witness.String(witness.After, n.state()),
			witness.String(witness.Admin, n.state()), witness.String(witness.Oper, n.state()))
	})
	n.poll()
}
