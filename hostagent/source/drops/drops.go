package drops

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weir/decoder/packet"
	"weir/decoder/sflow"
	"weir/hostagent/source"
)

// Config says how much is told.
type Config struct {
	PerSecond int // samples a second at most; 0: 100
	Payload   int // octets kept behind the innermost transport header
}

// Bounds.
const (
	defaultRate = 100
	captured    = 256  // octets of a packet the kernel hands over
	queueLen    = 1000 // packets the kernel keeps for us
	beat        = time.Second
)

// Source tells dropped packets. It is a source.Runner.
type Source struct {
	cfg   Config
	flows source.Flows
	codes map[string]uint32

	left    atomic.Int64 // samples that may be sent before the next beat
	drops   uint32       // notifications that were not
	parsed  packet.Header
	sample  sflow.DiscardSample
	header  sflow.SampledHeader
	fn      sflow.ExtendedFunction
	why     sflow.ExtendedLinuxDropReason
	trap    sflow.ExtendedHWTrap
	stamp   sflow.ExtendedTimestamp
	records []sflow.Appender
}

// New returns a Source that tells flows.
func New(cfg Config, flows source.Flows) *Source {
	if cfg.PerSecond <= 0 {
		cfg.PerSecond = defaultRate
	}
	return &Source{cfg: cfg, flows: flows, codes: codes()}
}

// Name implements source.Source.
func (*Source) Name() string { return "drops" }

// Capabilities implements source.Capable.
func (*Source) Capabilities() []int { return []int{unix.CAP_NET_ADMIN} }

// Collect adds nothing: each packet is a sample of its own.
func (*Source) Collect(time.Time, *source.Snapshot) error { return nil }

// Run tells dropped packets until ctx is done.
func (s *Source) Run(ctx context.Context, _ source.Sink) error {
	c, err := netlink.Dial(unix.NETLINK_GENERIC, nil)
	if err != nil {
		return fmt.Errorf("drop monitor: %w", err)
	}
	defer c.Close()
	family, group, err := find(c)
	if err != nil {
		return err
	}
	if err := s.begin(c, family); err != nil {
		return err
	}
	defer func() { _ = command(c, family, cmdStop, nil) }()
	l, err := netlink.Dial(unix.NETLINK_GENERIC, nil)
	if err != nil {
		return fmt.Errorf("drop monitor: %w", err)
	}
	defer l.Close()
	_ = l.SetReadBuffer(1 << 20) // as much as the node allows
	if err := l.JoinGroup(group); err != nil {
		return fmt.Errorf("drop monitor: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = l.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var wg sync.WaitGroup
	inner, cancel := context.WithCancel(ctx)
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { s.refill(inner) })
	return s.listen(ctx, l)
}

// refill allows so many samples in each second.
func (s *Source) refill(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		s.left.Store(int64(s.cfg.PerSecond))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Source) listen(ctx context.Context, l *netlink.Conn) error {
	for {
		messages, err := l.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			s.drops++ // at least one
			continue
		case err != nil:
			return fmt.Errorf("drop monitor: %w", err)
		}
		for i := range messages {
			if a, err := parse(messages[i].Data); err == nil {
				s.tell(&a)
			}
		}
	}
}

// tell sends one alert as a sample, unless there were enough.
func (s *Source) tell(a *alert) {
	if s.left.Add(-1) < 0 {
		s.drops++
		s.flows.Lost(1)
		return
	}
	s.sample = sflow.DiscardSample{
		Source: sflow.DataSource{Class: sflow.ClassInterface, Index: a.input},
		Drops:  s.drops, Input: a.input, DropReason: s.reason(a),
	}
	if a.input == 0 {
		s.sample.Source = source.Host()
	}
	s.records = s.records[:0]
	if len(a.payload) > 0 {
		s.parsed.Decode(packet.ProtocolEthernet, a.payload)
		const fcs = 4
		s.header = sflow.SampledHeader{
			Protocol: uint32(packet.ProtocolEthernet), FrameLength: max(a.length, uint32(len(a.payload))) + fcs, Stripped: fcs,
			Header: a.payload[:min(len(a.payload), s.parsed.PayloadOffset+s.cfg.Payload)],
		}
		s.records = append(s.records, &s.header)
	}
	if len(a.symbol) > 0 {
		s.fn.Symbol = a.symbol
		s.records = append(s.records, &s.fn)
	}
	if len(a.reason) > 0 {
		s.why.Reason = a.reason
		s.records = append(s.records, &s.why)
	}
	if len(a.trap) > 0 {
		s.trap = sflow.ExtendedHWTrap{Group: a.group, Trap: a.trap}
		s.records = append(s.records, &s.trap)
	}
	if a.at > 0 {
		s.stamp.Nanoseconds = a.at
		s.records = append(s.records, &s.stamp)
	}
	s.flows.Discard(&s.sample, s.records...)
}

// begin configures the monitor and starts it.
func (s *Source) begin(c *netlink.Conn, family uint16) error {
	e := netlink.NewAttributeEncoder()
	e.Uint8(attrAlertMode, modePacket)
	e.Uint32(attrTruncLen, captured)
	e.Uint32(attrQueueLen, queueLen)
	config, err := e.Encode()
	if err != nil {
		return err
	}
	// The configuration can only be changed while the monitor is stopped.
	if err := command(c, family, cmdConfig, config); err != nil {
		if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EAGAIN) {
			return fmt.Errorf("drop monitor is in use by another program: %w", err)
		}
		return fmt.Errorf("drop monitor: configure: %w", err)
	}
	e = netlink.NewAttributeEncoder()
	e.Flag(attrSWDrops, true)
	e.Flag(attrHWDrops, true)
	which, err := e.Encode()
	if err != nil {
		return err
	}
	if err := command(c, family, cmdStart, which); err != nil {
		return fmt.Errorf("drop monitor: start: %w", err)
	}
	return nil
}

func command(c *netlink.Conn, family uint16, cmd uint8, attributes []byte) error {
	_, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(family), Flags: netlink.Request | netlink.Acknowledge},
		Data:   append([]byte{cmd, 2, 0, 0}, attributes...),
	})
	return err
}

// find asks for the numbers of the monitor's family and of its group of alerts.
func find(c *netlink.Conn) (family uint16, group uint32, err error) {
	e := netlink.NewAttributeEncoder()
	e.String(unix.CTRL_ATTR_FAMILY_NAME, "NET_DM")
	name, err := e.Encode()
	if err != nil {
		return 0, 0, err
	}
	answers, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.GENL_ID_CTRL, Flags: netlink.Request},
		Data:   append([]byte{unix.CTRL_CMD_GETFAMILY, 1, 0, 0}, name...),
	})
	if errors.Is(err, unix.ENOENT) {
		return 0, 0, fmt.Errorf("this kernel has no drop monitor (CONFIG_NET_DROP_MONITOR): %w", source.ErrAbsent)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("drop monitor: %w", err)
	}
	for i := range answers {
		if len(answers[i].Data) < genlLen {
			continue
		}
		if family, group, err = numbers(answers[i].Data[genlLen:]); err != nil || group != 0 {
			return family, group, err
		}
	}
	return 0, 0, errors.New("drop monitor: the kernel names no group of alerts")
}

// numbers reads the answer about the family.
func numbers(b []byte) (family uint16, group uint32, err error) {
	d, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return 0, 0, err
	}
	d.ByteOrder = binary.NativeEndian
	for d.Next() {
		switch d.Type() {
		case unix.CTRL_ATTR_FAMILY_ID:
			family = d.Uint16()
		case unix.CTRL_ATTR_MCAST_GROUPS:
			d.Nested(func(groups *netlink.AttributeDecoder) error {
				for groups.Next() {
					groups.Nested(func(g *netlink.AttributeDecoder) error {
						name, id := "", uint32(0)
						for g.Next() {
							switch g.Type() {
							case unix.CTRL_ATTR_MCAST_GRP_NAME:
								name = g.String()
							case unix.CTRL_ATTR_MCAST_GRP_ID:
								id = g.Uint32()
							}
						}
						if name == "events" {
							group = id
						}
						return nil
					})
				}
				return nil
			})
		}
	}
	return family, group, d.Err()
}
