package flood

import "encoding/binary"

// seen is a flow that entered an agent lately. Two share a cache line.
type seen struct {
	flow  uint64
	agent uint32
	port  uint32
	last  uint32 // ms, wrapping
	told  uint32
	count uint32
	_     uint32
}

// sight remembers a flow that enters an agent, and tells when it was seen
// again: only flows that are sampled more than once show a path.
func (t *Table) sight(s *sample) {
	f := s.f
	agent, port := f.Est.Vantage.Agent, f.Sample.Input.Value|f.Sample.Input.Format<<30
	flow := s.flow
	now := uint32(s.at / 1e6)
	c := t.sighted(s)
	if c.flow != flow || c.agent != agent || c.port != port {
		if c.count > 1 && now-c.last < 2000 {
			c.count--
			return
		}
		*c = seen{flow: flow, agent: agent, port: port, last: now, told: now - 1000, count: 1}
		return
	}
	c.count = min(c.count+1, 8)
	c.last = now
	if now-c.told < 1000 || len(t.out.Sightings) == cap(t.out.Sightings) {
		return
	}
	c.told = now
	var mac uint64
	if m := &f.Header.SrcMAC; *m != [6]byte{} {
		mac = mix(uint64(binary.BigEndian.Uint16(m[:]))<<32|uint64(binary.BigEndian.Uint32(m[2:])), t.seed[3])
	}
	t.out.Sightings = append(t.out.Sightings, Sighting{
		Flow: flow, MAC: mac, At: s.at, Agent: agent, Port: port, TTL: f.Header.TTL,
	})
}

// sighted is where a flow is remembered that enters an agent.
func (t *Table) sighted(s *sample) *seen {
	return &t.seen[(s.flow^uint64(s.f.Est.Vantage.Agent)*0x9e3779b97f4a7c15>>48)%uint64(len(t.seen))]
}
