package collector

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestRunForwardsEveryDatagram compares what a further collector gets with what
// was sent, octet for octet; what is no sFlow goes too.
func TestRunForwardsEveryDatagram(t *testing.T) {
	t.Parallel()
	further, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer further.Close()
	cfg := testConfig(t)
	cfg.Forward = []netip.AddrPort{further.LocalAddr().(*net.UDPAddr).AddrPort()}
	r := start(t, cfg)
	e, c := newExporter("192.0.2.11"), r.dial("127.0.0.11")
	b := make([]byte, 1<<16)
	for i := range 30 {
		sent := bytes.Clone(e.flows(uint16(i)))
		if i == 7 {
			sent = netflow5()
		}
		r.send(c, sent)
		_ = further.SetReadDeadline(time.Now().Add(time.Minute))
		n, _, err := further.ReadFromUDPAddrPort(b)
		if err != nil {
			t.Fatalf("datagram %d: %v", i, err)
		}
		if !bytes.Equal(b[:n], sent) {
			t.Fatalf("datagram %d: got %x, want %x", i, b[:n], sent)
		}
	}
	r.eventually("the counts", func() bool {
		for _, s := range r.status().Sinks {
			if strings.HasPrefix(s.Name, "forward 127.0.0.1:") {
				return s.Sent == 30 && s.Dropped == 0 && s.Failed == 0
			}
		}
		return false
	})
}

func TestRunDoesNotForwardToItself(t *testing.T) {
	cfg := testConfig(t)
	host := ownLoopback()
	cfg.Listen[0] = netip.AddrPortFrom(host, uint16(freeUDP(t, host)))
	cfg.Forward = cfg.Listen
	if _, err := newApp(cfg, IO{}); err == nil || !strings.Contains(err.Error(), "is where this weir listens") {
		t.Errorf("got %v", err)
	}
}
