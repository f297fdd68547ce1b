package flood

import (
	"net/netip"

	"weir/detect/window"
)

// Key is a host or a prefix that may be a victim.
type Key struct {
	Addr   [16]byte // IPv4 in mapped form; zero behind Bits
	Domain uint32
	Bits   uint8 // of the prefix: 32 or 128 for a host
	V6     bool
}

// Prefix lengths that are watched as a whole.
const (
	prefixV4 = 24
	prefixV6 = 48
)

func hostKey(addr *[16]byte, domain uint32, v6 bool) Key {
	k := Key{Addr: *addr, Domain: domain, Bits: 32, V6: v6}
	if v6 {
		k.Bits = 128
	}
	return k
}

// prefix returns the prefix that a host is in.
func (k *Key) prefix() Key {
	p := *k
	if k.V6 {
		p.Bits = prefixV6
		clear(p.Addr[prefixV6/8:])
	} else {
		p.Bits = prefixV4
		clear(p.Addr[12+prefixV4/8:])
	}
	return p
}

// host reports whether the key is a single address.
func (k *Key) host() bool { return k.Bits == 32 && !k.V6 || k.Bits == 128 }

// Prefix returns the key as a prefix, of full length for a host.
func (k *Key) Prefix() netip.Prefix {
	return netip.PrefixFrom(address(k.Addr, k.V6), int(k.Bits))
}

func address(a [16]byte, v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte(a[12:16]))
}

// Record is what one kind of packets to one hot key carried into one port of
// one agent in one slot.
type Record struct {
	Key    Key
	Kind   Kind
	Egress bool   // sampled where the packets leave the agent
	Agent  uint32 // number of the agent
	Port   uint32 // ifIndex where they enter it; a special value where that is unknown
	Speed  uint64 // bit/s of the interface they are judged by; 0 unknown
	Slot   int64
	N      uint32  // samples
	W, W2  float64 // packets, and squares
	Load   float64 // packets or bits as a part of the host's threshold: seconds at it
	Octets float64 // sampled octets × sampling rate
	First  int64   // ns of the oldest and the newest sample
	Last   int64
	// Began is the time of the sample that came before the first of a key that
	// has just become hot, and is not counted; else 0.
	Began int64
}

// Detail is one sample to a hot key, for what sums do not tell. They are a
// part of the samples: the first few of every key and hand-over.
type Detail struct {
	Src, Dst         [16]byte
	Domain           uint32
	SrcPort, DstPort uint16
	Proto            uint8
	Kind             Kind
	Class            Class
	V6               bool
	Host, Prefix     bool // which of the two keys it is for
	Flags            uint8
	TTL              uint8
	Hash             uint64 // of the flow
	SrcHash          uint64
	Frame            uint32
}

// Sighting tells that several samples of one flow entered an agent at a port.
type Sighting struct {
	Flow  uint64 // hash, equal in all shards of a process
	MAC   uint64 // hash of the source MAC address; 0 without
	At    int64
	Agent uint32
	Port  uint32
	TTL   uint8
}

// Batch is what a Table hands over.
type Batch struct {
	Records   []Record
	Details   []Detail
	Sightings []Sighting
}

// Bounds of one hand-over.
const (
	maxRecords   = 4096
	maxDetails   = 1024
	maxSightings = 256
	keyDetails   = 64
)

// NewBatch returns an empty batch of full capacity.
func NewBatch() *Batch {
	return &Batch{
		Records:   make([]Record, 0, maxRecords),
		Details:   make([]Detail, 0, maxDetails),
		Sightings: make([]Sighting, 0, maxSightings),
	}
}

// Reset empties the batch.
func (b *Batch) Reset() {
	b.Records, b.Details, b.Sightings = b.Records[:0], b.Details[:0], b.Sightings[:0]
}

// Empty reports whether there is nothing in the batch.
func (b *Batch) Empty() bool { return len(b.Records)+len(b.Details)+len(b.Sightings) == 0 }

const slotNs = int64(window.SlotLength)
