package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// datagram builds the head of an sFlow datagram of agent, followed by fill.
func datagram(agent string, fill int) []byte {
	b := binary.BigEndian.AppendUint32(nil, 5)
	if a := netip.MustParseAddr(agent); a.Is4() {
		b = binary.BigEndian.AppendUint32(b, 1)
		b = append(b, a.AsSlice()...)
	} else {
		b = binary.BigEndian.AppendUint32(b, 2)
		b = append(b, a.AsSlice()...)
	}
	b = append(b, make([]byte, 16)...) // sub-agent, sequence, uptime, no samples
	return append(b, make([]byte, fill)...)
}

func listen(t testing.TB, cfg Config) *Group {
	t.Helper()
	if cfg.Listen == nil {
		cfg.Listen = []string{"127.0.0.1:0"}
	}
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	g, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	for _, w := range g.Warnings() {
		t.Log(w)
	}
	return g
}

func haveIPv6(t testing.TB) {
	t.Helper()
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 on loopback: ", err)
	}
	_ = c.Close()
}

// dial opens a sending socket, bound to source where it is not "".
func dial(t testing.TB, source string, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	if to.Addr().IsUnspecified() {
		to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to.Port())
	}
	var local *net.UDPAddr
	if source != "" {
		local = net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(source), 0))
	}
	c, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(t testing.TB, c *net.UDPConn, payload []byte) {
	t.Helper()
	if _, err := c.Write(payload); err != nil {
		t.Fatal(err)
	}
}

// patience is how long is waited for what comes at once where the machine does nothing
// else.
const patience = time.Minute

// receiveOne waits for one datagram at any receiver and returns a copy of it
// and the shard it came to.
func receiveOne(t testing.TB, g *Group) (Message, int) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for _, r := range g.Receivers() {
			msgs, err := r.Read(time.Now().Add(time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			if len(msgs) > 1 {
				t.Fatalf("got %d datagrams, want one", len(msgs))
			}
			if len(msgs) == 1 {
				m := msgs[0]
				m.Payload = bytes.Clone(m.Payload)
				return m, r.shard
			}
		}
	}
	t.Fatal("nothing received")
	return Message{}, 0
}

func TestReceiverDeliversDatagram(t *testing.T) {
	tests := []struct {
		name, listen, source string
		payload              []byte
	}{
		{"IPv4", "127.0.0.1:0", "127.0.0.1", datagram("10.0.0.1", 100)},
		{"IPv4 at a dual-stack socket", "[::]:0", "127.0.0.1", datagram("10.0.0.1", 100)},
		{"IPv6", "[::1]:0", "::1", datagram("2001:db8::1", 100)},
		{"empty payload", "127.0.0.1:0", "127.0.0.1", []byte{}},
		{"one octet", "127.0.0.1:0", "127.0.0.1", []byte{5}},
		{"largest of IPv4", "127.0.0.1:0", "127.0.0.1", datagram("10.0.0.1", 65507-28)},
		{"largest of IPv6", "[::1]:0", "::1", datagram("2001:db8::1", 65527-40)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.HasPrefix(tt.listen, "[") {
				haveIPv6(t)
			}
			g := listen(t, Config{Listen: []string{tt.listen}, Shards: 3})
			c := dial(t, tt.source, g.Addrs()[0])
			send(t, c, tt.payload)
			got, shard := receiveOne(t, g)
			from := c.LocalAddr().(*net.UDPAddr).AddrPort()
			from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			if got.From != from {
				t.Errorf("From = %v, want %v", got.From, from)
			}
			if got.Truncated {
				t.Error("Truncated")
			}
			if diff := cmp.Diff(tt.payload, got.Payload); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
			if want := g.steering.shard(tt.payload, got.From.Addr(), 3); shard != want {
				t.Errorf("shard %d, want %d", shard, want)
			}
			want := Stats{Datagrams: 1, Octets: uint64(len(tt.payload)), Batches: 1}
			if diff := cmp.Diff(want, g.Stats()); diff != "" {
				t.Errorf("stats (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatsCountsEveryDatagramDropped(t *testing.T) {
	g := listen(t, Config{Shards: 2, ReceiveBuffer: 4096})
	c := dial(t, "", g.Addrs()[0])
	const sent = 2000
	for i := range sent {
		send(t, c, datagram(fmt.Sprintf("10.0.0.%d", i%250), 1000))
	}
	var s Stats
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s = g.Stats(); s.SocketDropped > 0 {
			break // counted although nobody reads
		}
	}
	received := 0
	for _, r := range g.Receivers() {
		for {
			msgs, err := r.Read(time.Now().Add(50 * time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			if len(msgs) == 0 {
				break
			}
			received += len(msgs)
		}
	}
	s = g.Stats()
	if s.SocketDropped == 0 || int(s.SocketDropped) != sent-received || int(s.Datagrams) != received {
		t.Errorf("sent %d, received %d, stats %+v", sent, received, s)
	}
	_ = g.Close()
	if diff := cmp.Diff(s, g.Stats()); diff != "" {
		t.Errorf("stats after Close (-before +after):\n%s", diff)
	}
}

func TestReadGivesKernelTimes(t *testing.T) {
	g := listen(t, Config{Shards: 1})
	r := g.Receivers()[0]
	c := dial(t, "", g.Addrs()[0])
	before := time.Now()
	for range 20 {
		send(t, c, datagram("10.0.0.1", 0))
		time.Sleep(2 * time.Millisecond)
	}
	after := time.Now()
	last := before
	var all []time.Time
	for len(all) < 20 {
		msgs, err := r.Read(time.Now().Add(patience))
		if err != nil || len(msgs) == 0 {
			t.Fatalf("%d datagrams, error %v", len(msgs), err)
		}
		for _, m := range msgs {
			all = append(all, m.At)
		}
	}
	const slack = 5 * time.Millisecond // two clocks are read one after the other
	for i, at := range all {
		if at.Before(last.Add(-slack)) || at.After(after.Add(slack)) || (i > 0 && at.Before(last)) {
			t.Errorf("datagram %d at %v, not between %v and %v", i, at, last, after)
		}
		last = at
	}
	// They are receive times, not one time of reading.
	if d := all[19].Sub(all[0]); d < 19*2*time.Millisecond-slack {
		t.Errorf("first to last %v, want about 38ms or more", d)
	}
}

func TestReadHonoursDeadlineAndWake(t *testing.T) {
	r := listen(t, Config{Shards: 1}).Receivers()[0]
	start := time.Now()
	if msgs, err := r.Read(start.Add(30 * time.Millisecond)); len(msgs) != 0 || err != nil {
		t.Fatalf("Read = %d datagrams, %v", len(msgs), err)
	}
	if d := time.Since(start); d < 30*time.Millisecond {
		t.Errorf("returned after %v, before the deadline", d)
	}
	if msgs, err := r.Read(start); len(msgs) != 0 || err != nil { // a deadline long past
		t.Fatalf("Read = %d datagrams, %v", len(msgs), err)
	}
	r.Wake()
	r.Wake()
	if msgs, err := r.Read(time.Time{}); len(msgs) != 0 || err != nil { // would block for ever
		t.Fatalf("Read = %d datagrams, %v", len(msgs), err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		r.Wake()
	}()
	if msgs, err := r.Read(time.Time{}); len(msgs) != 0 || err != nil {
		t.Fatalf("Read = %d datagrams, %v", len(msgs), err)
	}
}

func TestCloseUnblocksRead(t *testing.T) {
	g := listen(t, Config{Shards: 3})
	errs := make(chan error)
	for _, r := range g.Receivers() {
		go func() {
			_, err := r.Read(time.Time{})
			errs <- err
		}()
	}
	time.Sleep(20 * time.Millisecond)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	for range g.Receivers() {
		select {
		case err := <-errs:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read: %v, want net.ErrClosed", err)
			}
		case <-time.After(patience):
			t.Fatal("Read still blocks")
		}
	}
	r := g.Receivers()[0]
	if _, err := r.Read(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	r.Wake()
	if err := g.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(g.Addrs()[0]))
	if err != nil {
		t.Fatalf("the port is not free again: %v", err)
	}
	_ = c.Close()
}

func TestListenReportsWrongAddresses(t *testing.T) {
	held, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	other := listen(t, Config{Shards: 2}) // shares its port with those that ask for it
	tests := []struct {
		name   string
		listen string
		is     error
		text   string
	}{
		{"port in use", held.LocalAddr().String(), unix.EADDRINUSE, "port in use by another program"},
		{"port of another collector", other.Addrs()[0].String(), unix.EADDRINUSE, "port in use by another program"},
		{"foreign address", "192.0.2.77:6343", unix.EADDRNOTAVAIL, "no interface of this machine has the address"},
		{"name", "localhost:6343", nil, `"localhost" is no IP address`},
		{"no port", "192.0.2.1", nil, `write "192.0.2.1:6343"`},
		{"no port after IPv6", "2001:db8::1", nil, `write "[2001:db8::1]:6343"`},
		{"port too large", "127.0.0.1:70000", nil, `port "70000" is not a number`},
		{"empty", "", nil, "not an address and port"},
		{"unknown zone", "[fe80::1%nosuchif]:6343", nil, `no interface is named "nosuchif"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, err := Listen(Config{Listen: []string{tt.listen}, Shards: 2})
			if err == nil {
				_ = g.Close()
				t.Fatal("no error")
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v is no %v", err, tt.is)
			}
			if !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), tt.listen) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q: want one line with %q and the address", err, tt.text)
			}
		})
	}
}

func TestListenRejectsConfig(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		text string
	}{
		{"too many shards", Config{Shards: 257}, "shards: 257 is out of range"},
		{"negative shards", Config{Shards: -1}, "shards: -1 is out of range"},
		{"buffer too large", Config{ReceiveBuffer: 2 << 30}, "receive_buffer: 2147483648 octets is out of range"},
		{"address twice", Config{Listen: []string{"127.0.0.1:6399", "127.0.0.1:6399"}}, "given twice"},
		{"too many addresses", Config{Listen: make([]string, 17)}, "17 addresses given"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, err := Listen(tt.cfg)
			if err == nil {
				_ = g.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %q, want %q in it", err, tt.text)
			}
		})
	}
}

func TestListenReportsReceiveBuffer(t *testing.T) {
	g := listen(t, Config{Shards: 1, ReceiveBuffer: 64 << 10})
	if g.Granted() != 64<<10 || g.Advice() != "" {
		t.Errorf("granted %d, advice %q", g.Granted(), g.Advice())
	}
	g.granted, g.want = 212992, 32<<20
	if want := "receive buffer is 212992 octets instead of 33554432: run `sysctl -w net.core.rmem_max=33554432`, or give the program CAP_NET_ADMIN"; g.Advice() != want {
		t.Errorf("advice %q, want %q", g.Advice(), want)
	}
}

func TestListenTakesBothWildcards(t *testing.T) {
	haveIPv6(t)
	// A port that is free of both is none that the kernel would choose here: another
	// process may take it before we do, and then it is tried with another.
	var g *Group
	var port int
	for end := time.Now().Add(patience); g == nil; {
		free, err := net.ListenUDP("udp", nil)
		if err != nil {
			t.Fatal(err)
		}
		port = free.LocalAddr().(*net.UDPAddr).Port
		_ = free.Close()
		g, err = Listen(Config{Listen: []string{fmt.Sprintf("[::]:%d", port), fmt.Sprintf("0.0.0.0:%d", port)}, Shards: 2})
		if err != nil && (!strings.Contains(err.Error(), "port in use") || time.Now().After(end)) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = g.Close() })
	for _, to := range []string{"127.0.0.1", "::1"} {
		send(t, dial(t, "", netip.AddrPortFrom(netip.MustParseAddr(to), uint16(port))), datagram("10.0.0.1", 0))
		if m, _ := receiveOne(t, g); m.From.Addr().String() != to {
			t.Errorf("from %v, want %s", m.From, to)
		}
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	g := listen(t, Config{Listen: []string{"127.0.0.1:0", "127.0.0.1:0"}, Shards: 1})
	r := g.Receivers()[0]
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var to [2]unix.Sockaddr
	for i := range to {
		to[i] = &unix.SockaddrInet4{Addr: g.Addrs()[i].Addr().As4(), Port: int(g.Addrs()[i].Port())}
	}
	payload := datagram("10.0.0.1", 1000)
	got := 0
	allocs := testing.AllocsPerRun(200, func() {
		for _, sa := range to {
			if unix.Sendto(fd, payload, 0, sa) != nil {
				t.Fatal("not sent")
			}
		}
		for read := 0; read < len(to); {
			msgs, err := r.Read(time.Now().Add(patience))
			if err != nil || len(msgs) == 0 {
				t.Fatal(len(msgs), err)
			}
			read += len(msgs)
			got += len(msgs)
		}
		if msgs, err := r.Read(time.Now()); err != nil || len(msgs) > 0 {
			t.Fatal(len(msgs), err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per three reads, want 0", allocs)
	}
	if got != 2*201 {
		t.Errorf("received %d, want %d", got, 2*201)
	}
}

func TestReceiverIsFairToItsSockets(t *testing.T) {
	g := listen(t, Config{Listen: []string{"127.0.0.1:0", "127.0.0.1:0"}, Shards: 1})
	busy, quiet := dial(t, "", g.Addrs()[0]), dial(t, "", g.Addrs()[1])
	for range 3 * batchSize {
		send(t, busy, datagram("10.0.0.1", 0))
	}
	send(t, quiet, datagram("10.0.0.2", 0))
	var sizes []int
	for range 4 {
		msgs, err := g.Receivers()[0].Read(time.Now().Add(patience))
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(msgs))
	}
	if diff := cmp.Diff([]int{batchSize, 1, batchSize, batchSize}, sizes); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}
