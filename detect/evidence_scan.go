package detect

import (
	"net/netip"
	"strconv"
	"time"

	"weir/detect/scan"
)

// ScanSubject is the subject of a scan alert: one source and what it goes
// through.
type ScanSubject struct {
	Source netip.Addr `json:"source"`
	Type   string     `json:"type"`   // port_scan, host_sweep, spreader
	Domain string     `json:"domain"` // "underlay" or a tenant network
}

var (
	scanTypes     = map[scan.Type]string{scan.PortScan: "port_scan", scan.HostSweep: "host_sweep", scan.Spreader: "spreader"}
	scanProtocols = map[scan.Protocol]string{scan.TCP: "tcp", scan.UDP: "udp", scan.ICMP: "icmp"}
)

func newScanSubject(r *scan.Report, names Names) *ScanSubject {
	return &ScanSubject{Source: r.Key.Source(), Type: scanTypes[r.Type], Domain: names.Domain(r.Key.Domain)}
}

// AppendCanonical implements Subject.
func (s *ScanSubject) AppendCanonical(b []byte) []byte {
	b = append(append(b, s.Domain...), ' ')
	b = append(append(b, s.Type...), ' ')
	return s.Source.AppendTo(b)
}

// Line implements Subject.
func (s *ScanSubject) Line() string {
	if s.Domain != underlay {
		return s.Source.String() + " in " + s.Domain
	}
	return s.Source.String()
}

// ScanEvidence is what a scan alert rests on. Numbers of targets are of one
// minute, the one that showed most.
type ScanEvidence struct {
	Type            string           `json:"type"`
	Protocol        string           `json:"protocol"`            // tcp, udp, icmp
	TCPFlags        *uint8           `json:"tcp_flags,omitempty"` // of the newest probe
	Targets         DistinctEvidence `json:"targets"`             // hosts with ports
	Hosts           DistinctEvidence `json:"hosts"`
	Ports           DistinctEvidence `json:"ports"`
	Host            *netip.Addr      `json:"host,omitempty"` // where nearly all probes go to one
	Port            *uint16          `json:"port,omitempty"`
	ProbesPerSecond float64          `json:"probes_per_second"`
	Samples         uint64           `json:"samples"`        // probes sampled since the first
	MinuteSamples   uint32           `json:"minute_samples"` // that the numbers of targets rest on
	OtherSamples    uint32           `json:"other_samples"`  // of packets that scanners do not send, or of answers
	SamplingRate    float64          `json:"sampling_rate"`
	Agent           netip.Addr       `json:"agent"` // that saw most
	AgentName       string           `json:"agent_name,omitempty"`
	Internal        bool             `json:"internal"` // the source is an own instance
	FirstSample     Time             `json:"first_sample"`
	SecondsToAlert  float64          `json:"seconds_to_alert"`
	Method          string           `json:"method"` // "distinct": different targets among the samples
}

func (e *Engine) scanEvidence(r *scan.Report) *ScanEvidence {
	v := &ScanEvidence{
		Type: scanTypes[r.Type], Protocol: scanProtocols[r.Key.Proto],
		Targets: distinctEvidence(r.Targets), Hosts: distinctEvidence(r.Hosts), Ports: distinctEvidence(r.Ports),
		ProbesPerSecond: decimals(r.PerSec, 1), Samples: r.Probes, MinuteSamples: r.Sampled, OtherSamples: r.Other,
		SamplingRate: decimals(r.Rate, 1), Internal: r.Internal,
		FirstSample: Time(time.Unix(0, r.First)), SecondsToAlert: decimals(float64(r.Started-r.First)/1e9, 6), Method: "distinct",
	}
	flags, host, port := r.Flags, r.Host, r.Port // the report is reused
	if r.Key.Proto == scan.TCP {
		v.TCPFlags = &flags
	}
	const nearlyAll = 0.8
	if r.HostAll >= nearlyAll {
		v.Host = &host
	}
	if r.PortAll >= nearlyAll && r.Key.Proto != scan.ICMP {
		v.Port = &port
	}
	v.Agent, v.AgentName = e.names.Agent(r.Vantage.Agent)
	return v
}

// Line implements Evidence.
func (e *ScanEvidence) Line() string { return e.what() + e.tail() }

// line implements sentence: "port scan by 192.0.2.7: about 2000 tcp ports
// (1100–2300) of 10.0.0.5, 87 probes/s, 4.6 s after its first sample".
func (e *ScanEvidence) line(subject string) string {
	return map[string]string{"port_scan": "port scan", "host_sweep": "host sweep"}[e.Type] + "" + e.by(subject) + e.what() + e.tail()
}

func (e *ScanEvidence) by(subject string) string {
	if e.Type == "spreader" {
		return "spreader " + subject + ": "
	}
	return " by " + subject + ": "
}

func (e *ScanEvidence) what() string {
	about := func(d DistinctEvidence) string {
		return strconv.FormatUint(uint64(d.Estimate), 10)
	}
	between := func(d DistinctEvidence) string {
		return " (" + strconv.FormatUint(uint64(d.Low), 10) + "–" + strconv.FormatUint(uint64(d.High), 10) + ")"
	}
	switch {
	case e.Type == "port_scan" && e.Host != nil:
		return "about " + about(e.Ports) + " " + e.Protocol + " ports" + between(e.Ports) + " of " + e.Host.String()
	case e.Type == "host_sweep" && e.Port != nil:
		return "about " + about(e.Hosts) + " hosts" + between(e.Hosts) + " on " + e.Protocol + " port " + strconv.Itoa(int(*e.Port))
	case e.Type == "host_sweep":
		return "about " + about(e.Hosts) + " hosts" + between(e.Hosts) + " by " + e.Protocol
	}
	return "about " + about(e.Targets) + " " + e.Protocol + " targets" + between(e.Targets)
}

func (e *ScanEvidence) tail() string {
	return ", " + scaled(e.ProbesPerSecond, "probes/s") + ", " + strconv.FormatFloat(e.SecondsToAlert, 'f', 1, 64) + " s after its first sample"
}
