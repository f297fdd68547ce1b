package agents

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
)

// TestReadersDoNotDisturbOwners reads all that is shared while two shards
// work: the race detector is the judge.
func TestReadersDoNotDisturbOwners(t *testing.T) {
	sh := NewShared(Config{Limits: Limits{Agents: 60}})
	stop := make(chan struct{})
	var readers, owners sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for n := uint32(0); ; n++ {
				select {
				case <-stop:
					return
				case <-sh.Notices():
				default:
				}
				for _, a := range sh.Agents() {
					_, _ = sh.Agent(a.Number)
					_, _ = sh.Interface(a.Number, n%8), sh.Speed(a.Number, n%8)
					sh.setSpeed(a.Number, n%8, uint64(n))
				}
				_, _ = sh.Totals(), sh.Known()
				sh.SetAllow([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
			}
		})
	}
	for k := range 2 {
		r := NewRegistry(sh)
		owners.Go(func() {
			s := &site{sh, r, epoch0}
			var all []*speaker
			for i := range 50 { // half of the addresses are claimed in both shards
				all = append(all, s.speaker(fmt.Sprintf("10.0.0.%d", i+25*k), fmt.Sprintf("10.0.%d.%d:6343", k+1, i)))
			}
			for round := range 100 {
				for i, p := range all {
					index := uint32(round%8 + 1)
					p.counters(port(index), uint32(round), &sflow.IfCounters{Index: index, Speed: uint64(i)}, &sflow.PortName{Name: fmt.Append(nil, "tap", round)})
					p.flow(flowSample(round, bridge(1000), single(index), single(index+1)))
				}
				s.pass(time.Second)
				if round == 50 {
					r.Epoch(s.now)
				}
			}
		})
	}
	owners.Wait()
	close(stop)
	readers.Wait()
	if n := sh.Totals(); n.Agents > 60 || n.RefusedFull == 0 {
		t.Errorf("totals %+v", n)
	}
}

func TestLargeSitesArePublishedInSteps(t *testing.T) {
	c := newCrowd(500, 100)
	for i := range c.arrivals {
		c.speak(i)
	}
	ticks := 0
	for len(c.Agents()) == 0 {
		if c.r.Tick(c.now); ticks > 100 {
			t.Fatal("never published")
		}
		ticks++
	}
	if want := 500 * 201 / publishStep; ticks < want || ticks > want+2 {
		t.Errorf("published in %d ticks, want about %d", ticks, want)
	}
	if n := len(c.Agents()); n != 500 {
		t.Errorf("%d agents", n)
	}
}

// TestVantageNumbersAreUnique holds across registries.
func TestVantageNumbersAreUnique(t *testing.T) {
	sh := NewShared(Config{})
	seen := map[decoder.Vantage]bool{}
	for range 3 {
		s := &site{sh, NewRegistry(sh), epoch0}
		for i := range 20 {
			p := s.speaker("127.0.0.1", fmt.Sprintf("10.0.%d.%d:1", sh.next, i))
			for src := range uint32(3) {
				v := p.flow(flowSample(1, port(src+1), single(src+1), single(9))).Est.Vantage
				if v.Agent == 0 || v.Source < 2 || seen[v] {
					t.Errorf("vantage %+v is no new one", v)
				}
				seen[v] = true
			}
		}
	}
}
