package export

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// listen returns a socket and its address.
func listen(t *testing.T, addr string) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	a, _ := c.LocalAddr().(*net.UDPAddr)
	return c, a.AddrPort()
}

// received counts the datagrams that arrive at a socket: it waits for those that
// are wanted, and a moment for more.
func received(c *net.UDPConn, want int) (n int) {
	var b [2000]byte
	for {
		wait := 50 * time.Millisecond
		if n < want {
			wait = 10 * time.Second
		}
		_ = c.SetReadDeadline(time.Now().Add(wait))
		if _, err := c.Read(b[:]); err != nil {
			return n
		}
		n++
	}
}

func TestSenderTellsEveryCollector(t *testing.T) {
	four, at4 := listen(t, "127.0.0.1:0")
	six, at6 := listen(t, "[::1]:0")
	s := NewSender()
	defer s.Close()
	s.Set([]netip.AddrPort{at4, at6})
	for range 10 {
		s.Send([]byte("datagram"))
	}
	if a, b := received(four, 10), received(six, 10); a != 10 || b != 10 {
		t.Errorf("%d and %d received, want 10 each", a, b)
	}
	sent, lost := s.Sent()
	if sent != 10 || lost != 0 {
		t.Errorf("sent %d, lost %d", sent, lost)
	}
}

// freeAddr returns an address that nobody listens on. Its port is below those that are
// given to who asks for any, so that nobody is given it meanwhile.
func freeAddr(t *testing.T) netip.AddrPort {
	t.Helper()
	for range 100 {
		at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(20000+rand.IntN(12000)))
		if c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err == nil {
			c.Close()
			return at
		}
	}
	t.Fatal("no free port")
	return netip.AddrPort{}
}

// TestSenderOutlivesRefusal is about a collector that is not there: the kernel's
// refusals must not cost datagrams once it is.
func TestSenderOutlivesRefusal(t *testing.T) {
	at := freeAddr(t)
	other, there := listen(t, "127.0.0.1:0")
	s := NewSender()
	defer s.Close()
	s.Set([]netip.AddrPort{at, there})
	for range 20 {
		s.Send([]byte("nobody listens"))
	}
	st := s.Stats()[0]
	if st.Refused == 0 || st.Sent != 20 {
		t.Errorf("%+v: each datagram should be sent, each refusal counted", st)
	}
	back, _ := listen(t, at.String())
	for range 20 {
		s.Send([]byte("somebody listens"))
	}
	if n := received(back, 20); n != 20 {
		t.Errorf("%d of 20 received", n)
	}
	if n := received(other, 40); n != 40 {
		t.Errorf("the other collector received %d of 40", n)
	}
}

func TestSenderCountsWhatItCannotSend(t *testing.T) {
	s := NewSender()
	defer s.Close()
	s.Set([]netip.AddrPort{netip.MustParseAddrPort("[2001:db8:ffff::1%9999]:6343")})
	s.Send([]byte("x"))
	s.Retry()
	s.Send([]byte("x"))
	st := s.Stats()[0]
	if st.Sent+st.Lost != 2 {
		t.Errorf("%+v: want 2 sent or lost", st)
	}
	c, at := listen(t, "127.0.0.1:0")
	s.Set([]netip.AddrPort{at})
	s.Send(make([]byte, 70000)) // more than UDP has room for
	st = s.Stats()[0]
	if st.Lost != 1 || !errors.Is(st.Err, unix.EMSGSIZE) {
		t.Errorf("%+v", st)
	}
	s.Retry()
	s.Send([]byte("x"))
	if n := received(c, 1); n != 1 || s.Stats()[0].Err != nil {
		t.Errorf("%d received after an error", n)
	}
}

func TestSenderKeepsWhoStays(t *testing.T) {
	a, atA := listen(t, "127.0.0.1:0")
	b, atB := listen(t, "127.0.0.1:0")
	s := NewSender()
	defer s.Close()
	s.Set([]netip.AddrPort{atA})
	s.Send([]byte("1"))
	s.Set([]netip.AddrPort{atB, atA})
	s.Send([]byte("2"))
	s.Set([]netip.AddrPort{atB})
	s.Send([]byte("3"))
	if na, nb := received(a, 2), received(b, 2); na != 2 || nb != 2 {
		t.Errorf("%d and %d, want 2 each", na, nb)
	}
	if st := s.Stats(); len(st) != 1 || st[0].Sent != 2 {
		t.Errorf("%+v", st)
	}
}

func TestSenderAllocatesNothing(t *testing.T) {
	_, at := listen(t, "127.0.0.1:0")
	s := NewSender()
	defer s.Close()
	s.Set([]netip.AddrPort{at})
	b := make([]byte, 1000)
	if n := testing.AllocsPerRun(100, func() { s.Send(b) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAddresses(t *testing.T) {
	if got := SourceFor(netip.MustParseAddrPort("127.0.0.1:6343")); got != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("source for loopback %v", got)
	}
	if got := SourceFor(netip.MustParseAddrPort("[::1]:6343")); got != netip.MustParseAddr("::1") {
		t.Errorf("source for loopback %v", got)
	}
	lo := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("127.0.0.0/8")}
	if got := AddressIn(lo); got != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("address in %v: %v", lo, got)
	}
	if got := AddressIn(lo[:1]); got.IsValid() {
		t.Errorf("address in %v: %v", lo[:1], got)
	}
	if got := AnyAddress(); got.IsLoopback() || got.IsLinkLocalUnicast() {
		t.Errorf("any address %v", got)
	}
}

func TestSearchDomains(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"none", "nameserver 192.0.2.1\n", []string{}},
		{"domain", "domain example.org\n", []string{"example.org"}},
		{"the last holds", "domain a.example\n# search x\nsearch b.example c.example\n", []string{"b.example", "c.example"}},
		{"bounded", "search a b c d e f g h\n", []string{"a", "b", "c", "d", "e", "f"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, append([]string{}, SearchDomains(file)...)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if SearchDomains(file+"x") != nil {
		t.Error("domains from no file")
	}
}
