package main

import (
	"bytes"
	"fmt"
	"math"
	"time"

	cistern "github.com/Cistern/sflow"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"weir/bench/scoreboard/site"
	"weir/bench/traffic"
)

// selfCheck has decoders that are not ours read what the generator sends, and
// compares the samples of flows with the Poisson distribution. The generator's
// own tests do the same at length.
func selfCheck(seed uint64) error {
	const seconds = 400
	l := site.Links{Seed: seed, Count: 1, Speed: 10e9, Flush: -1, Mice: 0.1}
	cfg, _ := l.Network(seconds * time.Second)
	n := traffic.New(cfg)
	var counts [10][seconds]float64 // of each flow in each second
	for {
		d, ok := n.Next()
		if !ok {
			break
		}
		if p := gopacket.NewPacket(d.Payload, layers.LayerTypeSFlow, gopacket.Default); p.ErrorLayer() != nil {
			return fmt.Errorf("gopacket: %w", p.ErrorLayer().Error())
		}
		dg, err := cistern.NewDecoder(bytes.NewReader(d.Payload)).Decode()
		if err != nil {
			return fmt.Errorf("peer Cistern/sflow: %w", err)
		}
		second := int((d.At.Sub(site.Epoch) - site.Settle) / time.Second)
		for _, s := range dg.Samples {
			f, ok := s.(*cistern.FlowSample)
			if !ok {
				continue
			}
			raw, ok := f.Records[0].(cistern.RawPacketFlow)
			if !ok || f.SamplingRate != 10000 || raw.FrameLength != 1500 {
				return fmt.Errorf("peer Cistern/sflow read %+v", s)
			}
			p := gopacket.NewPacket(raw.Header, layers.LayerTypeEthernet, gopacket.Default)
			udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
			if !ok {
				return fmt.Errorf("gopacket read no UDP in %x", raw.Header)
			}
			counts[int(udp.SrcPort)-1025][min(second, seconds-1)]++
		}
	}
	return chiSquare(counts[:], l.PerSecond(0.1))
}

// chiSquare compares how often a second holds so many samples with a Poisson
// variable of that mean.
func chiSquare(counts [][400]float64, mean float64) error {
	const first, last = 3, 15 // the classes below and above are joined to these
	var seen, want [last + 1]float64
	n := 0.0
	for _, flow := range counts {
		for _, c := range flow[1:] { // the first second is not whole
			seen[int(min(max(c, first), last))]++
			n++
		}
	}
	p := math.Exp(-mean)
	for k := 0; k < 100; k++ {
		want[min(max(k, first), last)] += p * n
		p *= mean / float64(k+1)
	}
	chi2 := 0.0
	for k := first; k <= last; k++ {
		chi2 += (seen[k] - want[k]) * (seen[k] - want[k]) / want[k]
	}
	// 12 degrees of freedom: exceeded by chance once in ten thousand seeds.
	if chi2 > 39.1 {
		return fmt.Errorf("samples in a second are not Poisson: chi-square %.1f with 12 degrees of freedom, want below 39.1", chi2)
	}
	return nil
}
