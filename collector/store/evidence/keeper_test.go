package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/record"
	"weir/decoder"
	"weir/decoder/packet"
	"weir/detect"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func agentOf(n uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }

// frame is an Ethernet frame of TCP with some payload behind.
func frame(src, dst string, sport, dport uint16) []byte {
	b := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	b = append(b, 0x45, 0, 4, 0, 0, 1, 0, 0, 64, 6, 0, 0)
	b = append(append(b, s[:]...), d[:]...)
	b = append(b, byte(sport>>8), byte(sport), byte(dport>>8), byte(dport), 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0)
	return append(b, "secret words of the payload"...)
}

// sample makes a flow sample.
func sample(at time.Time, agent, input uint32, b []byte) *decoder.Flow {
	f := &decoder.Flow{Arrival: &decoder.Arrival{At: at}}
	f.HeaderBytes, f.HeaderProtocol, f.FrameLength = b, packet.ProtocolEthernet, 1038
	f.Header.Decode(packet.ProtocolEthernet, b)
	f.Est.Vantage.Agent, f.Est.SamplingRate = agent, 1000
	f.Sample.Input.Value, f.Sample.Output.Value = input, 9
	return f
}

// about is a subject with the JSON of a test.
type about string

func (a about) AppendCanonical(b []byte) []byte { return append(b, a...) }
func (a about) Line() string                    { return "of a test" }
func (a about) MarshalJSON() ([]byte, error)    { return []byte(a), nil }

type because struct{}

func (because) Line() string { return "it was so" }

func started(id, subject string) *detect.Alert {
	return &detect.Alert{ID: id, Change: detect.Start, Kind: "large_flow", Subject: about(subject), Evidence: because{}}
}

func keeper(tb testing.TB, payload bool) (*Keeper, *record.Ring) {
	tb.Helper()
	r := record.NewRing(payload)
	k, err := Open(Config{Dir: tb.TempDir(), MaxBytes: 1 << 20, MaxAge: time.Hour, Agent: agentOf, Rings: []*record.Ring{r}})
	if err != nil {
		tb.Fatal(err)
	}
	return k, r
}

// packets returns the addresses and ports in a capture file.
func packets(tb testing.TB, k *Keeper, id string) (all []string) {
	tb.Helper()
	b, err := Read(k.Dir(), id)
	if err != nil {
		tb.Fatal(err)
	}
	var p packet.Header
	for len(b) > 0 {
		size := le.Uint32(b[4:])
		if size%4 != 0 || le.Uint32(b[size-4:]) != size {
			tb.Fatalf("block of %d octets that ends with %d", size, le.Uint32(b[size-4:]))
		}
		if le.Uint32(b) == blockPacket {
			p.Decode(packet.ProtocolEthernet, b[28:28+le.Uint32(b[20:])])
			all = append(all, fmt.Sprint(p.Key.SrcAddr(), " ", p.Key.SrcPort, " ", p.Key.DstAddr(), " ", p.Key.DstPort))
		}
		b = b[size:]
	}
	return all
}

// Another program reads the same, and more.
func TestTsharkReadsEvidence(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	k, r := keeper(t, false)
	k.Put(started("abc-1", `{"victim":"10.0.0.2/32"}`))
	now := time.Now()
	for i := range 2 {
		r.Add(sample(epoch.Add(time.Duration(i)*time.Millisecond+5), uint32(5+i), 3, frame("10.0.0.1", "10.0.0.2", 1000, 80)))
		r.Flush()
		k.Gather(now.Add(looks[i]))
	}
	out, err := exec.Command("tshark", "-r", filepath.Join(k.Dir(), "abc-1"+suffix), "-T", "fields", "-E", "separator=/s", "-e", "frame.time_epoch", "-e", "ip.src", "-e", "tcp.srcport",
		"-e", "ip.dst", "-e", "tcp.dstport", "-e", "frame.cap_len", "-e", "frame.len", "-e", "frame.interface_name", "-e", "frame.comment").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		fmt.Sprint(epoch.Unix(), ".000000005 10.0.0.1 1000 10.0.0.2 80 54 1038 192.0.2.5 port 3 1 of 1000 packets, out at port 9"),
		fmt.Sprint(epoch.Unix(), ".001000005 10.0.0.1 1000 10.0.0.2 80 54 1038 192.0.2.6 port 3 1 of 1000 packets, out at port 9"),
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(string(out)), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEvidenceIsWhatTheAlertIsAbout(t *testing.T) {
	for _, c := range []struct {
		name, subject string
		want          []int // of the samples below
	}{
		{"flow, both ways", `{"src":"10.0.0.1","dst":"10.0.0.2","src_port":1000,"dst_port":80,"proto":6}`, []int{0, 1}},
		{"victim", `{"victim":"10.0.0.2/32"}`, []int{0, 1, 2}},
		{"victims of a network", `{"victim":"10.0.0.0/24"}`, []int{0, 1, 2, 3}},
		{"scanner", `{"source":"10.0.0.3","type":"port_scan"}`, []int{2, 3}},
		{"port", `{"agent":"192.0.2.7","interface":3,"direction":"in"}`, []int{3}},
		{"instance", `{"type":"instance","agent":"192.0.2.99","mac":"02:00:00:00:00:01"}`, []int{0, 1, 2, 3}},
		{"node", `{"type":"node","agent":"192.0.2.5"}`, []int{0, 1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, r := keeper(t, false)
			lines := []string{
				"10.0.0.1 1000 10.0.0.2 80", "10.0.0.2 80 10.0.0.1 1000", "10.0.0.3 1000 10.0.0.2 80", "10.0.0.3 1 10.0.0.4 2",
			}
			r.Add(sample(epoch, 5, 1, frame("10.0.0.1", "10.0.0.2", 1000, 80)))
			r.Add(sample(epoch.Add(time.Millisecond), 5, 1, frame("10.0.0.2", "10.0.0.1", 80, 1000)))
			r.Add(sample(epoch.Add(2*time.Millisecond), 5, 2, frame("10.0.0.3", "10.0.0.2", 1000, 80)))
			r.Add(sample(epoch.Add(3*time.Millisecond), 7, 3, frame("10.0.0.3", "10.0.0.4", 1, 2)))
			r.Flush()
			k.Put(started("abc-1", c.subject))
			k.Gather(time.Now())
			var want []string
			for _, i := range c.want {
				want = append(want, lines[i])
			}
			if diff := cmp.Diff(want, packets(t, k, "abc-1")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An alert about several things keeps what is of those that it lists, once it does.
func TestEvidenceOfWhatAnAlertLists(t *testing.T) {
	for _, c := range []struct {
		name, children string
		want           int
	}{
		{"instances", `{"subject":{"type":"instance","agent":"192.0.2.5","mac":"02:00:00:00:00:09"}},{"subject":{"type":"instance","mac":"02:00:00:00:00:01"}}`, 3},
		{"addresses", `{"subject":{"type":"instance","address":"10.0.0.9"}}`, 1},
		{"nodes", `{"subject":{"type":"node","agent":"192.0.2.7"}},{"subject":{"type":"node","agent":"192.0.2.8"}}`, 2},
		{"nothing", `{"subject":{"type":"log","name":"x"}}`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, r := keeper(t, false)
			r.Add(sample(epoch, 5, 1, frame("10.0.0.1", "10.0.0.2", 1000, 80)))
			r.Add(sample(epoch.Add(time.Millisecond), 7, 1, frame("10.0.0.1", "10.0.0.9", 1000, 80)))
			r.Add(sample(epoch.Add(2*time.Millisecond), 8, 1, frame("10.0.0.3", "10.0.0.2", 1000, 80)))
			r.Flush()
			a := started("abc-1", `{"type":"vlan","name":"vlan 100"}`)
			k.Put(a)
			k.Gather(time.Now())
			if _, err := Read(k.Dir(), a.ID); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("before it lists anything: %v", err)
			}
			a = started("abc-1", `{"type":"vlan","name":"vlan 100"}`)
			a.Change, a.Evidence = detect.Update, lists(`{"children":[`+c.children+`]}`)
			k.Put(a)
			k.Gather(time.Now())
			got := 0
			if c.want > 0 {
				got = len(packets(t, k, a.ID))
			}
			if left := len(k.late); got != c.want || (left > 0) != (c.want == 0) {
				t.Errorf("%d headers, want %d; %d alerts left", got, c.want, left)
			}
			a.Change = detect.End
			k.Put(a)
			if len(k.late) != 0 {
				t.Error("an alert that has ended is waited for")
			}
		})
	}
}

// Alerts for which there is no place among those that are waited for are counted.
func TestEvidenceCountsWhatItCannotWaitFor(t *testing.T) {
	k, _ := keeper(t, false)
	for i := range maxLate + 3 {
		k.Put(started(fmt.Sprint("abc-", i), `{"type":"vlan","name":"vlan 100"}`))
	}
	if st := k.Stats(); len(k.late) != maxLate || st.Refused != 3 {
		t.Errorf("%d are waited for, %d refused; want %d and 3", len(k.late), st.Refused, maxLate)
	}
}

// lists is evidence with the JSON of a test.
type lists string

func (lists) Line() string                   { return "it was so" }
func (l lists) MarshalJSON() ([]byte, error) { return []byte(l), nil }

// What comes in the first seconds is added, what was there already is not, and
// there is an end to it.
func TestEvidenceGoesOnForSeconds(t *testing.T) {
	k, r := keeper(t, false)
	k.Put(started("abc-1", `{"victim":"10.0.0.2/32"}`))
	now := k.waiting["abc-1"].began
	for i, later := range []time.Duration{0, 3 * time.Second, 9 * time.Second, 20 * time.Second} {
		for j := range i + 1 {
			r.Add(sample(epoch.Add(later+time.Duration(j)), 5, 1, frame("10.0.0.1", "10.0.0.2", uint16(j), 80)))
		}
		r.Flush()
		k.Gather(now.Add(later + time.Millisecond))
	}
	if n := len(packets(t, k, "abc-1")); n != 1+2+3 {
		t.Errorf("%d packets, want 6", n)
	}
	if st := k.Stats(); st.Waiting != 0 || st.Refused != 0 || st.Err != "" {
		t.Errorf("%+v", st)
	}
}

func TestPayloadIsCutUnlessConfigured(t *testing.T) {
	for _, payload := range []bool{false, true} {
		k, r := keeper(t, payload)
		r.Add(sample(epoch, 5, 1, frame("10.0.0.1", "10.0.0.2", 1000, 80)))
		r.Flush()
		k.Put(started("abc-1", `{"victim":"10.0.0.2/32"}`))
		k.Gather(time.Now())
		b, err := Read(k.Dir(), "abc-1")
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(b, []byte("secret")); got != payload {
			t.Errorf("payload %v, but the file has it: %v", payload, got)
		}
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	k, r := keeper(t, false)
	k.cfg.MaxBytes = 200 << 10
	k.cfg.MaxAge = 100 * 365 * 24 * time.Hour
	k.cfg.Held = func(id string) bool { return id == "abc-0" }
	for i := range 20 {
		for j := range 2000 {
			r.Add(sample(epoch.Add(time.Duration(i)*time.Second+time.Duration(j)), 5, 1, frame("10.0.0.1", "10.0.0.2", uint16(j), 80)))
		}
		r.Flush()
		id := fmt.Sprint("abc-", i)
		k.Put(started(id, `{"victim":"10.0.0.2/32"}`))
		k.Gather(time.Now())
		clear(k.waiting) // a busy machine takes seconds
		if err := os.Chtimes(filepath.Join(k.Dir(), id+suffix), epoch, epoch.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
		files, err := List(k.Dir())
		sum := int64(0)
		for _, f := range files {
			sum += f.Size
		}
		if st := k.Stats(); err != nil || sum > k.cfg.MaxBytes || st.Bytes != sum || st.Err != "" {
			t.Fatalf("%d octets of at most %d, %v, %+v", sum, k.cfg.MaxBytes, err, st)
		}
	}
	k.limit(time.Now())
	files, err := List(k.Dir())
	if err != nil || len(files) < 2 || len(files) > 4 || files[0].ID != "abc-0" || files[len(files)-1].ID != "abc-19" {
		t.Errorf("left: %v, %v; want the held and the newest", files, err)
	}
	for i := range 2 * maxWaiting {
		k.Put(started(fmt.Sprint("many-", i), `{"victim":"10.0.0.2/32"}`))
	}
	if st := k.Stats(); st.Waiting > maxWaiting || st.Refused == 0 || st.Deleted == 0 {
		t.Errorf("%+v", st)
	}
}

// What a process that was killed had begun to write is removed.
func TestUnfinishedEvidenceGoes(t *testing.T) {
	for _, name := range []string{"evidence", "a[b]*"} { // which could be taken for a pattern
		dir := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"abc-1" + suffix + newSuffix, "abc-1" + suffix} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Open(Config{Dir: dir, MaxBytes: 1 << 20, MaxAge: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "abc-1"+suffix {
			t.Errorf("%s: left: %v, %v", name, left, err)
		}
	}
}

func TestNamesStayInTheDirectory(t *testing.T) {
	k, _ := keeper(t, false)
	for _, id := range []string{"", "../x", "a/b", "a.b", strings.Repeat("a", 200)} {
		k.Put(started(id, `{"victim":"10.0.0.2/32"}`))
		if _, err := Read(k.Dir(), id); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if st := k.Stats(); st.Waiting != 0 {
		t.Errorf("%d taken", st.Waiting)
	}
}

// Of more samples than the ring takes, it leaves some out, and remembers seconds.
func TestRingKeepsSeconds(t *testing.T) {
	for _, perSecond := range []int{1000, 100_000} {
		r := record.NewRing(false)
		b := frame("10.0.0.1", "10.0.0.2", 1000, 80)
		for i := range 10 * perSecond {
			r.Add(sample(epoch.Add(time.Duration(i)*time.Second/time.Duration(perSecond)), 5, 1, b))
			if i%(perSecond/10) == perSecond/10-1 {
				r.Tick()
			}
		}
		all := r.Since(0, nil)
		if oldest := time.Unix(0, all[0].At).Sub(epoch); oldest > 5*time.Second || len(all) < 8000 {
			t.Errorf("at %d a second: %d headers since %v of 10s", perSecond, len(all), oldest)
		}
	}
}

// What is damaged at the end of a file cannot be searched: it goes, though the rest has
// nothing of the addresses.
func TestEraseOfADamagedFile(t *testing.T) {
	dir := t.TempDir()
	var all []*record.Header
	for _, to := range []string{"10.0.0.2", "10.0.0.3"} {
		r := record.NewRing(true)
		r.Add(sample(epoch, 5, 1, frame("10.0.0.1", to, 1, 2)))
		r.Flush()
		for _, h := range r.Since(0, nil) {
			all = append(all, &h)
		}
	}
	whole := appendHeaders(nil, "", all, agentOf)
	gone := netip.MustParseAddr("10.0.0.3")
	for _, cut := range []int{0, 20} {
		path := filepath.Join(dir, "a"+suffix)
		if err := os.WriteFile(path, whole[:len(whole)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Erase(dir, nil, []netip.Addr{gone}); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if a := gone.As4(); err != nil || bytes.Contains(b, a[:]) {
			t.Errorf("without the last %d octets: the address is still there: %v", cut, err)
		}
		if a := netip.MustParseAddr("10.0.0.2").As4(); !bytes.Contains(b, a[:]) {
			t.Errorf("without the last %d octets: what is whole went too", cut)
		}
	}
}

// Subjects come from names that instances give themselves.
func FuzzMatcher(f *testing.F) {
	f.Add([]byte(`{"victim":"10.0.0.2/32"}`), frame("10.0.0.1", "10.0.0.2", 1, 2))
	f.Add([]byte(`{"agent":"192.0.2.7","if_index":3,"mac":"x"}`), []byte{})
	f.Fuzz(func(_ *testing.T, subject, header []byte) {
		m, ok := newMatcher(subject)
		if !ok {
			return
		}
		h := record.Header{Protocol: packet.ProtocolEthernet}
		h.N = uint8(copy(h.Octets[:], header))
		var p packet.Header
		p.Decode(h.Protocol, h.Octets[:h.N])
		m.has(&h, &p, agentOf)
		_ = appendHeaders(header, "x", []*record.Header{&h}, agentOf)
	})
}

func TestRingAddDoesNotAllocate(t *testing.T) {
	r := record.NewRing(false)
	f := sample(epoch, 5, 1, frame("10.0.0.1", "10.0.0.2", 1000, 80))
	if n := testing.AllocsPerRun(10_000, func() { r.Add(f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRingAdd(b *testing.B) {
	r := record.NewRing(false)
	f := sample(epoch, 5, 1, frame("10.0.0.1", "10.0.0.2", 1000, 80))
	for i := 0; b.Loop(); i++ {
		if r.Add(f); i%10_000 == 0 { // 100,000 a second
			r.Tick()
		}
	}
}

var _ json.Marshaler = about("")
