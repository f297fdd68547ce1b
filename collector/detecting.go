package collector

import (
	"weir/collector/web"
	"weir/detect"
)

// addDetectors adds what the detectors have in use of their bounds, and their
// memory.
func (a *app) addDetectors(s *web.Status) {
	var m detect.Memory
	var hosts, scanners web.Bound
	for _, d := range a.detect {
		m.Add(d.Stats().Memory)
		st := d.AttackStats()
		hosts.Used, hosts.Limit, hosts.Refused = hosts.Used+st.Hosts, hosts.Limit+st.MaxHosts, hosts.Refused+st.Flood.Evicted
		scanners.Used, scanners.Limit, scanners.Refused = scanners.Used+st.Scanners, scanners.Limit+st.MaxScanners, scanners.Refused+st.Scan.Evicted
	}
	a.engineMu.Lock()
	e := a.stats
	a.engineMu.Unlock()
	m.Add(e.Memory)
	f, scans, limit := e.Attacks.Flood, e.Attacks.Scan, e.MemoryLimit
	hosts.Name, scanners.Name = "flood_hosts", "scan_sources"
	s.Bounds = append(s.Bounds, hosts, scanners,
		web.Bound{Name: "flood_victims", Used: f.Victims, Limit: f.MaxVictims, Refused: f.Evicted},
		web.Bound{Name: "flood_tracks", Used: f.Tracks, Limit: f.MaxTracks, Refused: f.Dropped},
		web.Bound{Name: "flood_ports", Used: f.Ports, Limit: detect.MaxFloodPorts},
		web.Bound{Name: "flood_cut_ports", Used: f.CutPorts, Limit: detect.MaxFloodPorts},
		web.Bound{Name: "scan_alerts", Used: scans.Open, Limit: scans.MaxOpen, Refused: scans.Dropped},
		web.Bound{Name: "usual_groups", Used: e.Habits, Limit: detect.MaxUsualGroups, Refused: e.RefusedHabits},
		web.Bound{Name: "large_flow_bytes", Used: m.LargeFlow, Limit: limit.LargeFlow},
		web.Bound{Name: "flood_bytes", Used: m.Flood, Limit: limit.Flood},
		web.Bound{Name: "scan_bytes", Used: m.Scan, Limit: limit.Scan},
		web.Bound{Name: "link_saturated_bytes", Used: m.Links, Limit: limit.Links},
	)
}
