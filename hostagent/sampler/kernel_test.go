package sampler

import (
	"bytes"
	"context"
	"math"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"weir/bench/lab"
	"weir/decoder/sflow"
)

// TestSamplingIsUnbiased sends a known number of packets and compares what the
// samples stand for. Three standard errors are left once in 370 honest runs, so
// a test that runs with every change allows five; WEIR_TEST_FULL=1 sends
// 300,000 packets five times and prints each error.
func TestSamplingIsUnbiased(t *testing.T) {
	each(t, func(t *testing.T, m Method) { unbiased(t, m) })
}

// each runs a test with each method.
func each(t *testing.T, f func(t *testing.T, m Method)) {
	t.Run("packet", func(t *testing.T) { f(t, MethodPacket) })
	t.Run("tcx", func(t *testing.T) { f(t, MethodTCX) })
}

func unbiased(t *testing.T, m Method) {
	w := newWire(t)
	near := w.index("near")
	packets, runs := 30_000, 1
	if full() {
		packets, runs = 300_000, 5
	}
	frame := ethernet(0x800, ipv4(17, udp(1, 9, make([]byte, 58)))...) // 100 octets
	for _, rate := range []uint32{1, 10, 100, 400} {
		for run := range runs {
			var lastPool uint64
			s := w.run(Config{Method: m, Emit: func(f *sflow.FlowSample) { lastPool = uint64(f.SamplePool) }}, Interface{Index: near, Name: "near", Rate: rate})
			before := w.counter("near", "rx_packets")
			w.send(w.fd, frame, packets)
			sent := w.counter("near", "rx_packets") - before
			w.Eventually(patience, "quiet", func() bool {
				a, _ := s.Totals()
				time.Sleep(30 * time.Millisecond)
				b, _ := s.Totals()
				return a == b
			})
			s.Set(nil)
			w.Eventually(patience, "stopped", func() bool { return len(s.States()) == 0 })
			if sent != uint64(packets) {
				t.Fatalf("%d packets arrived of %d", sent, packets)
			}
			samples, drops := s.Totals()
			chosen := samples + drops
			estimate := float64(chosen) * float64(rate)
			standard := math.Sqrt(float64(packets) * float64(rate-1))
			errs := 0.0
			if standard > 0 {
				errs = (estimate - float64(sent)) / standard
			}
			t.Logf("1:%d run %d: %d samples, %d drops, estimate %.0f of %d: error %+.2f %%, %+.2f standard errors",
				rate, run, samples, drops, estimate, sent, 100*(estimate/float64(sent)-1), errs)
			if math.Abs(errs) > 5 || rate == 1 && chosen != sent {
				t.Errorf("1:%d: estimate %.0f of %d: %+.2f standard errors", rate, estimate, sent, errs)
			}
			if m == MethodTCX {
				// The last sample may be followed by packets that were not chosen, in
				// the last drain a few, or for which there was no room.
				if lastPool > sent || lastPool+(drops+50)*uint64(rate)+1000 < sent {
					t.Errorf("1:%d: sample_pool %d of %d packets", rate, lastPool, sent)
				}
			} else if lastPool > uint64(estimate) || float64(lastPool) < estimate-float64(drops+1)*float64(rate) {
				t.Errorf("1:%d: sample_pool %d, samples stand for %.0f", rate, lastPool, estimate)
			}
		}
	}
}

// Traffic that repeats itself with the period of the rate is sampled as any other.
func TestPeriodIsNoBias(t *testing.T) { each(t, periodIsNoBias) }

func periodIsNoBias(t *testing.T, m Method) {
	w := newWire(t)
	const packets, rate = 30_000, 10
	var k keeper
	s := w.run(Config{Method: m, Emit: k.emit}, Interface{Index: w.index("near"), Name: "near", Rate: rate})
	plain := ethernet(0x800, ipv4(17, udp(1, 9, make([]byte, 58)))...)
	marked := ethernet(0x800, ipv4(17, udp(7, 9, make([]byte, 58)))...)
	for range packets / rate {
		w.send(w.fd, marked, 1)
		w.send(w.fd, plain, rate-1)
	}
	s.Set(nil) // what the kernel has chosen is told before
	w.Eventually(patience, "stopped", func() bool { return len(s.States()) == 0 })
	n := 0
	for _, smp := range k.all() {
		if smp.header.Header[35] == 7 {
			n++
		}
	}
	const want, bound = packets / rate / rate, 5 * 17 // standard errors of sqrt(300 * 0.9)
	_, drops := s.Totals()
	t.Logf("%d of %d samples are of the marked tenth, %d drops", n, len(k.all()), drops)
	if n < want-bound-int(drops) || n > want+bound {
		t.Errorf("%d samples of the marked tenth, want %d ± %d", n, want, bound)
	}
}

func TestTagsArePutBack(t *testing.T) { each(t, tagsArePutBack) }

func tagsArePutBack(t *testing.T, m Method) {
	w := newWire(t)
	plain := ethernet(0x800, ipv4(17, udp(1, 2, secret))...)
	for _, c := range []struct {
		name  string
		frame []byte
	}{
		{"802.1Q", tag(0x8100, 0x6065, plain)},
		{"802.1ad", tag(0x88a8, 7, plain)},
		{"two tags", tag(0x88a8, 7, tag(0x8100, 101, plain))},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k keeper
			s := w.run(Config{Method: m, Emit: k.emit}, Interface{Index: w.index("near"), Name: "near", Rate: 1})
			start := time.Now()
			w.send(w.fd, c.frame, 1)
			w.Eventually(patience, "a sample", func() bool { return len(k.all()) == 1 })
			s.Set(nil)
			got := k.all()[0]
			want := sflow.SampledHeader{Protocol: 1, FrameLength: uint32(len(c.frame)) + 4, Stripped: 4, Header: c.frame[:len(c.frame)-len(secret)]}
			if d := cmp.Diff(want, got.header); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if at := time.Unix(0, int64(got.stamp.Nanoseconds)); at.Before(start.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
				t.Errorf("extended_timestamp %v of a packet sent at %v", at, start)
			}
		})
	}
}

func TestDirectionsNameBothSides(t *testing.T) { each(t, directionsNameBothSides) }

func directionsNameBothSides(t *testing.T, m Method) {
	w := newWire(t)
	near := w.index("near")
	frame := ethernet(0x800, ipv4(17, udp(1, 2, nil))...)
	broadcast := append(bytes.Repeat([]byte{0xff}, 6), frame[6:]...)
	back := w.socket("near") // what is sent here leaves near
	for _, c := range []struct {
		name    string
		dirs    Direction
		fd      int
		frame   []byte
		in, out sflow.Port
	}{
		{"ingress to a known port", Ingress, w.fd, frame, sflow.Port{Value: near}, sflow.Port{Value: 77}},
		{"ingress to all", Ingress, w.fd, broadcast, sflow.Port{Value: near}, sflow.Port{Format: sflow.PortMultiple}},
		{"egress from a known port", Egress, back, frame, sflow.Port{Value: 66}, sflow.Port{Value: near}},
		{"both, leaving", Ingress | Egress, back, frame, sflow.Port{Value: 66}, sflow.Port{Value: near}},
		{"both, coming", Ingress | Egress, w.fd, frame, sflow.Port{Value: near}, sflow.Port{Value: 77}},
		{"ingress alone does not see what leaves", Ingress, back, frame, sflow.Port{}, sflow.Port{}},
		{"egress alone does not see what comes", Egress, w.fd, frame, sflow.Port{}, sflow.Port{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k keeper
			s := w.run(Config{Method: m, Emit: k.emit}, Interface{Index: near, Name: "near", Rate: 1, Directions: c.dirs})
			s.SetPorts(map[sflow.MAC]uint32{TapMAC(macB): 77, TapMAC(macA): 66})
			w.send(c.fd, c.frame, 1)
			if (c.in == sflow.Port{}) {
				time.Sleep(100 * time.Millisecond)
				if n := len(k.all()); n != 0 {
					t.Errorf("%d samples, want none", n)
				}
				return
			}
			w.Eventually(patience, "a sample", func() bool { return len(k.all()) == 1 })
			got := k.all()[0]
			if got.Input != c.in || got.Output != c.out || got.Source != (sflow.DataSource{Index: near}) {
				t.Errorf("source %v input %v output %v, want %v %v", got.Source, got.Input, got.Output, c.in, c.out)
			}
		})
	}
}

// An interface that goes down and comes back, is renamed, vanishes or moves to
// another namespace while it is sampled costs only its own samples.
func TestInterfacesComeAndGo(t *testing.T) { each(t, interfacesComeAndGo) }

func interfacesComeAndGo(t *testing.T, m Method) {
	w := newWire(t)
	w.IP("-n", w.ns, "link", "add", "near2", "type", "veth", "peer", "name", "far2")
	w.IP("-n", w.ns, "link", "set", "near2", "up")
	w.IP("-n", w.ns, "link", "set", "far2", "up")
	second := w.socket("far2")
	near, near2 := w.index("near"), w.index("near2")
	var k keeper
	count := func(index uint32) (n int) {
		for _, s := range k.all() {
			if s.Source.Index == index {
				n++
			}
		}
		return n
	}
	list := []Interface{{Index: near, Name: "near", Rate: 1}, {Index: near2, Name: "near2", Rate: 1}}
	s := w.run(Config{Method: m, Emit: k.emit}, list...)
	frame := ethernet(0x800, ipv4(17, udp(1, 2, nil))...)
	flows := func(what string, fd int, index uint32) {
		t.Helper()
		n := count(index)
		w.Eventually(patience, what, func() bool {
			_, _ = unix.Write(fd, frame)
			return count(index) > n
		})
	}
	state := func(index uint32) (st State) {
		for _, x := range s.States() {
			if x.Index == index {
				st = x
			}
		}
		return st
	}
	flows("sampling the first", w.fd, near)
	flows("sampling the second", second, near2)

	w.IP("-n", w.ns, "link", "set", "near", "down")
	flows("sampling the second while the first is down", second, near2)
	w.IP("-n", w.ns, "link", "set", "near", "up")
	flows("sampling the first after it came back", w.fd, near)

	w.IP("-n", w.ns, "link", "set", "near", "down")
	w.IP("-n", w.ns, "link", "set", "near", "name", "renamed")
	w.IP("-n", w.ns, "link", "set", "renamed", "up")
	flows("sampling the first under its new name", w.fd, near)

	away := w.Namespace("away")
	w.IP("-n", w.ns, "link", "set", "renamed", "netns", away)
	w.Eventually(patience, "the moved interface given up", func() bool { return state(near).Err != nil && state(near).Rate == 0 })
	flows("sampling the second after the first moved away", second, near2)

	w.IP("-n", away, "link", "set", "renamed", "netns", w.ns)
	w.IP("-n", w.ns, "link", "set", "renamed", "up")
	list[0].Index = w.index("renamed")
	s.Set(list)
	flows("sampling the first after it came home", w.fd, list[0].Index)

	w.IP("-n", w.ns, "link", "del", "near2")
	w.Eventually(patience, "the deleted interface given up", func() bool { return state(near2).Err != nil })
	flows("sampling the first after the second vanished", w.fd, list[0].Index)
	s.Set(list[:1])
	w.Eventually(patience, "one interface left", func() bool { return len(s.States()) == 1 })
}

// Traffic that begins all at once on an idle interface is brought under the budget,
// and every packet not sampled is accounted for. As much is sent in each second: where
// the machine does not let it, it is tried again.
func TestAdaptingKeepsTheBudget(t *testing.T) {
	w := newWire(t)
	for try := 1; ; try++ {
		second, even := adapts(t, w)
		switch {
		case !even && try < 5:
			continue
		case !even:
			t.Log("a machine that cannot send evenly is no measure of the budget")
		case second > DefaultBudget*1.3 || second < DefaultBudget/3:
			t.Errorf("%.0f samples a second, budget %d", second, DefaultBudget)
		}
		return
	}
}

// adapts samples traffic once and returns how many samples a second it made when the
// rate had settled, and whether the traffic was even. What is sent late is marked,
// since the sampler may be behind.
func adapts(t *testing.T, w *wire) (second float64, even bool) {
	t.Helper()
	var k keeper
	s := w.run(Config{Emit: k.emit}, Interface{Index: w.index("near"), Name: "near"})
	const perSecond = 20_000
	even = true
	send := func(frame []byte, d time.Duration) (sent int, took time.Duration) {
		begin := time.Now()
		for took < d {
			time.Sleep(5 * time.Millisecond)
			took = time.Since(begin)
			n := int(took.Seconds()*perSecond) - sent
			even = even && n < perSecond/4
			w.send(w.fd, frame, n)
			sent += n
		}
		return sent, took
	}
	send(ethernet(0x800, ipv4(17, udp(1, 2, nil))...), 2*time.Second)
	sent, took := send(ethernet(0x800, ipv4(17, udp(7, 2, nil))...), 4*time.Second)
	st := s.States()
	s.Set(nil) // what the kernel has chosen is told before
	w.Eventually(patience, "stopped", func() bool { return len(s.States()) == 0 })
	var samples, coarsest int
	var stands, squares float64 // each sample stands for as many as its own rate says
	for _, smp := range k.all() {
		if smp.header.Header[35] != 7 {
			continue
		}
		samples++
		stands += float64(smp.SamplingRate)
		squares += float64(smp.SamplingRate) * float64(smp.SamplingRate)
		coarsest = max(coarsest, int(smp.SamplingRate))
	}
	_, drops := s.Totals()
	second = float64(samples+int(drops)) / took.Seconds()
	t.Logf("%d packets in %v: %d samples, %.0f a second with %d drops, stand for %.0f, state %+v", sent, took.Round(time.Millisecond), samples, second, drops, stands, st)
	if math.Abs(stands-float64(sent)) > 5*math.Sqrt(squares)+float64(int(drops)*coarsest) {
		t.Errorf("samples stand for %.0f packets of %d", stands, sent)
	}
	if len(st) != 1 || st[0].Rate < 2 {
		t.Errorf("state %+v", st)
	}
	return second, even
}

func TestSampleAllocatesNothing(t *testing.T) {
	s, err := New(Config{Emit: func(*sflow.FlowSample) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.shut()
	tp := &tap{Interface: Interface{Index: 3}, rate: 10}
	f := frame{data: ethernet(0x800, ipv4(17, udp(5, 4789, vxlan(1, ethernet(0x800, ipv4(6, tcp(1, 2, nil))...))))...),
		hardware: unix.ARPHRD_ETHER, status: unix.TP_STATUS_VLAN_VALID, tci: 5, length: 1500}
	s.emit(tp, &f)
	if n := testing.AllocsPerRun(1000, func() { s.emit(tp, &f) }); n != 0 {
		t.Errorf("%v allocations for a sample, want 0", n)
	}
}

// Without the capability the sampler runs and says why it samples nothing.
func TestNoPermissionIsNamed(t *testing.T) {
	for name, m := range map[string]Method{"packet": MethodPacket, "auto": MethodAuto} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			s := w.runWith(0, m, func(*sflow.FlowSample) {})
			w.Eventually(patience, "a state with an error", func() bool {
				st := s.States()
				return len(st) == 1 && st[0].Err != nil
			})
			if got, want := s.States()[0].Err.Error(), "packet socket: operation not permitted"; got != want {
				t.Errorf("error %q, want %q", got, want)
			}
		})
	}
}

// Who may not use eBPF samples by packet sockets.
func TestAutoFallsBack(t *testing.T) {
	w := newWire(t)
	var n atomic.Int64
	s := w.runWith(1<<unix.CAP_NET_RAW, MethodAuto, func(*sflow.FlowSample) { n.Add(1) })
	frame := ethernet(0x800, ipv4(17, udp(1, 9, make([]byte, 58)))...)
	w.Eventually(patience, "samples", func() bool {
		w.send(w.fd, frame, 1)
		return n.Load() > 0
	})
	if st := s.States(); len(st) != 1 || st[0].Err != nil {
		t.Errorf("states %+v", st)
	}
}

// runWith is run of "near" at 1:1 by a thread that has these capabilities alone.
func (w *wire) runWith(capabilities uint32, m Method, emit func(*sflow.FlowSample)) *Sampler {
	w.t.Helper()
	if os.Geteuid() != 0 {
		w.t.Skip("needs root, to drop it: run make test-all as root")
	}
	s, err := New(Config{Method: m, Emit: emit})
	if err != nil {
		w.t.Fatal(err)
	}
	s.Set([]Interface{{Index: w.index("near"), Name: "near", Rate: 1}})
	ctx, cancel := context.WithCancel(context.Background())
	done := w.Go(w.ns, func() {
		data := [2]unix.CapUserData{{Permitted: capabilities, Effective: capabilities}}
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
			w.t.Error(err)
			return
		}
		_ = s.Run(ctx)
	})
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
	return s
}

// The operator's rule chooses the packets, and what NFLOG tells becomes whole
// frames again.
func TestNFLOGSamples(t *testing.T) {
	w := newWire(t)
	lab.Need(t, "nft")
	near := w.index("near")
	rule := func(rate string) {
		t.Helper()
		w.Exec(w.ns, "sh", "-c", "nft flush ruleset; printf 'table netdev s {\n chain in {\n type filter hook ingress device near priority 0\n "+
			"numgen random mod "+rate+" == 0 log group 5 snaplen 256\n }\n }\n' | nft -f -")
	}
	var k keeper
	s, err := New(Config{Method: MethodNFLOG, NFLOG: NFLOG{Group: 5, Rate: 1}, Emit: k.emit})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := w.Go(w.ns, func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); <-done })
	rule("1")
	frame := ethernet(0x800, ipv4(17, udp(1, 2, bytes.Repeat(secret, 10)))...)
	w.Eventually(patience, "a sample", func() bool {
		w.send(w.fd, frame, 1)
		time.Sleep(20 * time.Millisecond)
		return len(k.all()) > 0
	})
	got := k.all()[0]
	want := sflow.SampledHeader{Protocol: 1, FrameLength: uint32(len(frame)) + 4, Stripped: 4, Header: frame[:14+20+8]}
	if d := cmp.Diff(want, got.header); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if got.Source.Index != near || got.Input.Value != near {
		t.Errorf("source %v, input %v, want %d", got.Source, got.Input, near)
	}
	if st := s.States(); len(st) != 1 || st[0].Rate != 1 || st[0].Samples == 0 {
		t.Errorf("states %+v", st)
	}
	// One in ten, of many, until one that is marked: it tells too how many were lost
	// before it.
	const packets = 20_000
	rule("10")
	before := k.all()
	w.send(w.fd, frame, packets)
	rule("1")
	marked := ethernet(0x800, ipv4(17, udp(7, 9, secret))...)
	var after []kept
	end := -1
	w.Eventually(patience, "the marked sample", func() bool {
		w.send(w.fd, marked, 1)
		time.Sleep(20 * time.Millisecond)
		after = k.all()
		end = slices.IndexFunc(after, func(s kept) bool { return s.header.Header[35] == 7 })
		return end >= 0
	})
	n := float64(end-len(before)) + float64(after[end].Drops-before[len(before)-1].Drops)
	if standard := math.Sqrt(packets * 0.1 * 0.9); math.Abs(n-packets/10) > 5*standard {
		t.Errorf("%v samples of %d packets at 1:10", n, packets)
	}
}
