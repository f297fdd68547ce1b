package udp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newSender(t *testing.T, cfg SenderConfig) *Sender {
	t.Helper()
	s, err := NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// receive reads n datagrams of a group of one receiver.
func receive(t *testing.T, g *Group, n int) (payloads [][]byte, from netip.AddrPort, times []time.Time) {
	t.Helper()
	for len(payloads) < n {
		msgs, err := g.Receivers()[0].Read(time.Now().Add(patience))
		if err != nil || len(msgs) == 0 {
			t.Fatalf("%d of %d received, %v", len(payloads), n, err)
		}
		for _, m := range msgs {
			payloads = append(payloads, bytes.Clone(m.Payload))
			times = append(times, m.At)
			from = m.From
		}
	}
	return payloads, from, times
}

func TestSenderSendsCopiesInOrderFromSource(t *testing.T) {
	for _, tt := range []struct{ listen, source string }{{"127.0.0.1:0", "127.0.0.9"}, {"[::1]:0", "::1"}} {
		t.Run(tt.listen, func(t *testing.T) {
			if tt.source == "::1" {
				haveIPv6(t)
			}
			g := listen(t, Config{Listen: []string{tt.listen}, Shards: 1})
			s := newSender(t, SenderConfig{To: g.Addrs()[0], Source: netip.MustParseAddr(tt.source)})
			const n = 150 // more than two batches
			buf := make([]byte, 100)
			for i := range n {
				buf[0] = byte(i)
				if err := s.Send(t.Context(), buf[:1+i%100]); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, from, _ := receive(t, g, n)
			octets := uint64(0)
			for i, p := range got {
				if len(p) != 1+i%100 || p[0] != byte(i) {
					t.Fatalf("datagram %d has %d octets and begins with %d", i, len(p), p[0])
				}
				octets += uint64(len(p))
			}
			if from.Addr().String() != tt.source {
				t.Errorf("from %v, want %s", from, tt.source)
			}
			if want := (SenderStats{Datagrams: n, Octets: octets}); s.Stats() != want {
				t.Errorf("stats %+v, want %+v", s.Stats(), want)
			}
		})
	}
}

func TestSenderKeepsRate(t *testing.T) {
	for _, tt := range []struct {
		name string
		rate float64
		n    int
	}{{"one at a time", 100, 21}, {"batches", 20000, 4001}} {
		t.Run(tt.name, func(t *testing.T) {
			g := listen(t, Config{Shards: 1})
			s := newSender(t, SenderConfig{To: g.Addrs()[0], Rate: tt.rate})
			start := time.Now()
			for range tt.n {
				if err := s.Send(t.Context(), []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			// 0.2 s either way: never faster; a busy machine may be late.
			if d := time.Since(start); d < 195*time.Millisecond || d > patience {
				t.Errorf("%d datagrams took %v, want 200ms", tt.n, d)
			}
			_, _, times := receive(t, g, tt.n)
			if d := times[tt.n/2].Sub(start); d < 95*time.Millisecond {
				t.Errorf("half of them took %v, want 100ms", d)
			}
		})
	}
}

func TestSenderKeepsCaptureTimes(t *testing.T) {
	g := listen(t, Config{Shards: 1})
	s := newSender(t, SenderConfig{To: g.Addrs()[0]})
	capture := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	const longest = 150 * time.Millisecond
	steps := []struct{ gap, want time.Duration }{
		{0, 0},
		{50 * time.Millisecond, 50 * time.Millisecond},
		{20 * time.Millisecond, 20 * time.Millisecond},
		{-time.Hour, 0}, // backwards: at once
		{30 * time.Millisecond, 30 * time.Millisecond}, // and from there on
		{3 * 365 * 24 * time.Hour, longest},            // years: not waited for
		{40 * time.Millisecond, 40 * time.Millisecond},
	}
	start := time.Now()
	for _, st := range steps {
		capture = capture.Add(st.gap)
		if err := s.SendAt(t.Context(), []byte("x"), capture, longest); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, _, times := receive(t, g, len(steps))
	// Never early; a busy machine may be late.
	due := time.Duration(0)
	for i, st := range steps {
		due += st.want
		if got := times[i].Sub(start); got < due-5*time.Millisecond || got > due+patience {
			t.Errorf("datagram %d came after %v, want %v", i, got, due)
		}
	}
}

func TestSenderStopsWithContext(t *testing.T) {
	g := listen(t, Config{Shards: 1})
	for name, send := range map[string]func(context.Context, *Sender, int) error{
		"rate": func(ctx context.Context, s *Sender, _ int) error { return s.Send(ctx, []byte("x")) },
		"capture time": func(ctx context.Context, s *Sender, i int) error {
			return s.SendAt(ctx, []byte("x"), time.Unix(int64(i)*3600, 0), time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := SenderConfig{To: g.Addrs()[0]}
			if name == "rate" {
				cfg.Rate = 0.01
			}
			s := newSender(t, cfg)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			start := time.Now()
			var err error
			for i := 0; i < 3 && err == nil; i++ {
				err = send(ctx, s, i)
			}
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > patience {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	}
}

func TestSenderCountsRefusals(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	to := c.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = c.Close() // now nobody listens there
	s := newSender(t, SenderConfig{To: to})
	for range 200 {
		if err := s.Send(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Datagrams != 200 || st.Refused == 0 {
		t.Errorf("stats %+v, want 200 datagrams and refusals", st)
	}
}

func TestSenderReportsWhatIsWrong(t *testing.T) {
	to := netip.MustParseAddrPort("127.0.0.1:6343")
	tests := []struct {
		name string
		cfg  SenderConfig
		text string
	}{
		{"no address", SenderConfig{}, "no address and port"},
		{"port 0", SenderConfig{To: netip.MustParseAddrPort("127.0.0.1:0")}, "no address and port"},
		{"negative rate", SenderConfig{To: to, Rate: -1}, "rate: -1 is negative"},
		{"other family", SenderConfig{To: to, Source: netip.IPv6Loopback()}, "source ::1 is of another address family"},
		{"foreign source", SenderConfig{To: to, Source: netip.MustParseAddr("192.0.2.77")}, "source 192.0.2.77: cannot assign requested address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := NewSender(tt.cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %q, want %q in it", err, tt.text)
			}
		})
	}
	s := newSender(t, SenderConfig{To: to})
	if err := s.Send(t.Context(), make([]byte, 65508)); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); !errors.Is(err, unix.EMSGSIZE) || !strings.Contains(err.Error(), "65508 octets") {
		t.Errorf("too long a payload: %v", err)
	}
}
