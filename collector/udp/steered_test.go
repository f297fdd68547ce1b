package udp

import (
	"encoding/binary"
	"net/netip"
)

// shard is the hash that the kernel computes, in Go: the shard of shards that a
// datagram belongs to.
func (s steering) shard(payload []byte, source netip.Addr, shards int) int {
	if shards < 2 {
		return 0
	}
	h := s.start
	agentLen := 0
	if len(payload) >= offAgent+4 && binary.BigEndian.Uint32(payload[offVersion:]) == sflowVersion {
		switch binary.BigEndian.Uint32(payload[offAgentType:]) {
		case 1:
			agentLen = 4
		case 2:
			agentLen = 16
		}
	}
	if len(payload) >= offAgent+agentLen {
		for i := 0; i < agentLen; i += 4 {
			h = s.mix(h, binary.BigEndian.Uint32(payload[offAgent+i:]))
		}
	}
	if source = source.Unmap(); source.Is4() {
		a := source.As4()
		h = s.mix(h, binary.BigEndian.Uint32(a[:]))
	} else {
		a := source.As16()
		for i := 0; i < 16; i += 4 {
			h = s.mix(h, binary.BigEndian.Uint32(a[i:]))
		}
	}
	h ^= h >> 16
	h *= s.mul[1]
	h ^= h >> 15
	return int(h % uint32(shards))
}

func (s steering) mix(h, word uint32) uint32 {
	h = (h ^ word) * s.mul[0]
	return h ^ h>>15
}
