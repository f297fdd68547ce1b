package capture

import (
	"net/netip"
	"time"

	"github.com/google/gopacket/ip4defrag"
	"github.com/google/gopacket/layers"
)

// Bounds of reassembly: at most maxPartial datagrams wait at once, each with
// at most maxPieces fragments of together maxPieceOctets (twice the longest
// datagram, as captures often hold a fragment twice), for at most maxWait of
// the capture's time.
const (
	maxPartial     = 64
	maxPieces      = 256
	maxPieceOctets = 128 << 10
	maxWait        = 30 * time.Second // Linux gives up then, too
	maxDatagram    = 65535 - 20       // octets of an IP packet's payload
)

// fragment is one fragment of a UDP datagram.
type fragment struct {
	key    fragmentKey
	offset int // octets
	more   bool
	next   byte   // IPv6: the header that follows
	data   []byte // copied where it is kept
	at     time.Time
}

type fragmentKey struct {
	src, dst netip.Addr
	id       uint32
}

// fragments puts datagrams together. The zero value is ready.
type fragments struct {
	partial map[fragmentKey]*partial
	lost    uint64 // fragments thrown away
}

// partial is a datagram that is not complete. For IPv4 its pieces are held by
// v4, a defragmenter of its own: so it can be dropped alone, and its bounds
// are ours, which the defragmenter has not.
type partial struct {
	first  time.Time
	pieces int // kept
	octets int // kept
	v4     *ip4defrag.IPv4Defragmenter
	v6     *assembly
}

// add takes a fragment and returns the header type and the payload of its
// datagram once that is complete, else nil.
func (fs *fragments) add(f *fragment) (byte, []byte) {
	if f.offset+len(f.data) > maxDatagram || len(f.data) == 0 || (f.more && len(f.data)%8 != 0) {
		fs.lost++
		return 0, nil
	}
	p := fs.partial[f.key]
	if p != nil && (f.at.Sub(p.first) > maxWait || p.first.Sub(f.at) > maxWait) {
		fs.drop(f.key, p)
		p = nil
	}
	if p == nil {
		p = fs.begin(f)
	}
	if p.pieces == maxPieces || p.octets+len(f.data) > maxPieceOctets {
		fs.lost++
		fs.drop(f.key, p)
		return 0, nil
	}
	p.pieces++
	p.octets += len(f.data)
	next, data, ok := p.add(f)
	if !ok {
		fs.drop(f.key, p)
		return 0, nil
	}
	if data != nil {
		delete(fs.partial, f.key)
	}
	return next, data
}

// begin makes room for one more partial datagram and adds it.
func (fs *fragments) begin(f *fragment) *partial {
	if len(fs.partial) >= maxPartial {
		var oldest *partial
		var key fragmentKey
		for k, p := range fs.partial {
			// The smaller identification breaks a tie: a replay must not
			// depend on the order of a map.
			if oldest == nil || p.first.Before(oldest.first) || (p.first.Equal(oldest.first) && k.less(key)) {
				oldest, key = p, k
			}
		}
		fs.drop(key, oldest)
	}
	p := &partial{first: f.at}
	if f.key.src.Is4() {
		p.v4 = ip4defrag.NewIPv4Defragmenter()
	} else {
		p.v6 = &assembly{total: -1}
	}
	if fs.partial == nil {
		fs.partial = make(map[fragmentKey]*partial)
	}
	fs.partial[f.key] = p
	return p
}

func (k fragmentKey) less(o fragmentKey) bool {
	if c := k.src.Compare(o.src); c != 0 {
		return c < 0
	}
	if c := k.dst.Compare(o.dst); c != 0 {
		return c < 0
	}
	return k.id < o.id
}

func (fs *fragments) drop(key fragmentKey, p *partial) {
	fs.lost += uint64(p.pieces)
	delete(fs.partial, key)
}

func (p *partial) add(f *fragment) (next byte, data []byte, ok bool) {
	if p.v6 != nil {
		return p.v6.add(f)
	}
	// The defragmenter trusts its input: it gets a header without options and
	// with a length that is true, whatever the packet said. A last fragment
	// shorter than 8 octets, which it refuses, is filled up; UDP knows its
	// own length.
	data = append(make([]byte, 0, max(8, len(f.data))), f.data...)
	if !f.more {
		data = data[:max(8, len(data))]
	}
	ip := &layers.IPv4{
		Version: 4, IHL: 5, Length: uint16(20 + len(data)), FragOffset: uint16(f.offset / 8), Protocol: layers.IPProtocolUDP,
		SrcIP: f.key.src.AsSlice(), DstIP: f.key.dst.AsSlice(), Id: uint16(f.key.id),
	}
	if f.offset+int(ip.Length) > 65535 {
		return 0, nil, false
	}
	if f.more {
		ip.Flags = layers.IPv4MoreFragments
	}
	ip.Payload = data
	out, err := p.v4.DefragIPv4WithTimestamp(ip, f.at)
	if err != nil {
		return 0, nil, false
	}
	if out == nil {
		return 0, nil, true
	}
	return 0, out.Payload, true
}

// assembly is the payload of an IPv6 packet in pieces.
type assembly struct {
	next   byte // header type in the first fragment
	total  int  // octets, -1 as long as the last fragment is not there
	have   int
	pieces []piece
}

type piece struct {
	offset int
	data   []byte
}

// add reports !ok for fragments that overlap or disagree about the length; by
// RFC 5722 their datagram is thrown away.
func (a *assembly) add(f *fragment) (next byte, data []byte, ok bool) {
	end := f.offset + len(f.data)
	for _, p := range a.pieces {
		if p.offset == f.offset && len(p.data) == len(f.data) {
			return 0, nil, true // the same once more
		}
		if f.offset < p.offset+len(p.data) && p.offset < end {
			return 0, nil, false
		}
		if !f.more && p.offset >= end {
			return 0, nil, false
		}
	}
	if a.total >= 0 && (!f.more || end > a.total) {
		return 0, nil, false
	}
	if !f.more {
		a.total = end
	}
	if f.offset == 0 {
		a.next = f.next
	}
	a.pieces = append(a.pieces, piece{f.offset, append([]byte(nil), f.data...)})
	a.have += len(f.data)
	if a.have != a.total {
		return 0, nil, true
	}
	data = make([]byte, a.total)
	for _, p := range a.pieces {
		copy(data[p.offset:], p.data)
	}
	return a.next, data, true
}
