package detect

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/detect/keys"
	"weir/detect/rules"
)

// throughFive plays flows that five switches in a row sample, on which rules
// and top watch, and returns what they say in the end.
func throughFive(t *testing.T, cfg Config, seconds int) (*Engine, []*Alert) {
	t.Helper()
	s := NewShard(cfg, 1)
	e := NewEngine(cfg, []*Shard{s}, testNames{})
	var alerts []*Alert
	rng := rand.New(rand.NewPCG(1, 1))
	f := decoder.Flow{Arrival: &decoder.Arrival{}}
	next := epoch
	// Every switch takes 200 samples a second, 1 in 100 of frames of 1000 octets.
	const perSecond = 5 * 200
	for at := epoch; at.Before(epoch.Add(time.Duration(seconds) * time.Second)); {
		at = at.Add(time.Duration(rng.ExpFloat64() / perSecond * 1e9))
		for ; !next.After(at); next = next.Add(100 * time.Millisecond) {
			s.Tick(next)
			e.Tick(next, func(a *Alert) { alerts = append(alerts, a) })
		}
		hop := uint32(rng.IntN(5))
		k := &f.Header.Key
		k.Dst[15], k.Src[15], k.SrcPort, k.DstPort, k.Proto = 1, byte(rng.IntN(10)), 1000, 443, 6
		k.Dst[10], k.Dst[11], k.Src[10], k.Src[11] = 0xff, 0xff, 0xff, 0xff
		f.Header.HasKey, f.Header.TTL = true, 64-uint8(hop)
		f.Header.EtherType, f.Header.TCPFlags = 0x0800, 0x10
		f.FrameLength, f.At, f.Agent = 1000, at, netip.AddrFrom4([4]byte{192, 0, 2, byte(hop)})
		f.Sample.Input, f.Sample.Output = sflow.Port{Value: 1}, sflow.Port{Value: 2}
		f.Est = decoder.FlowEst{SamplingRate: 100, Vantage: decoder.Vantage{Agent: hop + 1}, Speed: 10e9}
		s.Flow(&f)
	}
	return e, alerts
}

const truthThroughFive = 200 * 100 * 8000.0 // bit/s

// A packet that five switches sample is counted once, also by a rule of the
// cut; keys with an agent count what is sampled there.
func TestTopCountsAPacketOnce(t *testing.T) {
	cfg := DefaultConfig()
	for _, text := range []string{"dst", "agent"} {
		d, err := keys.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Top.Keys = append(cfg.Top.Keys, d)
	}
	e, _ := throughFive(t, cfg, 40)
	if top, _ := e.Top(0, 5, 10*time.Second); len(top.Items) != 1 || math.Abs(top.Items[0].Rate/truthThroughFive-1) > 0.1 {
		t.Errorf("dst: %+v, want one of %g bit/s", top.Items, truthThroughFive)
	}
	top, _ := e.Top(1, 9, 10*time.Second)
	if len(top.Items) != 5 {
		t.Fatalf("agents: %+v, want 5", top.Items)
	}
	for _, it := range top.Items {
		if math.Abs(it.Rate/truthThroughFive-1) > 0.1 {
			t.Errorf("an agent carries %g bit/s, want %g", it.Rate, truthThroughFive)
		}
	}
}

func TestRuleOfTheCutCountsAPacketOnce(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Top.Off = true
	var all []rules.Rule
	for _, at := range []string{"cut", "sum", "best"} {
		r, problems := rules.Compile(rules.Spec{Name: at, Key: []string{"dst"}, Threshold: "50Mbit/s", Window: "10s", At: at})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		all = append(all, r)
	}
	cfg.Rules = rules.NewSet(all)
	e, alerts := throughFive(t, cfg, 60)
	e.Close(epoch.Add(61*time.Second), func(a *Alert) { alerts = append(alerts, a) }, ReasonShutdown)
	got := map[string]float64{}
	for _, a := range alerts {
		if v, ok := a.Evidence.(*RuleEvidence); ok {
			got[a.Subject.(*RuleSubject).Rule] = v.Estimate // the last says most
		}
	}
	for name, want := range map[string]float64{"cut": 1, "best": 1, "sum": 5} {
		if math.Abs(got[name]/truthThroughFive/want-1) > 0.15 {
			t.Errorf("%s: %g bit/s, want %g", name, got[name], want*truthThroughFive)
		}
	}
}
