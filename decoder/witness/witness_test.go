package witness

import (
	"bytes"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
)

// reread sends a statement over the wire and reads it.
func reread(t testing.TB, st *Statement) Said {
	t.Helper()
	d := sflow.Datagram{NumSamples: 1, SampleData: st.Append(nil)}
	b := d.Append(nil)
	if err := d.Decode(b); err != nil {
		t.Fatal(err)
	}
	for smp, err := range d.Samples() {
		if err != nil {
			t.Fatal(err)
		}
		var m sflow.RTMetric
		if err := m.Decode(smp); err != nil {
			t.Fatal(err)
		}
		s, ok := Parse(&m)
		if !ok {
			t.Fatalf("%q is no statement", m.DataSource)
		}
		return s
	}
	t.Fatal("no sample")
	return Said{}
}

func TestStatementIsReadAsItWasMade(t *testing.T) {
	var st Statement
	st.Begin(ClassLink, "tap/1 %ä")
	st.Add(String(Kind, "tap"), Gauge32(IfIndex, 7), Gauge64(Speed, 1e10), Counter64(Bytes, 1<<40), Pair{Name: "load", Type: sflow.MetricGaugeDouble, Bits: math.Float64bits(1.5)})
	s := reread(t, &st)
	got := []any{string(s.Class), Unescape(s.Entity), s.Text(Kind)}
	for _, name := range []string{IfIndex, Speed, Bytes} {
		v, ok := s.Uint(name)
		got = append(got, v, ok)
	}
	load, _ := s.Lookup("load")
	got = append(got, load.Float())
	want := []any{ClassLink, "tap/1 %ä", "tap", uint64(7), true, uint64(1e10), true, uint64(1 << 40), true, 1.5}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, ok := s.Uint(Kind); ok {
		t.Error("a text is read as a number")
	}
	if s.Text(IfIndex) != "" || s.Text("nothing") != "" {
		t.Error("a number, or nothing, is read as a text")
	}
}

func TestStatementInAnother(t *testing.T) {
	var st Statement
	st.BeginIn(ClassFilter, "qrouter-1/2", "ipv4")
	s := reread(t, &st)
	if got, want := string(s.Entity), "qrouter-1%2F2/ipv4"; got != want {
		t.Errorf("entity %q, want %q", got, want)
	}
}

func TestStatementFitsADatagram(t *testing.T) {
	var st Statement
	st.Begin(ClassInstance, strings.Repeat("ü", 400))
	for range 100 {
		st.Add(String("text", strings.Repeat("x", 1000)), Gauge32("n", 1))
	}
	if !st.Cut() {
		t.Error("nothing says that something was cut")
	}
	NewSigner([]byte("a key of sixteen")).Sign(&st)
	if n := len(st.Append(nil)); n > MaxStatement {
		t.Errorf("%d octets, more than %d", n, MaxStatement)
	}
	s := reread(t, &st)
	if len(s.Text("text")) != MaxText || !s.Signed() {
		t.Errorf("text of %d octets, signed %v", len(s.Text("text")), s.Signed())
	}
	st.Begin(ClassLink, "a")
	if st.Cut() {
		t.Error("Begin does not begin anew")
	}
}

func TestStatementAllocatesNothing(t *testing.T) {
	var st Statement
	g := NewSigner([]byte("a key of sixteen"))
	buf := make([]byte, 0, 4096)
	text := "up"
	if n := testing.AllocsPerRun(100, func() {
		st.Begin(ClassLink, "eth0")
		st.Add(String(Oper, text), Gauge32(IfIndex, 3))
		g.Sign(&st)
		buf = st.Append(buf[:0])
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSignature(t *testing.T) {
	good := NewSigner([]byte("a key of sixteen"))
	signed := func() []byte {
		var st Statement
		st.Begin(ClassHeartbeat, "node")
		st.Add(Counter64(Sequence, 9), String(BootID, "b"))
		good.Sign(&st)
		return st.Append(nil)
	}
	read := func(b []byte) (s Said, ok bool) {
		var m sflow.RTMetric
		if m.Decode(sflow.Sample{Format: sflow.FormatRTMetric, Body: b[8:]}) != nil {
			return s, false
		}
		return Parse(&m)
	}
	s, _ := read(signed())
	if !good.Verify(&s) {
		t.Error("our own signature is refused")
	}
	if NewSigner([]byte("another key of 24 octets")).Verify(&s) {
		t.Error("a signature of another key is taken")
	}
	var nobody *Signer
	if nobody.Verify(&s) || NewSigner(nil) != nil {
		t.Error("without a key something is verified")
	}
	// Every octet matters: source, names, types, values and the signature.
	whole := signed()
	pad := 8 + 4 + len("weir/heartbeat/node") // behind the source, which nobody reads
	for i := 8; i < len(whole); i++ {
		if i == pad {
			continue
		}
		b := bytes.Clone(whole)
		b[i] ^= 1
		if s, ok := read(b); ok && good.Verify(&s) {
			t.Errorf("octet %d changed and the signature still fits", i)
		}
	}
	// Nor can anything be added behind it, or the signature be put before.
	var st Statement
	st.Begin(ClassHeartbeat, "node")
	st.Add(Counter64(Sequence, 9), String(BootID, "b"))
	good.Sign(&st)
	st.Add(String(After, "up"))
	if s := reread(t, &st); good.Verify(&s) {
		t.Error("a pair behind the signature is taken")
	}
	st.Begin(ClassHeartbeat, "node")
	if s := reread(t, &st); good.Verify(&s) || s.Signed() {
		t.Error("a statement without a signature is taken")
	}
}

func TestEscape(t *testing.T) {
	for _, c := range []struct{ name, in, out string }{
		{"plain", "br-int", "br-int"},
		{"path", "/var/log/a b", "%2Fvar%2Flog%2Fa%20b"},
		{"control", "a\n\x00", "a%0A%00"},
		{"percent", "5%", "5%25"},
		{"nothing", "", "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Escape(c.in); got != c.out {
				t.Errorf("%q, want %q", got, c.out)
			}
			if got := Unescape([]byte(c.out)); c.in != "" && got != c.in {
				t.Errorf("back: %q", got)
			}
		})
	}
	if n := len(Escape(strings.Repeat("/", 1000))); n > maxEntity {
		t.Errorf("%d octets", n)
	}
	if got := Unescape([]byte("%zz%2")); got != "%zz%2" {
		t.Errorf("what is no code: %q", got)
	}
}

func TestParseRefusesWhatIsNotOurs(t *testing.T) {
	for _, source := range []string{"", "weir", "weir/", "weir/link", "weir//x", "weir/link/", "other/link/eth0"} {
		if _, ok := Parse(&sflow.RTMetric{DataSource: []byte(source)}); ok {
			t.Errorf("%q is taken", source)
		}
	}
}

func FuzzSaid(f *testing.F) {
	var st Statement
	st.Begin(ClassEvent, LinkDown)
	st.Add(String(ID, "c0ffee00-1-1"), Counter64(At, 5), Gauge32(Repeat, 1))
	g := NewSigner([]byte("a key of sixteen"))
	g.Sign(&st)
	f.Add(st.Append(nil)[8:])
	f.Fuzz(func(t *testing.T, b []byte) {
		var m sflow.RTMetric
		if m.Decode(sflow.Sample{Format: sflow.FormatRTMetric, Body: b}) != nil {
			return
		}
		s, ok := Parse(&m)
		if !ok {
			return
		}
		_ = Unescape(s.Entity)
		_ = s.Text(ID)
		_, _ = s.Uint(At)
		if g.Verify(&s) && !s.Signed() {
			t.Error("verified without a signature")
		}
	})
}

// TestSignedStates: what SignState appends can be read and verified, by that key
// alone, and not once anything in it is changed.
func TestSignedStates(t *testing.T) {
	var st Statement
	st.Begin(ClassBridge, "br-int")
	st.Add(String(Forwarding, "yes"), Gauge32(Ports, 3))
	plain := st.Append(nil)
	read := func(b []byte) (s Said) {
		t.Helper()
		var d sflow.Builder
		d.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1")})
		d.Sample(rawSample(b))
		var g sflow.Datagram
		if err := g.Decode(d.Bytes()); err != nil {
			t.Fatal(err)
		}
		for smp, err := range g.Samples() {
			var rt sflow.RTMetric
			if err != nil || rt.Decode(smp) != nil {
				t.Fatalf("%v", err)
			}
			s, _ = Parse(&rt)
		}
		return s
	}
	key := NewSigner([]byte("0123456789abcdef"))
	b := key.SignState([]byte("before"), plain, 1234567890123)
	if string(b[:6]) != "before" {
		t.Fatalf("%q", b[:6])
	}
	s := read(b[6:])
	at, _ := s.Uint(At)
	if !key.Verify(&s) || s.Text(Forwarding) != "yes" || at != 1234567890123 {
		t.Errorf("verified %v, %q, at %d", key.Verify(&s), s.Text(Forwarding), at)
	}
	if NewSigner([]byte("another key, as long")).Verify(&s) {
		t.Error("another key verifies it")
	}
	for i := 12; i < len(plain)+8; i++ { // source, pairs and time
		if i == 30 || i == 31 {
			continue // that fill up the source
		}
		c := append([]byte(nil), b[6:]...)
		c[i] ^= 1
		var rt sflow.RTMetric
		if rt.Decode(sflow.Sample{Format: sflow.FormatRTMetric, Body: c[8:]}) != nil {
			continue
		}
		if s, ok := Parse(&rt); ok && key.Verify(&s) {
			t.Errorf("octet %d changed, and it is verified", i)
		}
	}
	for _, bad := range [][]byte{nil, plain[:11], plain[:15], append(plain[:8:8], 255, 255, 255, 255, 0, 0, 0, 0)} {
		if got := key.SignState(nil, bad, 1); !bytes.Equal(got, bad) {
			t.Errorf("%x becomes %x", bad, got)
		}
	}
	var none *Signer
	if got := none.SignState(nil, plain, 1); !bytes.Equal(got, plain) {
		t.Errorf("without a key: %x", got)
	}
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { buf = key.SignState(buf[:0], plain, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

type rawSample []byte

func (r rawSample) Append(b []byte) []byte { return append(b, r...) }
