package neighbour

import (
	"net/netip"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/source"
)

// Bounds and times.
const (
	maxAddresses  = 16                  // of one port that are known
	maxPending    = 64                  // addresses of one port that are asked for
	claimLasts    = time.Minute         // an address stays its port's without being used
	askedEnough   = 3                   // requests without an answer
	askedLong     = 3 * time.Second / 2 // since the first of them, of those that come each second
	forgetAfter   = 30 * time.Second    // without a further request
	dhcpTellEvery = time.Second         // requests of one port are told no faster
)

// tracker joins what is heard.
type tracker struct {
	ports  map[uint32]*port
	owners map[netip.Addr]uint32 // port of an instance's address
}

// port is an instance's tap.
type port struct {
	name      string
	mac       sflow.MAC // of the instance, as it last spoke
	requests  uint64    // ARP requests for its addresses
	answers   uint64    // ARP replies it sent
	addresses map[netip.Addr]time.Time
	pending   map[netip.Addr]*question

	claimed bool      // an IPv6 address
	asking  bool      // DHCP, and not seen with an address since
	tries   uint32    // requests since it began to ask
	told    time.Time // when the last request was
}

// question is an address that is asked for.
type question struct {
	count       int
	first, last time.Time
	next        int // requests from which on it is told; askedEnough, then of twice as many each
}

func newTracker() *tracker {
	return &tracker{ports: map[uint32]*port{}, owners: map[netip.Addr]uint32{}}
}

// set says which interfaces are instances' taps.
func (t *tracker) set(taps map[uint32]string) {
	for index, p := range t.ports {
		if _, ok := taps[index]; ok {
			continue
		}
		for a := range p.addresses {
			if t.owners[a] == index {
				delete(t.owners, a)
			}
		}
		delete(t.ports, index)
	}
	for index, name := range taps {
		if p := t.ports[index]; p != nil {
			p.name = name
			continue
		}
		t.ports[index] = &port{name: name, addresses: map[netip.Addr]time.Time{}, pending: map[netip.Addr]*question{}}
	}
}

// frame takes what was heard on an interface.
func (t *tracker) frame(ifIndex uint32, b []byte, now time.Time, emit func(source.Event)) {
	from := t.ports[ifIndex] // nil: a network card
	if a, ok := parseARP(b); ok {
		t.arp(ifIndex, from, &a, now, emit)
		return
	}
	if from == nil {
		return
	}
	if kind, client, ok := parseDHCP(b); ok && (kind == dhcpDiscover || kind == dhcpRequest) {
		from.dhcp(client, "DHCP", now, emit)
	}
	// One that has an address may go on asking for one of IPv6 where there are none.
	if client, ok := parseDHCPv6(b); ok && !from.claimed && len(from.addresses) == 0 {
		from.dhcp(client, "DHCPv6", now, emit)
	}
	if a, owner, ok := parseClaim(b); ok {
		from.claimed, from.mac = true, owner
		from.answered(a, emit)
	}
}

func (t *tracker) arp(ifIndex uint32, from *port, a *arp, now time.Time, emit func(source.Event)) {
	if from != nil && !a.senderIP.IsUnspecified() {
		t.claim(ifIndex, from, a, now, emit)
		if !a.request {
			from.answers++
		}
	}
	if !a.request || a.senderIP == a.targetIP {
		return
	}
	owner, ok := t.owners[a.targetIP]
	p := t.ports[owner]
	if !ok || p == nil || owner == ifIndex {
		return
	}
	p.requests++
	q := p.pending[a.targetIP]
	if q == nil {
		if len(p.pending) >= maxPending {
			return
		}
		q = &question{first: now, next: askedEnough}
		p.pending[a.targetIP] = q
	}
	q.count++
	q.last = now
	p.ask(a.targetIP, q, now, emit)
}

// ask tells an address that is asked for in vain, and again of twice as many
// requests each, until one answers. At the last of them, those before it have had
// a second or so for that.
func (p *port) ask(a netip.Addr, q *question, now time.Time, emit func(source.Event)) {
	if q.count < q.next || now.Sub(q.first) < askedLong {
		return
	}
	q.next = 2 * q.count
	emit(source.Event{Name: witness.ARPUnanswered, Subject: p.mac.String(), More: []witness.Pair{
		witness.String(witness.Port, p.name), witness.String(witness.Address, a.String()), witness.Gauge32(witness.Count, uint32(q.count)),
		witness.Counter64(witness.Requests, p.requests), witness.Counter64(witness.Answers, p.answers),
	}})
}

// claim takes that an instance uses an address. Another one's is taken over only
// when that has not used it for a while: anybody can say anything.
func (t *tracker) claim(ifIndex uint32, p *port, a *arp, now time.Time, emit func(source.Event)) {
	if owner, ok := t.owners[a.senderIP]; ok && owner != ifIndex {
		if other := t.ports[owner]; other != nil && now.Sub(other.addresses[a.senderIP]) < claimLasts {
			return
		}
	}
	if _, ok := p.addresses[a.senderIP]; !ok && len(p.addresses) >= maxAddresses {
		return
	}
	p.addresses[a.senderIP] = now
	p.mac = a.senderMAC
	t.owners[a.senderIP] = ifIndex
	delete(p.pending, a.senderIP)
	p.answered(a.senderIP, emit)
}

// answered takes that the instance uses an address.
func (p *port) answered(a netip.Addr, emit func(source.Event)) {
	if !p.asking {
		return
	}
	p.asking = false
	emit(source.Event{Name: witness.DHCPAnswered, Subject: p.mac.String(), More: []witness.Pair{
		witness.String(witness.Port, p.name), witness.String(witness.Address, a.String()),
		witness.Gauge32(witness.Count, p.tries),
	}})
	p.tries = 0
}

// dhcp takes that the instance asks for an address by that protocol.
func (p *port) dhcp(client sflow.MAC, protocol string, now time.Time, emit func(source.Event)) {
	p.mac = client
	p.asking = true
	p.tries++
	if !p.told.IsZero() && now.Sub(p.told) < dhcpTellEvery {
		return
	}
	p.told = now
	emit(source.Event{Name: witness.DHCPRequest, Subject: client.String(), Reason: protocol, More: []witness.Pair{
		witness.String(witness.Port, p.name), witness.Gauge32(witness.Count, p.tries),
	}})
}

// check tells what was asked for too fast at first, and forgets what nobody asks
// for any more.
func (t *tracker) check(now time.Time, emit func(source.Event)) {
	for _, p := range t.ports {
		for a, q := range p.pending {
			if now.Sub(q.last) > forgetAfter {
				delete(p.pending, a)
				continue
			}
			p.ask(a, q, now, emit)
		}
	}
}
