package site

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// wire is a Site that datagrams of one exporter reach, through decoder and Gatherer,
// on a clock of its own in steps of 100 ms.
type wire struct {
	world
	g       *fact.Gatherer
	decoder decoder.Decoder
	buf     []fact.Fact
	rng     *rand.Rand

	period  time.Duration // of polls; 0 they have stopped
	polled  time.Time
	links   []wireLink
	loss    float64
	jitter  time.Duration
	dead    bool
	started time.Time
	seq     sflow.Seq
	whole   uint32         // the exporter is a bridge of Open vSwitch and samples as a whole, at this rate
	beat    []witness.Pair // of its heartbeats every second; nil: it has none
}

// wireLink is an interface that is a data source too.
type wireLink struct {
	packets float64 // a second
	rate    uint32  // of sampling; 0 it is not
	down    bool
	passed  uint32
	seq     sflow.Seq
}

func newWire(t *testing.T, links ...wireLink) *wire {
	return &wire{
		world: world{t: t, site: New(Config{}), now: epoch}, g: fact.NewGatherer(fact.Keys{}), rng: rand.New(rand.NewPCG(5, 6)),
		period: time.Second, links: links, started: epoch.Add(-time.Hour),
	}
}

func (w *wire) Arrival(a *decoder.Arrival)   { w.g.Arrival(a, 1) }
func (w *wire) Counters(c *decoder.Counters) { w.g.Counters(c) }
func (w *wire) Discard(d *decoder.Discard)   { w.g.Discard(d) }
func (w *wire) Metrics(m *decoder.Metrics)   { w.g.Metrics(m) }
func (w *wire) Flow(s *decoder.Flow) {
	s.Est.Vantage = decoder.Vantage{Agent: 1, Source: 2 * s.Sample.Source.Index}
	w.g.Flow(s)
}

// send is one datagram, that may be lost.
func (w *wire) send(fill func(b *sflow.Builder)) {
	w.seq++
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: w.seq, Uptime: uint32(w.now.Sub(w.started).Milliseconds())})
	fill(&b)
	if w.rng.Float64() < w.loss {
		return
	}
	if err := w.decoder.Decode(b.Bytes(), netip.MustParseAddrPort("192.0.2.1:6343"), w.now, w); err != nil {
		w.t.Fatal(err)
	}
}

// step is what the exporter sends within 100 ms.
func (w *wire) step() {
	for i := range w.links {
		l := &w.links[i]
		n := uint32(l.packets / 10)
		l.passed += n
		source, rate := sflow.DataSource{Index: uint32(i + 1)}, l.rate
		if w.whole != 0 {
			source, rate = sflow.DataSource{Class: sflow.ClassEntity, Index: 1000}, w.whole
		}
		if rate == 0 {
			continue
		}
		k := 0
		for p := w.rng.Float64(); p > math.Exp(-float64(n)/float64(rate)); k++ {
			p *= w.rng.Float64()
		}
		for range k {
			w.send(func(b *sflow.Builder) {
				l.seq++
				b.FlowSample(&sflow.FlowSample{Sequence: l.seq, Source: source, SamplingRate: rate, Input: sflow.Port{Value: uint32(i + 1)}, Output: sflow.Port{Value: 9}}, false,
					&sflow.SampledHeader{Protocol: 1, FrameLength: 60, Header: sflowtest.Header()})
			})
		}
	}
	if w.beat != nil && w.now.Sub(w.started)%time.Second == 0 {
		var s witness.Statement
		s.Begin(witness.ClassHeartbeat, "cn1")
		s.Add(w.beat...)
		w.send(func(b *sflow.Builder) { b.Sample(s.Metric()) })
	}
	if w.period == 0 || w.now.Sub(w.polled) < w.period {
		return
	}
	w.polled = w.now
	if w.jitter > 0 {
		w.polled = w.polled.Add(time.Duration(w.rng.Int64N(int64(w.jitter))))
	}
	w.send(func(b *sflow.Builder) {
		for i := range w.links {
			n, status := w.links[i].passed, uint32(3)
			if w.links[i].down {
				status = 1
			}
			of := []sflow.Appender{}
			if w.whole != 0 {
				port := sflow.OFPort{DatapathID: 7, PortNo: uint32(i)}
				if i == 0 {
					port.PortNo = 0xfffe // its own
				}
				of = append(of, &port)
			}
			b.CounterSample(&sflow.CounterSample{Sequence: w.seq, Source: sflow.DataSource{Index: uint32(i + 1)}}, false, append(of,
				&sflow.IfCounters{Index: uint32(i + 1), Type: 6, Speed: 1e10, Status: status, InOctets: sflow.Counter64(n) * 100, OutOctets: sflow.Counter64(n) * 100, InUcastPkts: sflow.Counter32(n), OutUcastPkts: sflow.Counter32(n)},
				&sflow.PortName{Name: sflow.Text(w.linkName(i))})...)
		}
	})
}

// linkName is what an interface is called: of a bridge the first is its own, the
// others are of instances.
func (w *wire) linkName(i int) string {
	switch {
	case w.whole == 0:
		return "eth" + itoa(uint64(i+1))
	case i == 0:
		return "br0"
	}
	return "tap" + itoa(uint64(i+1))
}

// pass lets time pass.
func (w *wire) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(100 * time.Millisecond)
		if !w.dead {
			w.step()
		}
		w.g.Tick(w.now)
		var dropped uint64
		w.buf, dropped = w.g.Take(w.buf[:0])
		w.site.Add(w.buf, dropped)
		w.site.Tick(w.now, func(a *detect.Alert) { w.alerts = append(w.alerts, a) })
	}
}

// told returns how long after a time the first alert of a kind was told.
func (w *wire) told(kind detect.Kind, since time.Time) time.Duration {
	for _, a := range w.alerts {
		if a.Kind == kind && a.Change == detect.Start {
			return a.At.Sub(since)
		}
	}
	return -1
}

// TestPollingStretched: polls that become rare are tampering, told once they are
// proven by two of the new period, and silence does not come and go meanwhile.
func TestPollingStretched(t *testing.T) {
	const node = " warning 192.0.2.1"
	for _, c := range []struct {
		name    string
		from    time.Duration
		to      time.Duration // 0: they stop
		sampled bool
		loss    float64
		within  time.Duration // 0: never
		want    []string
	}{
		{"1 s to 5 s", time.Second, 5 * time.Second, false, 0, 11 * time.Second, []string{"start telemetry_tampered" + node + " polling"}},
		{"1 s to 3 s", time.Second, 3 * time.Second, false, 0, 7 * time.Second, []string{"start telemetry_tampered" + node + " polling"}},
		{"1 s to 5 s at 1 % loss", time.Second, 5 * time.Second, true, 0.01, 16 * time.Second, []string{"start telemetry_tampered" + node + " polling"}},
		{"10 s to 30 s", 10 * time.Second, 30 * time.Second, false, 0, 61 * time.Second, []string{"start telemetry_tampered" + node + " polling"}},
		{"1 s to 20 s, samples go on", time.Second, 20 * time.Second, true, 0, 10 * time.Second, []string{"start telemetry_tampered" + node + " polling"}},
		{"1 s to 20 s, counters alone", time.Second, 20 * time.Second, false, 0, 41 * time.Second, []string{
			"start telemetry_silent" + node, "end telemetry_silent" + node, "start telemetry_tampered" + node + " polling",
		}},
		{"1 s to never, samples go on", time.Second, 0, true, 0, 10 * time.Second, []string{"start telemetry_tampered" + node + " polling"}},
		{"1 s to 2 s", time.Second, 2 * time.Second, true, 0, 0, nil},
		{"as ever, at 5 % loss", time.Second, time.Second, false, 0.05, 0, nil},
		{"as ever, 10 s at 20 % loss", 10 * time.Second, 10 * time.Second, true, 0.2, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			link := wireLink{packets: 1000}
			if c.sampled {
				link.rate = 100
			}
			w := newWire(t, link, link)
			w.period, w.loss = c.from, c.loss
			w.pass(60 * c.from)
			w.want()
			w.pass(c.from - w.now.Sub(w.polled)%c.from) // the last of the old ones
			w.period = c.to
			from := w.polled
			w.pass(20 * max(c.to, time.Second))
			if d := w.told(TelemetryTampered, from); c.within > 0 && (d < 0 || d > c.within) || c.within == 0 && d >= 0 {
				t.Errorf("told after %v, want within %v", d, c.within)
			}
			w.want(c.want...)
			if len(c.want) == 0 {
				return
			}
			w.period = c.from
			w.pass(20 * c.from)
			w.want("end telemetry_tampered" + node + " polling")
			w.dead = true
			w.pass(70*time.Second + 10*c.from)
			w.want("start telemetry_silent" + node)
		})
	}
}

// TestPollingOfItsOwnRange: an agent that polls less often at times, as some do under
// load, is no news.
func TestPollingOfItsOwnRange(t *testing.T) {
	w := newWire(t, wireLink{packets: 1000, rate: 100})
	w.period = 10 * time.Second
	for i := range 20 {
		w.period = 10 * time.Second
		if i%4 == 3 {
			w.period = 28 * time.Second
		}
		w.pass(60 * time.Second)
	}
	w.alerts = nil // the first time it could not be known
	for i := range 20 {
		w.period = 10 * time.Second
		if i%4 == 3 {
			w.period = 28 * time.Second
		}
		w.pass(60 * time.Second)
	}
	w.want()
}

// TestStartedAnewWithOtherPolls: a restart that brings rare polls is said to.
func TestStartedAnewWithOtherPolls(t *testing.T) {
	w := newWire(t, wireLink{packets: 1000, rate: 100})
	w.pass(time.Minute)
	w.dead = true
	w.pass(2 * time.Second)
	w.dead, w.started, w.seq, w.period = false, w.now, 0, 5*time.Second
	w.pass(30 * time.Second)
	a := w.last(TelemetryTampered)
	if e := a.Evidence.(*Evidence); !strings.HasPrefix(e.Cause, "it was started anew ") || !strings.HasSuffix(e.Cause, " before, with another configuration") {
		t.Errorf("cause %q", e.Cause)
	}
}

// TestSourceStops: a data source whose samples stop is told of when so many are
// missing that it can not be chance; without traffic nothing is.
func TestSourceStops(t *testing.T) {
	for _, c := range []struct {
		name   string
		packet [2]float64 // a second, before and after
		rate   uint32
		after  uint32 // sampling rate then; 0 off
		loss   float64
		within time.Duration // 0: never
	}{
		{"10 samples/s", [2]float64{1000, 1000}, 100, 0, 0, 6 * time.Second},
		{"10 samples/s at 1 % loss", [2]float64{1000, 1000}, 100, 0, 0.01, 7 * time.Second},
		{"1 sample/s", [2]float64{1000, 1000}, 1000, 0, 0, 50 * time.Second},
		{"without traffic", [2]float64{1000, 0}, 100, 0, 0, 0},
		{"with little traffic", [2]float64{1000, 10}, 100, 0, 0, 0},
		{"that goes on", [2]float64{1000, 1000}, 100, 100, 0.01, 0},
		{"that goes on rarely", [2]float64{1000, 1000}, 1000, 1000, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire(t, wireLink{packets: c.packet[0], rate: c.rate}, wireLink{packets: 1000, rate: 100})
			w.loss = c.loss
			w.pass(2 * time.Minute)
			w.want()
			w.links[0].packets, w.links[0].rate = c.packet[1], c.after
			from := w.now
			w.pass(2 * time.Minute)
			if d := w.told(TelemetrySilent, from); c.within > 0 && (d < 0 || d > c.within) {
				t.Errorf("told after %v, want within %v", d, c.within)
			}
			if c.within == 0 {
				w.want()
				return
			}
			e := w.last(TelemetrySilent).Evidence.(*Evidence)
			if f := e.Facts; len(f) != 2 || f[0].After != "0" || f[1].After != "1" {
				t.Errorf("facts %+v", e.Facts)
			}
			w.want("start telemetry_silent warning 192.0.2.1 samples")
			w.links[0].rate = c.rate
			w.pass(time.Minute)
			w.want("end telemetry_silent warning 192.0.2.1 samples")
		})
	}
}

// TestBridgeIsSampledNoMore: Open vSwitch samples a bridge as a whole, as a data
// source that no interface is. That its samples have stopped is told by what its
// ports count.
func TestBridgeIsSampledNoMore(t *testing.T) {
	for _, c := range []struct {
		name    string
		period  time.Duration
		packets float64 // a second of each port, afterwards
		after   uint32  // sampling rate then
		loss    float64
		new     bool          // a port is new at that time
		anew    bool          // its sub-agent begins anew
		within  time.Duration // 0: never
		also    []string      // told besides
	}{
		{"switched off", time.Second, 400, 1e9, 0, false, false, 7 * time.Second, nil},
		{"switched off, at 1 % loss", time.Second, 400, 1e9, 0.01, false, false, 8 * time.Second, nil},
		{"switched off, polls every 10 s", 10 * time.Second, 400, 1e9, 0, false, false, 25 * time.Second, nil},
		{"switched off, and begun anew", time.Second, 400, 1e9, 0, false, true, 9 * time.Second, nil},
		{"switched off, with a new port", time.Second, 400, 1e9, 0, true, false, 8 * time.Second, nil},
		{"turned down tenfold", time.Second, 400, 1000, 0, false, false, 0, []string{"start telemetry_tampered warning 192.0.2.1 sampling"}},
		{"without traffic", time.Second, 0, 1e9, 0, false, false, 0, nil},
		{"that goes on", time.Second, 400, 100, 0.01, true, false, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire(t, wireLink{}, wireLink{packets: 400}, wireLink{packets: 400}, wireLink{packets: 400})
			w.whole, w.period, w.loss = 100, c.period, c.loss
			w.pass(3 * time.Minute)
			w.want()
			if c.new {
				w.links = append(w.links, wireLink{packets: 400})
			}
			for i := range w.links[1:] {
				w.links[i+1].packets = c.packets
			}
			w.whole = c.after
			if c.anew { // Open vSwitch counts from the beginning then
				w.started, w.seq = w.now, 0
			}
			from := w.now
			w.pass(2 * time.Minute)
			if c.within == 0 {
				w.want(c.also...)
				return
			}
			if d := w.told(TelemetrySilent, from); d < 0 || d > c.within {
				t.Errorf("told after %v, want within %v", d, c.within)
			}
			if e := w.last(TelemetrySilent).Evidence.(*Evidence); !strings.HasPrefix(e.Summary, "no samples of bridge br0 any more") {
				t.Errorf("summary %q", e.Summary)
			}
			w.want("start telemetry_silent warning 192.0.2.1 samples")
			w.whole = 100
			w.pass(time.Minute)
			w.want("end telemetry_silent warning 192.0.2.1 samples")
		})
	}
}

// TestPollingStretchedByConfiguration: where the host agent tells of another
// configuration, polls that have become rare are its doing, and critical.
func TestPollingStretchedByConfiguration(t *testing.T) {
	for _, c := range []struct {
		name     string
		digest   string // from then on
		before   time.Duration
		severity detect.Severity
		cause    string
	}{
		{"another digest", "bbbb", 0, detect.Critical, "weir-agent has another configuration"},
		{"the same digest", "aaaa", 0, detect.Warning, "its configuration was changed"},
		{"another digest long before", "bbbb", 3 * time.Minute, detect.Warning, "its configuration was changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire(t, wireLink{packets: 1000}, wireLink{packets: 1000})
			beat := func(digest string) {
				w.beat = []witness.Pair{witness.Counter64(witness.Started, 1), witness.String(witness.BootID, "b"), witness.String(witness.ConfigDigest, digest)}
			}
			beat("aaaa")
			w.pass(2 * time.Minute)
			beat(c.digest)
			w.pass(c.before)
			w.want()
			w.period = 5 * time.Second
			w.pass(30 * time.Second)
			a := w.last(TelemetryTampered)
			e := a.Evidence.(*Evidence)
			if a.Severity != c.severity || e.Cause != c.cause {
				t.Errorf("%s, because %s; want %s, because %s", a.Severity, e.Cause, c.severity, c.cause)
			}
			digests := 0
			for _, f := range e.Facts {
				if f.What == "digest of its configuration" {
					digests++
					if f.Before != "aaaa" || f.After != "bbbb" || f.From != "weir-agent" {
						t.Errorf("%+v", f)
					}
				}
			}
			if want := c.severity == detect.Critical; (digests == 1) != want {
				t.Errorf("%d facts of the digest: %+v", digests, e.Facts)
			}
		})
	}
}

// TestFactsHaveIntervals: what a timeline tells reaches from when it was last seen
// otherwise, the poll or sample before, and stands in the order of these times.
func TestFactsHaveIntervals(t *testing.T) {
	w := newWire(t, wireLink{packets: 1000, rate: 100}, wireLink{packets: 1000, rate: 100})
	w.period = 5 * time.Second
	w.pass(2 * time.Minute)
	w.want()
	w.pass(5*time.Second - w.now.Sub(w.polled) + 300*time.Millisecond)
	good := w.polled
	w.links[1].rate, w.links[0].down = 10000, true
	w.pass(20 * time.Second)
	down := w.last(InterfaceDown)
	if e := down.Evidence.(*Evidence); !time.Time(e.LastGood).Equal(good) || !time.Time(e.Since).Equal(good.Add(5*time.Second)) {
		t.Errorf("interface down from %v to %v, want from the last good poll %v to the next", e.LastGood, e.Since, good)
	}
	tampered := w.last(TelemetryTampered).Evidence.(*Evidence)
	if from, to := time.Time(tampered.LastGood), time.Time(tampered.Since); from.Before(good) || !from.Before(to) || tampered.Facts[0].LastGood != tampered.LastGood {
		t.Errorf("sampled otherwise from %v to %v", from, to)
	}
	i, _ := w.site.Incident(down.Incident)
	found := 0
	for k, s := range i.Steps {
		if k > 0 && i.Steps[k-1].ns > s.ns {
			t.Errorf("%q is told before %q", i.Steps[k-1].What, s.What)
		}
		if s.Entity == "port/192.0.2.1/eth1" {
			found++
			if !time.Time(s.Before).Equal(good) {
				t.Errorf("%q since %v, want %v", s.What, time.Time(s.Before), good)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d facts of the interface, want its status and that it is down", found)
	}
	w.links[0].down = false
	w.pass(20 * time.Second)
	i, _ = w.site.Incident(down.Incident)
	over := i.Steps[len(i.Steps)-1]
	if d := time.Time(over.At).Sub(time.Time(over.Before)); over.What != "interface_down is over" || d <= 0 || d > 6*time.Second {
		t.Errorf("%q from %v to %v", over.What, time.Time(over.Before), time.Time(over.At))
	}
}
