package collector

import (
	"testing"

	"weir/collector/config"
	"weir/collector/web"
)

// TestRunShowsTheMemoryOfItsDetectors looks for every detector's memory, in use
// and at most.
func TestRunShowsTheMemoryOfItsDetectors(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(t))
	r.eventually("the detectors' figures", func() bool {
		all := map[string]web.Bound{}
		for _, b := range r.status().Bounds {
			all[b.Name] = b
		}
		for _, name := range []string{"large_flow_bytes", "flood_bytes", "scan_bytes", "link_saturated_bytes"} {
			if b := all[name]; b.Used == 0 || b.Used > b.Limit {
				return false
			}
		}
		for _, name := range []string{"flood_hosts", "flood_victims", "flood_tracks", "flood_ports", "scan_sources", "scan_alerts", "usual_groups"} {
			if all[name].Limit == 0 {
				return false
			}
		}
		return true
	})
}

// TestMemoryIsAsTheSampleSays holds the formula of the sample configuration,
// which rounds, to the limit.
func TestMemoryIsAsTheSampleSays(t *testing.T) {
	cfg := config.Default()
	for _, n := range []int{1, 2, 8} {
		m := detectConfig(cfg, n).MemoryLimit(n)
		keys, hot, shards := float64(cfg.Limits.Keys), float64(cfg.Limits.Hot), float64(n)
		for name, v := range map[string][2]float64{
			"large_flow":     {float64(m.LargeFlow), 420*keys + 5800*hot + 7.3e6*shards},
			"flood":          {float64(m.Flood), 17*keys + 2e6*shards + 60e6},
			"scan":           {float64(m.Scan), 0.7e6 + 2.4e6*shards},
			"link_saturated": {float64(m.Links), 14e6 + 0.5e6*shards},
		} {
			if v[0] > 1.05*v[1] || v[0] < 0.9*v[1] {
				t.Errorf("%d shards: %s takes %.1f MB, the sample says %.1f", n, name, v[0]/1e6, v[1]/1e6)
			}
		}
	}
}
