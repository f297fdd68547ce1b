package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"weir/decoder"
	"weir/detect"
	"weir/detect/flood"
	"weir/detect/rules"
)

// detectorKeys are the keys of the built-in detectors.
func detectorKeys() []key {
	large := func(at func(*LargeFlow) *detect.Threshold) func(*Config) *detect.Threshold {
		return func(c *Config) *detect.Threshold { return at(&c.LargeFlow) }
	}
	class := func(p decoder.PortClass) func(*LargeFlow) *detect.Threshold {
		return func(l *LargeFlow) *detect.Threshold { return &l.Class[p] }
	}
	all := []key{
		scalar("large_flow.off", func(c *Config) *bool { return &c.LargeFlow.Off }, parseBool),
		scalar("large_flow.threshold", large(func(l *LargeFlow) *detect.Threshold { return &l.Threshold }), parseThreshold),
		scalar("large_flow.physical", large(class(decoder.PortPhysical)), parseOverride),
		scalar("large_flow.instance", large(class(decoder.PortInstance)), parseOverride),
		scalar("large_flow.bridge", large(class(decoder.PortBridge)), parseOverride),
		scalar("large_flow.hold", func(c *Config) *time.Duration { return &c.LargeFlow.Hold }, within(time.Second, time.Hour)),
		scalar("large_flow.false_suspicions", func(c *Config) *float64 { return &c.LargeFlow.Budget.Suspected }, between(1e-6, 1e4)),
		scalar("large_flow.false_confirmations", func(c *Config) *float64 { return &c.LargeFlow.Budget.Confirmed }, between(1e-6, 1e4)),
		scalar("link_saturated.off", func(c *Config) *bool { return &c.LinkSaturated.Off }, parseBool),
		scalar("flood.off", func(c *Config) *bool { return &c.Flood.Off }, parseBool),
	}
	for _, l := range floodLimits {
		all = append(all, scalar("flood."+l.name, func(c *Config) *PacketRate { return l.at(&c.Flood) }, parsePacketRate))
	}
	all = append(all,
		scalar("flood.bits", func(c *Config) *BitRate { return &c.Flood.Bits }, parseBitRate),
		scalar("flood.prefix", func(c *Config) *float64 { return &c.Flood.Prefix }, between(1, 1e6)),
		scalar("flood.baseline", func(c *Config) *float64 { return &c.Flood.Baseline }, between(1, 1e6)),
		scalar("flood.hold", func(c *Config) *time.Duration { return &c.Flood.Hold }, within(time.Second, time.Hour)),
		list("flood.cut", func(c *Config) *[]flood.Port { return &c.Flood.Cut }, parsePort, 0, 4096),
		scalar("scan.off", func(c *Config) *bool { return &c.Scan.Off }, parseBool),
		scalar("scan.targets", func(c *Config) *int { return &c.Scan.Targets }, whole(10, 500)),
		scalar("scan.hold", func(c *Config) *time.Duration { return &c.Scan.Hold }, within(time.Second, time.Hour)),
		list("scan.internal", func(c *Config) *[]netip.Prefix { return &c.Scan.Internal }, parsePrefix, 0, 4096),
		list("scan.never", func(c *Config) *[]netip.Prefix { return &c.Scan.Never }, parsePrefix, 0, 4096),
	)
	for i := range all {
		all[i].live = true
	}
	return all
}

// Flood configures the detector of floods: packet rates to one host.
type Flood struct {
	Off                                                             bool
	SYN, SYNACK, RST, Odd, ACK, UDP, Amplification, Fragments, ICMP PacketRate
	// Bits is the bit rate that is a flood of any kind.
	Bits BitRate
	// Prefix multiplies the thresholds for a prefix of many hosts, Baseline
	// what is usual for a destination.
	Prefix, Baseline float64
	Hold             time.Duration
	// Cut are the ports where hosts and outside peers attach; empty learns
	// them.
	Cut []flood.Port
}

// floodLimits are the packet rates in the order of the file.
var floodLimits = []struct {
	name string
	at   func(*Flood) *PacketRate
	of   func(*flood.Config) *flood.Limit
}{
	{"syn", func(f *Flood) *PacketRate { return &f.SYN }, func(c *flood.Config) *flood.Limit { return &c.SYN }},
	{"syn_ack", func(f *Flood) *PacketRate { return &f.SYNACK }, func(c *flood.Config) *flood.Limit { return &c.SYNACK }},
	{"rst", func(f *Flood) *PacketRate { return &f.RST }, func(c *flood.Config) *flood.Limit { return &c.RST }},
	{"tcp_anomaly", func(f *Flood) *PacketRate { return &f.Odd }, func(c *flood.Config) *flood.Limit { return &c.Odd }},
	{"ack", func(f *Flood) *PacketRate { return &f.ACK }, func(c *flood.Config) *flood.Limit { return &c.ACK }},
	{"udp", func(f *Flood) *PacketRate { return &f.UDP }, func(c *flood.Config) *flood.Limit { return &c.UDP }},
	{"amplification", func(f *Flood) *PacketRate { return &f.Amplification }, func(c *flood.Config) *flood.Limit { return &c.Amplified }},
	{"fragment", func(f *Flood) *PacketRate { return &f.Fragments }, func(c *flood.Config) *flood.Limit { return &c.Fragments }},
	{"icmp", func(f *Flood) *PacketRate { return &f.ICMP }, func(c *flood.Config) *flood.Limit { return &c.ICMP }},
}

func defaultFlood() Flood {
	d := flood.Default()
	f := Flood{Bits: BitRate(d.UDP.BitsPerSecond), Prefix: d.Prefix, Baseline: d.Baseline, Hold: d.Hold}
	for _, l := range floodLimits {
		*l.at(&f) = PacketRate(l.of(&d).PacketsPerSecond)
	}
	return f
}

// Detector returns what the detector is told, but for its bounds.
func (f *Flood) Detector() detect.FloodConfig {
	c := detect.FloodConfig{Off: f.Off}
	c.Prefix, c.Baseline, c.Hold, c.Cut = f.Prefix, f.Baseline, f.Hold, f.Cut
	for _, l := range floodLimits {
		*l.of(&c.Config) = flood.Limit{PacketsPerSecond: float64(*l.at(f)), BitsPerSecond: float64(f.Bits)}
	}
	return c
}

// Scan configures the detector of scans.
type Scan struct {
	Off bool
	// Targets is how many different ones the samples of a minute must show.
	Targets int
	Hold    time.Duration
	// Internal holds the networks of own instances: a scan from there is a
	// warning.
	Internal []netip.Prefix
	// Never holds the networks of sources whose scans are no alert.
	Never []netip.Prefix
}

// Detector returns what the detector is told, but for its bounds.
func (s *Scan) Detector() detect.ScanConfig {
	c := detect.ScanConfig{Off: s.Off}
	c.MinTargets, c.Hold, c.Internal, c.Never = s.Targets, s.Hold, s.Internal, s.Never
	return c
}

// LinkSaturated configures the detector of saturated links.
type LinkSaturated struct{ Off bool }

// PacketRate is packets per second, written "20kpps".
type PacketRate float64

// String writes r with the largest prefix that keeps it at 1 or above.
func (r PacketRate) String() string { return rules.Magnitude(float64(r)) + "pps" }

func parsePacketRate(s string) (PacketRate, error) {
	v, problem, fix := rules.ParsePacketRate(s)
	if problem == "" && (v < 1 || v > 1e12) {
		problem = "is out of range"
	}
	if problem != "" {
		return 0, &fault{problem, fix}
	}
	return PacketRate(v), nil
}

// BitRate is bits per second, written "1Gbit/s".
type BitRate float64

// String writes r in the largest unit that keeps it at 1 or above.
func (r BitRate) String() string { return detect.Threshold{BitsPerSecond: float64(r)}.String() }

func parseBitRate(s string) (BitRate, error) {
	t, err := detect.ParseThreshold(s)
	if err != nil || t.BitsPerSecond < 1e3 {
		return 0, &fault{"not a bit rate", "write a rate such as 50Mbit/s or 1.5Gbit/s"}
	}
	return BitRate(t.BitsPerSecond), nil
}

// parseOverride reads a threshold; "" is none.
func parseOverride(s string) (detect.Threshold, error) {
	if s == "" {
		return detect.Threshold{}, nil
	}
	t, err := parseThreshold(s)
	if f, ok := errors.AsType[*fault](err); ok {
		err = &fault{f.problem, `or "" for that of large_flow.threshold`}
	}
	return t, err
}

// parsePort reads "192.0.2.1/17": agent and ifIndex.
func parsePort(s string) (flood.Port, error) {
	const fix = `write AGENT/IFINDEX such as "192.0.2.1/17"`
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return flood.Port{}, &fault{"names no port of an agent", fix}
	}
	a, err := netip.ParseAddr(s[:i])
	if err != nil {
		return flood.Port{}, &fault{"the agent is not an IP address", fix}
	}
	n, err := strconv.ParseUint(s[i+1:], 10, 32)
	if err != nil || n == 0 {
		return flood.Port{}, &fault{"the ifIndex is not a number above 0", fix}
	}
	return flood.Port{Agent: a.Unmap(), IfIndex: uint32(n)}, nil
}

// within reads a length of time.
func within(least, most time.Duration) func(string) (time.Duration, error) {
	fix := fmt.Sprintf("write a time from %s to %s such as 30s", brief(least), brief(most))
	return func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, &fault{"not a length of time", fix}
		case d < least || d > most:
			return 0, &fault{"out of range", fix}
		}
		return d, nil
	}
}

// brief writes 1h0m0s as 1h.
func brief(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

// between reads a number.
func between(least, most float64) func(string) (float64, error) {
	fix := fmt.Sprintf("write a number from %g to %g", least, most)
	return func(s string) (float64, error) {
		v, err := strconv.ParseFloat(s, 64)
		switch {
		case err != nil || math.IsNaN(v):
			return 0, &fault{"not a number", fix}
		case v < least || v > most:
			return 0, &fault{"out of range", fix}
		}
		return v, nil
	}
}
