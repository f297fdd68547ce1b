package detect

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
	"weir/detect/flood"
	"weir/detect/scan"
)

// attackWorld is shards and an engine with room for one Flow.
func attackWorld(cfg Config, shards int) *world {
	w := &world{next: 100 * time.Millisecond}
	for i := range shards {
		_ = i
		w.shards = append(w.shards, NewShard(cfg, 3))
	}
	w.engine = NewEngine(cfg, w.shards, testNames{})
	return w
}

// packets delivers n samples, every gap one; make fills in the rest.
func (w *world) packets(from time.Duration, n int, gap time.Duration, make func(i int, f *decoder.Flow)) time.Duration {
	var a decoder.Arrival
	f := decoder.Flow{Arrival: &a}
	at := from
	for i := range n {
		w.until(at)
		f.Packet = decoder.Packet{FrameLength: 64}
		f.At = epoch.Add(at)
		f.Header.HasKey, f.Header.Depth, f.Header.TTL = true, packet.DepthTransport, 60
		f.Est = decoder.FlowEst{SamplingRate: 1000, Vantage: decoder.Vantage{Agent: 1, Source: 2}, Speed: 10e9}
		f.Sample.Input, f.Sample.Output = sflow.Port{Value: 1}, sflow.Port{Value: 2}
		make(i, &f)
		s := w.shards[int(f.Est.Vantage.Agent)%len(w.shards)]
		s.Flow(&f)
		if s.Urgent() {
			w.tick(at)
		}
		at += gap
	}
	return at
}

func synTo(dst string, port uint16) func(i int, f *decoder.Flow) {
	rng := rand.New(rand.NewPCG(1, 1))
	to := netip.MustParseAddr(dst).As16()
	return func(_ int, f *decoder.Flow) {
		f.Header.Key = packet.Key{Dst: to, SrcPort: uint16(rng.IntN(60000) + 1024), DstPort: port, Proto: 6}
		f.Header.Key.Src = netip.AddrFrom4([4]byte{byte(1 + rng.IntN(99)), byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256))}).As16()
		f.Header.HasTCP, f.Header.TCPFlags, f.Header.IPLength = true, 2, 50
	}
}

func (w *world) of(k Kind) (out []*Alert) {
	for _, a := range w.alerts {
		if a.Kind == k {
			out = append(out, a)
		}
	}
	return out
}

// A flood is one alert with a life, through shards and engine.
func TestFloodAlert(t *testing.T) {
	w := attackWorld(DefaultConfig(), 2)
	at := w.packets(time.Second, 500, 10*time.Millisecond, synTo("10.9.0.1", 80))
	w.until(at + 40*time.Second)
	alerts := w.of(Flood)
	if len(alerts) < 3 {
		t.Fatalf("%d alerts", len(alerts))
	}
	first, last := alerts[0], alerts[len(alerts)-1]
	if first.Change != Start || last.Change != End || last.State != Resolved || first.Severity != Warning || first.ID != last.ID {
		t.Errorf("first %+v, last %+v", first, last)
	}
	e := first.Evidence.(*FloodEvidence)
	if e.Class != "syn_flood" || e.Low > 100_000 || e.High < 100_000 || *e.DstPort != 80 || e.Spread != "spoofed_or_distributed" {
		t.Errorf("evidence %+v", e)
	}
	confirmed := false
	for i, a := range alerts {
		confirmed = confirmed || a.State == Confirmed
		if a.Seq != uint64(i+1) {
			t.Errorf("alert %d has sequence %d", i, a.Seq)
		}
	}
	if !confirmed {
		t.Error("never confirmed")
	}
	if want := "syn flood on 10.9.0.1 port 80: 100 kpacket/s ("; !strings.HasPrefix(alerts[1].Line(), want) && !strings.Contains(alerts[1].Line(), "syn flood on 10.9.0.1 port 80: ") {
		t.Errorf("line %q", alerts[1].Line())
	}
	if s := w.engine.AttackStats(); s.Flood.Started != 1 || s.Flood.Open != 0 {
		t.Errorf("%+v", s)
	}
	if s := w.shards[1].AttackStats(); s.Flood.Samples != 500 || s.Hosts == 0 || s.Scan.Probes != 500 {
		t.Errorf("%+v", s)
	}
}

func TestFloodThatSaturatesALinkIsCritical(t *testing.T) {
	w := attackWorld(DefaultConfig(), 1)
	syn := synTo("10.9.0.1", 80)
	w.packets(time.Second, 3000, time.Millisecond, func(i int, f *decoder.Flow) { // 1M packets/s of 64 octets on 500 Mbit/s
		syn(i, f)
		f.Est.Speed = 500e6
	})
	alerts := w.of(Flood)
	if n := len(alerts); n < 2 || alerts[n-1].Severity != Critical || !alerts[n-1].Evidence.(*FloodEvidence).SaturatesLink {
		t.Errorf("%d alerts, the last %+v", n, alerts[len(alerts)-1])
	}
}

// Off, reload, epoch and close end what is open, each with its reason.
func TestAttackAlertsEnd(t *testing.T) {
	sweep := func(i int, f *decoder.Flow) {
		f.Header.Key = packet.Key{Src: netip.MustParseAddr("192.0.2.7").As16(), SrcPort: 40000, DstPort: 22, Proto: 6}
		f.Header.Key.Dst = netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).As16()
		f.Header.HasTCP, f.Header.TCPFlags = true, 2
	}
	off := DefaultConfig()
	off.Flood.Off, off.Scan.Off = true, true
	for name, c := range map[string]struct {
		end    func(w *world, at time.Time)
		reason string
	}{
		"reload": {func(w *world, at time.Time) { w.engine.SetConfig(at, off, w.emit) }, ReasonReload},
		"epoch":  {func(w *world, at time.Time) { w.engine.Epoch(at, w.emit) }, ReasonClock},
		"close":  {func(w *world, at time.Time) { w.engine.Close(at, w.emit, ReasonShutdown) }, ReasonShutdown},
	} {
		t.Run(name, func(t *testing.T) {
			w := attackWorld(DefaultConfig(), 1)
			at := w.packets(time.Second, 200, 10*time.Millisecond, synTo("10.9.0.1", 80))
			at = w.packets(at, 100, 10*time.Millisecond, sweep)
			c.end(w, epoch.Add(at))
			for _, k := range []Kind{Flood, Scan} {
				all := w.of(k)
				if len(all) < 2 || all[len(all)-1].Change != End || all[len(all)-1].Reason != c.reason {
					t.Errorf("%s: %d alerts, the last %+v", k, len(all), all[max(len(all)-1, 0)])
				}
			}
		})
	}
	w := attackWorld(off, 1)
	w.packets(time.Second, 300, 10*time.Millisecond, synTo("10.9.0.1", 80))
	if len(w.alerts) != 0 {
		t.Errorf("switched off: %d alerts", len(w.alerts))
	}
}

func TestScanAlert(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Scan.Internal = []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}
	w := attackWorld(cfg, 1)
	ports := func(src string) func(i int, f *decoder.Flow) {
		return func(i int, f *decoder.Flow) {
			f.Header.Key = packet.Key{
				Src: netip.MustParseAddr(src).As16(), Dst: netip.MustParseAddr("10.0.0.5").As16(),
				SrcPort: 40000, DstPort: uint16(1 + i*7), Proto: 6,
			}
			f.Header.HasTCP, f.Header.TCPFlags = true, 2
			f.Est.SamplingRate = 10
		}
	}
	at := w.packets(time.Second, 100, 100*time.Millisecond, ports("192.0.2.7"))
	at = w.packets(at, 100, 100*time.Millisecond, ports("172.16.0.8"))
	w.until(at + 2*time.Minute)
	all := w.of(Scan)
	if len(all) < 4 || len(w.alerts) != len(all) {
		t.Fatalf("%d alerts", len(w.alerts))
	}
	severity := map[string]Severity{}
	for _, a := range all {
		severity[a.Subject.Line()] = a.Severity
	}
	if diff := cmp.Diff(map[string]Severity{"192.0.2.7": Info, "172.16.0.8": Warning}, severity); diff != "" {
		t.Errorf("severities (-want +got):\n%s", diff)
	}
	const want = "port scan by 192.0.2.7: about 400 tcp ports (195–400) of 10.0.0.5, "
	if got := all[0].Line(); !strings.HasPrefix(got, want[:len("port scan by 192.0.2.7: about 4")]) || !strings.Contains(got, " of 10.0.0.5, ") {
		t.Errorf("line %q, want about %q", got, want)
	}
}

// The output contract of the two kinds: fields may be added, these stay.
func TestAttackJSON(t *testing.T) {
	port := uint16(80)
	for name, c := range map[string]struct {
		v    any
		want string
	}{
		"flood subject": {&FloodSubject{Victim: netip.MustParsePrefix("10.9.0.0/24"), Domain: "underlay"}, `{"victim":"10.9.0.0/24","domain":"underlay"}`},
		"scan subject":  {&ScanSubject{Source: netip.MustParseAddr("192.0.2.7"), Type: "port_scan", Domain: "vni:7"}, `{"source":"192.0.2.7","type":"port_scan","domain":"vni:7"}`},
		"flood evidence": {&FloodEvidence{Class: "amplification", Vector: "dns", DstPort: &port, EntryPorts: []EntryPort{{Agent: netip.MustParseAddr("192.0.2.1"), Interface: Port{Value: 3}}}},
			`{"class":"amplification","vector":"dns","packets_per_second":0,"low":0,"high":0,"bits_per_second":0,"samples":0,"effective_samples":0,` +
				`"sampling_rate":0,"frame_octets":0,"window_seconds":0,"threshold_packets_per_second":0,"ratio":0,"peak_packets_per_second":0,"pulses":0,` +
				`"spread":"","sources":{"seen":0,"estimate":0,"low":0,"high":0},"destinations":{"seen":0,"estimate":0,"low":0,"high":0},"detail_samples":0,` +
				`"dst_port":80,"top_sources":null,"top_dst_ports":null,"top_src_ports":null,"counted":"","agent":"",` +
				`"entry_ports":[{"agent":"192.0.2.1","interface":3,"edge":false,"share":0}],"vantage_points":0,` +
				`"first_sample":"0001-01-01T00:00:00.000000000Z","seconds_to_alert":0,"method":""}`},
		"scan evidence": {&ScanEvidence{Type: "host_sweep", Protocol: "tcp", Port: &port},
			`{"type":"host_sweep","protocol":"tcp","targets":{"seen":0,"estimate":0,"low":0,"high":0},"hosts":{"seen":0,"estimate":0,"low":0,"high":0},` +
				`"ports":{"seen":0,"estimate":0,"low":0,"high":0},"port":80,"probes_per_second":0,"samples":0,"minute_samples":0,"other_samples":0,` +
				`"sampling_rate":0,"agent":"","internal":false,"first_sample":"0001-01-01T00:00:00.000000000Z","seconds_to_alert":0,"method":""}`},
	} {
		got, err := json.Marshal(c.v)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := string((&FloodSubject{Victim: netip.MustParsePrefix("10.9.0.1/32"), Domain: "underlay"}).AppendCanonical(nil)); got != "underlay 10.9.0.1/32" {
		t.Errorf("canonical %q", got)
	}
	if got := string((&ScanSubject{Source: netip.MustParseAddr("192.0.2.7"), Type: "port_scan", Domain: "underlay"}).AppendCanonical(nil)); got != "underlay port_scan 192.0.2.7" {
		t.Errorf("canonical %q", got)
	}
}

func TestAttackConfigValidate(t *testing.T) {
	for name, c := range map[string]Config{
		"negative threshold": {Flood: FloodConfig{Config: flood.Config{UDP: flood.Limit{PacketsPerSecond: -1}}}},
		"prefix below 1":     {Flood: FloodConfig{Config: flood.Config{Prefix: 0.5}}},
		"short hold":         {Flood: FloodConfig{Config: flood.Config{Hold: time.Millisecond}}},
		"few hosts":          {Flood: FloodConfig{Config: flood.Config{Hosts: 1}}},
		"few targets":        {Scan: ScanConfig{Config: scan.Config{MinTargets: 2}}},
		"many sources":       {Scan: ScanConfig{Config: scan.Config{Sources: 1 << 30}}},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Both detectors of attacks allocate nothing per sample.
func TestAttackSampleAllocates(t *testing.T) {
	s := NewShard(DefaultConfig(), 1)
	var a decoder.Arrival
	f := decoder.Flow{Arrival: &a}
	one := [1]*decoder.Flow{&f}
	syn := synTo("10.9.0.1", 80)
	i := 0
	if n := testing.AllocsPerRun(5000, func() {
		f.At = epoch.Add(time.Duration(i) * 10 * time.Microsecond)
		f.FrameLength, f.Header.HasKey, f.Header.Depth = 64, true, packet.DepthTransport
		f.Est = decoder.FlowEst{SamplingRate: 1000, Vantage: decoder.Vantage{Agent: 1, Source: 2}}
		syn(i, &f)
		s.attacks.samples(one[:])
		i++
	}); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}
