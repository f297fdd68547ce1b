package sampler

import (
	"context"
	"errors"
	"fmt"
	"time"

	nflog "github.com/florianl/go-nflog/v2"
	"golang.org/x/sys/unix"

	"weir/decoder/packet"
)

// NFLOG is how packets arrive that the operator's own rules choose, such as
//
//	table netdev sample { chain in { type filter hook ingress device eth0 priority 0;
//	    numgen random mod 1000 == 0 log group 5 snaplen 256 } }
//
// The rules draw, so the rate is the operator's word. A flush of the rules ends
// the samples.
type NFLOG struct {
	Group uint16
	Rate  uint32 // one packet in Rate, as the rules draw
}

// maxNFLOG bounds the interfaces that are told apart.
const maxNFLOG = 4096

// Times of the kernel's buffer: full after so many packets, sent after so long at
// the latest.
const (
	nflogBatch   = 32
	nflogWait    = 1       // of 10 ms
	nflogReceive = 1 << 20 // octets
)

// runNFLOG samples what arrives until ctx is done.
func (s *Sampler) runNFLOG(ctx context.Context) error {
	nf, err := nflog.Open(&nflog.Config{
		Group: s.cfg.NFLOG.Group, Copymode: nflog.CopyPacket, Bufsize: s.cut.captureSnap(),
		QThresh: nflogBatch, Timeout: nflogWait, Settings: nflog.FlagSeq,
	})
	if err != nil {
		return fmt.Errorf("NFLOG group %d: %w", s.cfg.NFLOG.Group, err)
	}
	defer nf.Close()
	_ = nf.Con.SetReadBuffer(nflogReceive) // as much as the node allows
	failed := make(chan error, 1)
	var next uint32
	hook := func(a nflog.Attribute) int {
		lost := uint32(0)
		if a.Seq != nil {
			lost, next = *a.Seq-next, *a.Seq+1
		}
		s.arrived(&a, lost)
		return 0
	}
	err = nf.RegisterWithErrorFunc(ctx, hook, func(err error) int {
		if errors.Is(err, unix.ENOBUFS) {
			return 0 // the sequence numbers tell how many
		}
		if ctx.Err() == nil {
			select {
			case failed <- err:
			default:
			}
		}
		return 1
	})
	if err != nil {
		return fmt.Errorf("NFLOG group %d: %w", s.cfg.NFLOG.Group, err)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("NFLOG group %d: %w", s.cfg.NFLOG.Group, err)
	}
}

// arrived sends one packet as a sample of the interface it came from, else of
// the one it goes to.
func (s *Sampler) arrived(a *nflog.Attribute, lost uint32) {
	in, out := first(a.PhysInDev, a.InDev), first(a.PhysOutDev, a.OutDev)
	f := &s.frame
	*f = frame{hardware: unix.ARPHRD_ETHER, packet: unix.PACKET_OTHERHOST}
	index := in
	if in == 0 {
		index, f.packet = out, unix.PACKET_OUTGOING
	}
	if index == 0 || a.Payload == nil {
		return
	}
	t := s.taps[index]
	if t == nil {
		if len(s.taps) >= maxNFLOG {
			s.dropped.Add(1)
			return
		}
		t = &tap{Interface: Interface{Index: index}, rate: s.cfg.NFLOG.Rate}
		s.taps[index] = t
		s.publish()
	}
	t.lost += lost
	t.dropped += uint64(lost)
	t.pool += lost * t.rate
	s.dropped.Add(uint64(lost))
	s.fill(f, a)
	s.emit(t, f)
	s.mu.Lock()
	for i := range s.states {
		if s.states[i].Index == index {
			s.states[i].Samples, s.states[i].Dropped = t.samples, t.dropped
		}
	}
	s.mu.Unlock()
}

// fill joins what NFLOG tells of a packet: its link header apart from the rest,
// and not how long it was, which the IP header says.
func (s *Sampler) fill(f *frame, a *nflog.Attribute) {
	s.joined = s.joined[:0]
	switch {
	case a.HwHeader != nil && len(*a.HwHeader) >= 14:
		s.joined = append(s.joined, *a.HwHeader...)
	case a.Layer2Hdr != nil && len(*a.Layer2Hdr) >= 14:
		s.joined = append(s.joined, *a.Layer2Hdr...)
	default:
		f.hardware = unix.ARPHRD_NONE
	}
	link := len(s.joined)
	s.joined = append(s.joined, *a.Payload...)
	f.data, f.length = s.joined, uint32(len(s.joined))
	protocol := packet.ProtocolIPv4
	if p := *a.Payload; len(p) > 0 && p[0]>>4 == 6 {
		protocol = packet.ProtocolIPv6
	}
	s.cut.parsed.Decode(protocol, *a.Payload)
	if s.cut.parsed.Tunnel == packet.TunnelNone {
		f.length = max(f.length, uint32(link)+uint32(s.cut.parsed.IPLength))
	}
	if a.VLAN != nil {
		f.status = unix.TP_STATUS_VLAN_VALID | unix.TP_STATUS_VLAN_TPID_VALID
		f.tci, f.tpi = a.VLAN.TCI, a.VLAN.Proto
	}
	at := time.Now()
	if a.Timestamp != nil {
		at = *a.Timestamp
	}
	f.sec, f.ns = uint32(at.Unix()), uint32(at.Nanosecond())
}

// first returns the first value that there is.
func first(values ...*uint32) uint32 {
	for _, v := range values {
		if v != nil && *v != 0 {
			return *v
		}
	}
	return 0
}
