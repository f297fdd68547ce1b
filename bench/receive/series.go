package main

import (
	"net/netip"
	"time"

	"weir/collector/agents"
	"weir/collector/series"
	"weir/collector/shard"
	"weir/collector/udp"
	"weir/detect"
)

// timeSeries is a shard with everything that also gathers time series, with its
// ticks: the sink then writes what they hand over on another goroutine.
func timeSeries(hello [][]byte) func(udp.Message) {
	shared := agents.NewShared(agents.Config{})
	registry := agents.NewRegistry(shared)
	s := shard.New(registry, detect.NewShard(detect.DefaultConfig(), 1))
	g := series.NewGather(series.Config{Interval: 10 * time.Second}, registry, shared)
	s.Gather(g)
	for _, p := range hello {
		s.Datagram(p, netip.MustParseAddrPort("127.0.0.1:9"), time.Now())
	}
	var last time.Time
	return func(m udp.Message) {
		s.Datagram(m.Payload, m.From, m.At)
		if m.At.Sub(last) >= 100*time.Millisecond {
			last = m.At
			g.Tick(m.At)
			if b := g.Take(); b != nil {
				g.Give(b)
			}
		}
	}
}
