package cloud

import (
	"net/netip"
	"time"

	"weir/decoder/witness"
)

// Forge lets somebody speak in the name of the node's agent every second, from
// an address: with what weir-agent says, but for its key. Ending it is not
// possible; he never rests.
func (n *Node) Forge(from netip.Addr) {
	c := n.c
	f := &speaker{
		c: c, path: &path{}, agent: n.addr, from: netip.AddrPortFrom(from, 40001), sub: n.agent.sub, seq: n.agent.seq, started: n.agent.started,
	}
	key := c.wire.signer
	var beat func()
	beats := n.beats
	beat = func() {
		beats++
		c.wire.signer = nil
		f.say(&c.wire, witness.ClassHeartbeat, n.Name,
			witness.Counter64(witness.Sequence, beats), witness.String(witness.BootID, "boot-"+n.Name+"-0"),
			witness.Counter64(witness.Started, uint64(n.agent.started.Unix())), witness.String(witness.Modules, "link=ok,libvirt=ok"))
		f.flush()
		c.wire.signer = key
		c.At(time.Second, beat)
	}
	beat()
}

// Replay sends a signed heartbeat that was heard before again and again.
func (n *Node) Replay() {
	old := append([]byte(nil), n.heard...)
	c := n.c
	var again func()
	again = func() {
		c.arrive(old, n.agent.from, &path{})
		c.At(time.Second, again)
	}
	again()
}
