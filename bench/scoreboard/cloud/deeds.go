package cloud

import (
	"time"

	"weir/decoder/witness"
)

// Kill ends weir-agent at once, without a word.
func (n *Node) Kill() { n.killed = true }

// Block keeps all that is said on the node from the collector.
func (n *Node) Block(blocked bool) { n.agent.blocked, n.ovs.blocked = blocked, blocked }

// Down takes the node's power.
func (n *Node) Down() { n.up = false }

// Up gives it back: the node boots, and all that runs on it.
func (n *Node) Up() {
	n.up, n.killed, n.ovsOff = true, false, false
	n.bootID++
	n.boot, n.beats, n.events = n.c.now, 0, 0
	n.agent.started, n.agent.seq, n.ovs.started, n.ovs.seq = n.c.now, 0, n.c.now, 0
	n.agent.open, n.ovs.open = false, false
	n.event(witness.AgentStarted, n.Name, witness.String(witness.Cause, "boot"))
	n.states()
}

// StopAgent ends weir-agent as somebody asked it to, and StartAgent starts it
// again.
func (n *Node) StopAgent(cause string) {
	n.event(witness.AgentStopping, n.Name, witness.String(witness.Cause, cause))
	started := n.agent.started
	n.c.At(50*time.Millisecond, func() {
		if n.agent.started == started {
			n.killed = true
		}
	})
}

// StartAgent starts weir-agent, of that version.
func (n *Node) StartAgent(cause, version string) {
	n.killed, n.version, n.beats, n.events = false, version, 0, n.events+1000
	n.agent.started, n.agent.seq, n.agent.open = n.c.now, 0, false
	n.event(witness.AgentStarted, n.Name, witness.String(witness.Cause, cause), witness.String(witness.Version, version))
	n.states()
}

// Befall lets something befall an instance, which weir-agent tells where it can
// see it.
func (n *Node) Befall(i *Instance, f Fate) {
	i.fate, i.since = f, n.c.now
	id := witness.String(witness.Name, i.Domain)
	switch f {
	case TapDown:
		n.event(witness.LinkDown, i.tap, witness.Gauge32(witness.IfIndex, i.index), witness.String(witness.Before, "up"), witness.String(witness.After, "down"),
			witness.String(witness.Admin, "down"), witness.String(witness.Oper, "down"))
	case Paused:
		i.state = "paused"
		n.event(witness.InstancePaused, i.UUID, id, witness.String(witness.Reason, "user"))
	case ShutOff:
		n.c.At(shutDown, func() {
			i.state, i.gone = "shutoff", true
			n.event(witness.LinkRemoved, i.tap, witness.Gauge32(witness.IfIndex, i.index))
			n.event(witness.InstanceStopped, i.UUID, id, witness.String(witness.Reason, "shutdown"))
		})
	case Crashed:
		i.state, i.gone = "crashed", true
		n.event(witness.LinkRemoved, i.tap, witness.Gauge32(witness.IfIndex, i.index))
		n.event(witness.InstanceCrashed, i.UUID, id, witness.String(witness.Reason, "failed"))
	}
}

// Tap is the interface that the instance is behind.
func (i *Instance) Tap() string { return i.tap }

// Down takes the switch's power: what it forwards is lost, too.
func (l *Leaf) Down() { l.up = false }

// Flush empties the node's packet filter.
func (n *Node) Flush() { n.open = true }

// Calm ends all knocking.
func (c *Cloud) Calm() { c.quiet = true }

// Open lets the instance's security group let everything through.
func (i *Instance) Open() { i.open = true }
