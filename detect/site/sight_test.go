package site

import (
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestHostOfAnAddressAlone: a node of which nothing but its address is known is
// watched for as long as that is so.
func TestHostOfAnAddressAlone(t *testing.T) {
	w := newWorld(t)
	host, leaf := w.node(0), w.node(0)
	leaf.member("swp1", 1, 0, true)
	ip := fact.IPv4(addr(host.addr).As4())
	watched := func() (now bool) {
		t.Helper()
		w.run(2 * time.Second)
		if l := w.site.Watchlist(); l == nil {
			t.Fatal("the list did not change")
		} else {
			now = l.HasHost(ip)
		}
		return now
	}
	if !watched() {
		t.Fatal("not watched")
	}
	w.tell(fact.Fact{Kind: fact.Seen, Agent: leaf.number, A: uint64(ip) | fact.HostIP, B: 1, C: 5})
	w.node(1) // somebody else, who changes the list
	if !watched() {
		t.Error("not watched any more since it was seen")
	}
	if p := w.site.nodes[host.addr].switchPort; p == nil || p.node != w.site.nodes[leaf.addr] {
		t.Error("not attached to the port that it was seen at")
	}
	host.owns(1)
	if watched() {
		t.Error("watched by its address although it has a MAC address")
	}
}
