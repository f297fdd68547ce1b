package drops

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weir/bench/lab"
	"weir/decoder/sflow"
	"weir/hostagent/source"
)

// flows keeps what is told, decoded again.
type flows struct {
	list []told
	lost uint64
}

type told struct {
	reason, trap, symbol string
	input, code, drops   uint32
	source               sflow.DataSource
	header               int
	length               uint32
	at                   uint64
}

func (*flows) Flow(*sflow.FlowSample, ...sflow.Appender) {}
func (f *flows) Lost(n uint64)                           { f.lost += n }

func (f *flows) Discard(s *sflow.DiscardSample, records ...sflow.Appender) {
	got := told{input: s.Input, code: s.DropReason, drops: s.Drops, source: s.Source}
	for _, r := range records {
		switch r := r.(type) {
		case *sflow.SampledHeader:
			got.header, got.length = len(r.Header), r.FrameLength
		case *sflow.ExtendedFunction:
			got.symbol = string(r.Symbol)
		case *sflow.ExtendedLinuxDropReason:
			got.reason = string(r.Reason)
		case *sflow.ExtendedHWTrap:
			got.trap = string(r.Group) + "/" + string(r.Trap)
		case *sflow.ExtendedTimestamp:
			got.at = r.Nanoseconds
		}
	}
	f.list = append(f.list, got)
}

// message builds an alert as the kernel lays it out.
func message(t testing.TB, fill func(e *netlink.AttributeEncoder)) []byte {
	t.Helper()
	e := netlink.NewAttributeEncoder()
	fill(e)
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{cmdPacketAlert, 2, 0, 0}, b...)
}

// udpFrame is 14 + 20 + 8 octets of headers and 58 of payload.
func udpFrame() []byte {
	b := make([]byte, 100)
	copy(b[12:], []byte{8, 0, 0x45, 0, 0, 86, 0, 0, 0, 0, 64, 17})
	copy(b[34:], []byte{0, 1, 0, 2, 0, 66})
	return b
}

func TestAlertsAreTold(t *testing.T) {
	ifIndex := func(e *netlink.AttributeEncoder) {
		e.Nested(attrInPort, func(n *netlink.AttributeEncoder) error { n.Uint32(portIfIndex, 7); return nil })
	}
	for _, c := range []struct {
		name string
		fill func(e *netlink.AttributeEncoder)
		want told
	}{
		{"by the packet filter", func(e *netlink.AttributeEncoder) {
			e.String(attrSymbol, "nf_hook_slow+0x95")
			e.String(attrReason, "NETFILTER_DROP")
			ifIndex(e)
			e.Uint64(attrTimestamp, 5)
			e.Bytes(attrPayload, udpFrame())
			e.Uint32(attrOrigLen, 1500)
		}, told{"NETFILTER_DROP", "", "nf_hook_slow+0x95", 7, 258, 0, sflow.DataSource{Index: 7}, 42, 1504, 5}},
		{"kernel without reasons", func(e *netlink.AttributeEncoder) {
			e.String(attrSymbol, "__udp4_lib_rcv+0x1f")
			e.Bytes(attrPayload, udpFrame())
		}, told{"", "", "__udp4_lib_rcv+0x1f", 0, 3, 0, source.Host(), 42, 104, 0}},
		{"in hardware", func(e *netlink.AttributeEncoder) {
			e.String(attrTrapGroup, "l3_drops")
			e.String(attrTrapName, "blackhole_route")
			ifIndex(e)
		}, told{"", "l3_drops/blackhole_route", "", 7, 269, 0, sflow.DataSource{Index: 7}, 0, 0, 0}},
		{"nobody has a name for it", func(e *netlink.AttributeEncoder) { e.String(attrReason, "SOMETHING_NEW") },
			told{"SOMETHING_NEW", "", "", 0, sflow.DropUnknown, 0, source.Host(), 0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &flows{}
			s := New(Config{}, f)
			s.left.Store(1)
			a, err := parse(message(t, c.fill))
			if err != nil {
				t.Fatal(err)
			}
			s.tell(&a)
			if d := cmp.Diff([]told{c.want}, f.list, cmp.AllowUnexported(told{})); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestReasonsHaveCodes(t *testing.T) {
	known := codes()
	for from, to := range reasons {
		if _, ok := known[to]; !ok {
			t.Errorf("%s: sFlow has no %s", from, to)
		}
	}
	for from, to := range symbols {
		if _, ok := known[to]; !ok {
			t.Errorf("%s: sFlow has no %s", from, to)
		}
	}
}

func TestTooManyAreCounted(t *testing.T) {
	f := &flows{}
	s := New(Config{PerSecond: 3}, f)
	s.left.Store(3)
	a := alert{reason: []byte("NO_SOCKET")}
	for range 10 {
		s.tell(&a)
	}
	s.left.Store(3)
	s.tell(&a)
	if len(f.list) != 4 || f.lost != 7 || f.list[3].drops != 7 {
		t.Errorf("%d told, %d lost, last says %d drops; want 4, 7, 7", len(f.list), f.lost, f.list[3].drops)
	}
}

func TestTellAllocatesNothing(t *testing.T) {
	s := New(Config{}, nothing{})
	a := alert{reason: []byte("NO_SOCKET"), symbol: []byte("x+0x1"), payload: udpFrame(), at: 1}
	s.left.Store(1 << 40)
	s.tell(&a)
	if n := testing.AllocsPerRun(100, func() { s.tell(&a) }); n != 0 {
		t.Errorf("%v allocations for a dropped packet, want 0", n)
	}
}

type nothing struct{}

func (nothing) Flow(*sflow.FlowSample, ...sflow.Appender)       {}
func (nothing) Discard(*sflow.DiscardSample, ...sflow.Appender) {}
func (nothing) Lost(uint64)                                     {}

func FuzzParse(f *testing.F) {
	f.Add(message(f, func(e *netlink.AttributeEncoder) {
		e.String(attrReason, "NO_SOCKET")
		e.Bytes(attrPayload, udpFrame())
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parse(b)
		if err != nil {
			return
		}
		s := New(Config{}, nothing{})
		s.left.Store(1)
		s.tell(&a)
	})
}

// With a kernel that has the monitor, a packet to a closed port is told; with one
// that has not, its absence is.
func TestKernelIsAsked(t *testing.T) {
	l := lab.NewBare(t)
	ns := l.Namespace("node")
	f := &flows{}
	s := New(Config{}, f)
	var err error
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	<-l.Go(ns, func() { err = s.Run(ctx, nil) })
	switch {
	case errors.Is(err, source.ErrAbsent):
		t.Log(err)
	case errors.Is(err, unix.EPERM):
		t.Log("the monitor is the first network namespace's alone:", err)
	case err != nil:
		t.Error(err)
	}
}
