package detect

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"weir/decoder/sflow"
	"weir/detect/distinct"
	"weir/detect/flood"
)

// FloodSubject is the subject of a flood alert: one host, or a prefix whose
// hosts are flooded together. Which ports and classes is evidence, so that an
// attack that changes them stays one alert.
type FloodSubject struct {
	Victim netip.Prefix `json:"victim"` // of full length for a host
	Domain string       `json:"domain"` // "underlay" or a tenant network
}

func newFloodSubject(k *flood.Key, names Names) *FloodSubject {
	return &FloodSubject{Victim: k.Prefix(), Domain: names.Domain(k.Domain)}
}

// AppendCanonical implements Subject.
func (s *FloodSubject) AppendCanonical(b []byte) []byte {
	return s.Victim.AppendTo(append(append(b, s.Domain...), ' '))
}

// Line implements Subject: "10.9.0.1" or "10.9.0.0/24".
func (s *FloodSubject) Line() string {
	line := s.Victim.String()
	if s.Victim.IsSingleIP() {
		line = s.Victim.Addr().String()
	}
	if s.Domain != underlay {
		line += " in " + s.Domain
	}
	return line
}

// DistinctEvidence is a number of different things estimated from samples.
type DistinctEvidence struct {
	Seen     Uint64 `json:"seen"` // among the samples
	Estimate Uint64 `json:"estimate"`
	Low      Uint64 `json:"low"` // 95 % interval
	High     Uint64 `json:"high"`
}

func distinctEvidence(e distinct.Estimate) DistinctEvidence {
	return DistinctEvidence{Seen: whole(e.Seen), Estimate: whole(e.Value), Low: whole(e.Low), High: whole(e.High)}
}

// AddressShare is an address and its part of the samples.
type AddressShare struct {
	Address netip.Addr `json:"address"`
	Share   float64    `json:"share"`
}

// PortShare is a transport port and its part of the samples.
type PortShare struct {
	Port  uint16  `json:"port"`
	Share float64 `json:"share"`
}

// EntryPort is an interface by which a flood enters an agent.
type EntryPort struct {
	Agent         netip.Addr `json:"agent"`
	AgentName     string     `json:"agent_name,omitempty"`
	Interface     Port       `json:"interface"`
	InterfaceName string     `json:"interface_name,omitempty"`
	Alias         string     `json:"interface_alias,omitempty"` // what the operator wrote about it
	Edge          bool       `json:"edge"`                      // hosts or outside peers attach there
	Share         float64    `json:"share"`
}

// FloodEvidence is what a flood alert rests on. Rates are of the last
// WindowSeconds.
type FloodEvidence struct {
	Class            string           `json:"class"`            // such as syn_flood, amplification, carpet_bombing
	Vector           string           `json:"vector,omitempty"` // service that amplifies; kind of anomaly; class of what is carpeted
	PacketsPerSecond Uint64           `json:"packets_per_second"`
	Low              Uint64           `json:"low"` // exact 95 % interval
	High             Uint64           `json:"high"`
	BitsPerSecond    Uint64           `json:"bits_per_second"`
	Samples          uint32           `json:"samples"`
	EffectiveSamples float64          `json:"effective_samples"`
	SamplingRate     float64          `json:"sampling_rate"`
	FrameOctets      float64          `json:"frame_octets"`
	WindowSeconds    float64          `json:"window_seconds"`
	Threshold        Uint64           `json:"threshold_packets_per_second"`
	Usual            Uint64           `json:"usual_packets_per_second,omitempty"` // 95th percentile; missing until learned
	Ratio            float64          `json:"ratio"`                              // to the threshold, in packets or bits
	Peak             Uint64           `json:"peak_packets_per_second"`            // highest estimate so far
	Pulses           int              `json:"pulses"`
	SaturatesLink    bool             `json:"saturates_link,omitempty"`
	Spread           string           `json:"spread"` // single, few, distributed, spoofed_or_distributed
	Sources          DistinctEvidence `json:"sources"`
	Destinations     DistinctEvidence `json:"destinations"`
	DetailSamples    uint32           `json:"detail_samples"` // that spread, sources and the shares rest on
	DstPort          *uint16          `json:"dst_port,omitempty"`
	TopSources       []AddressShare   `json:"top_sources"`
	TopDestinations  []AddressShare   `json:"top_destinations,omitempty"`
	TopDstPorts      []PortShare      `json:"top_dst_ports"`
	TopSrcPorts      []PortShare      `json:"top_src_ports"`
	Counted          string           `json:"counted"` // "edge_ports": summed over the cut; "best_agent": what the agent that saw most saw
	Agent            netip.Addr       `json:"agent"`   // best_agent; else of the port that most enters by
	AgentName        string           `json:"agent_name,omitempty"`
	EntryPorts       []EntryPort      `json:"entry_ports"`
	VantagePoints    int              `json:"vantage_points"` // agents
	FirstSample      Time             `json:"first_sample"`
	SecondsToAlert   float64          `json:"seconds_to_alert"`
	Method           string           `json:"method"` // "cusum": Poisson likelihood ratio since the start of the rise, or over a window
}

func (e *Engine) floodEvidence(r *flood.Report) *FloodEvidence {
	n := &r.Now
	v := &FloodEvidence{
		Class: r.Class, Vector: r.Vector,
		PacketsPerSecond: whole(n.PacketsPerSecond), Low: whole(n.Low), High: whole(n.High), BitsPerSecond: whole(n.BitsPerSecond),
		Samples: n.Samples, EffectiveSamples: decimals(n.Effective, 1), SamplingRate: decimals(n.SamplingRate, 1),
		FrameOctets: decimals(n.FrameOctets, 1), WindowSeconds: decimals(n.Span.Seconds(), 3),
		Threshold: whole(r.Threshold), Usual: whole(r.Usual), Ratio: decimals(r.Ratio, 2), Peak: whole(r.Peak), Pulses: r.Pulses, SaturatesLink: r.Saturates,
		Spread: r.Spread, Sources: distinctEvidence(r.Sources), Destinations: distinctEvidence(r.Destinations), DetailSamples: r.Details,
		TopSources: addressShares(r.TopSources), TopDestinations: addressShares(r.TopVictims),
		TopDstPorts: portShares(r.TopPorts), TopSrcPorts: portShares(r.TopSrcPorts),
		Counted: "best_agent", EntryPorts: make([]EntryPort, 0, len(r.Ports)), VantagePoints: r.Agents,
		FirstSample: Time(time.Unix(0, r.Onset)), SecondsToAlert: decimals(float64(r.Started-r.Onset)/1e9, 6), Method: "cusum",
	}
	if r.HasDstPort {
		port := r.DstPort // the report is reused
		v.DstPort = &port
	}
	for _, p := range r.Ports {
		x := EntryPort{Edge: p.Edge, Share: decimals(p.Share, 3), Interface: Port(sflow.Port{Format: p.Port >> 30, Value: p.Port & (1<<30 - 1)})}
		x.Agent, x.AgentName = e.names.Agent(p.Agent)
		x.InterfaceName, x.Alias = e.portName(p.Agent, sflow.Port(x.Interface)), e.portAlias(p.Agent, sflow.Port(x.Interface))
		v.EntryPorts = append(v.EntryPorts, x)
	}
	switch {
	case n.Agent != 0:
		v.Agent, v.AgentName = e.names.Agent(n.Agent)
	case len(v.EntryPorts) > 0:
		v.Counted = "edge_ports"
		v.Agent, v.AgentName = v.EntryPorts[0].Agent, v.EntryPorts[0].AgentName
	}
	return v
}

func addressShares(in []flood.Share[netip.Addr]) []AddressShare {
	out := make([]AddressShare, 0, len(in))
	for _, s := range in {
		out = append(out, AddressShare{s.Key, decimals(s.Share, 3)})
	}
	return out
}

func portShares(in []flood.Share[uint16]) []PortShare {
	out := make([]PortShare, 0, len(in))
	for _, s := range in {
		out = append(out, PortShare{s.Key, decimals(s.Share, 3)})
	}
	return out
}

// Line implements Evidence.
func (e *FloodEvidence) Line() string { return e.name() + " " + e.tail() }

// line implements sentence: "syn flood on 10.9.0.1 port 80: 120 kpackets/s
// (95–150), 61 Mbit/s from at least 37 sources, 0.1 s after its first sample".
func (e *FloodEvidence) line(subject string) string {
	if e.DstPort != nil {
		subject += " port " + strconv.Itoa(int(*e.DstPort))
	}
	return e.name() + " on " + subject + ": " + e.tail()
}

func (e *FloodEvidence) name() string {
	name := strings.ReplaceAll(e.Class, "_", " ")
	if e.Vector != "" {
		name += " (" + strings.ReplaceAll(e.Vector, "_", " ") + ")"
	}
	return name
}

func (e *FloodEvidence) tail() string {
	s := scaled(float64(e.PacketsPerSecond), "packet/s", float64(e.Low), float64(e.High)) + ", " +
		scaled(float64(e.BitsPerSecond), "bit/s") + " from "
	switch {
	case e.Spread == "single" && len(e.TopSources) > 0:
		s += e.TopSources[0].Address.String()
	default:
		s += strconv.FormatUint(uint64(e.Sources.Low), 10) + " sources or more"
	}
	return s + ", " + strconv.FormatFloat(e.SecondsToAlert, 'f', 1, 64) + " s after its first sample"
}

// scaled writes a value with a decimal prefix, and others in the same unit.
func scaled(v float64, name string, interval ...float64) string {
	factor, prefix := 1.0, ""
	for _, u := range []struct {
		factor float64
		prefix string
	}{{1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}} {
		if v >= u.factor {
			factor, prefix = u.factor, u.prefix
		}
	}
	digits := 0
	if v < 100*factor && factor > 1 {
		digits = 1
	}
	f := func(v float64) string { return strconv.FormatFloat(v/factor, 'f', digits, 64) }
	s := f(v) + " " + prefix + name
	if len(interval) == 2 {
		s += " (" + f(interval[0]) + "–" + f(interval[1]) + ")"
	}
	return s
}
