package detect

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// Uint64 is a number that JSON readers can hold: a string above 2^53.
type Uint64 uint64

// MarshalJSON implements json.Marshaler.
func (v Uint64) MarshalJSON() ([]byte, error) {
	if v > 1<<53 {
		return strconv.AppendQuote(nil, strconv.FormatUint(uint64(v), 10)), nil
	}
	return strconv.AppendUint(nil, uint64(v), 10), nil
}

// Port is an interface of a flow sample; in JSON its index, or
// {"discarded":256}, {"multiple":3}, {"internal":true}.
type Port sflow.Port

// MarshalJSON implements json.Marshaler.
func (p Port) MarshalJSON() ([]byte, error) {
	switch v := uint64(p.Value); {
	case sflow.Port(p).Internal():
		return []byte(`{"internal":true}`), nil
	case p.Format == sflow.PortDiscarded:
		return append(strconv.AppendUint([]byte(`{"discarded":`), v, 10), '}'), nil
	case p.Format == sflow.PortMultiple:
		return append(strconv.AppendUint([]byte(`{"multiple":`), v, 10), '}'), nil
	default:
		return strconv.AppendUint(nil, v, 10), nil
	}
}

// Time is a time in JSON as RFC 3339 in UTC with nanoseconds.
type Time time.Time

const timeLayout = "2006-01-02T15:04:05.000000000Z"

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, `"`+timeLayout+`"`), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(b []byte) error { return (*time.Time)(t).UnmarshalJSON(b) }

// FlowSubject is the subject of a large-flow alert: one flow in one direction.
type FlowSubject struct {
	Src       netip.Addr `json:"src"`
	Dst       netip.Addr `json:"dst"`
	SrcPort   uint16     `json:"src_port"` // 0 where the protocol has none
	DstPort   uint16     `json:"dst_port"` // of ICMP type<<8 | code
	Proto     uint8      `json:"proto"`
	ProtoName string     `json:"proto_name"`
	Domain    string     `json:"domain"` // "underlay" or a tenant network
}

func newFlowSubject(k *packet.Key, names Names) *FlowSubject {
	return &FlowSubject{
		Src: k.SrcAddr(), Dst: k.DstAddr(), SrcPort: k.SrcPort, DstPort: k.DstPort,
		Proto: k.Proto, ProtoName: protoName(k.Proto), Domain: names.Domain(k.Domain),
	}
}

// AppendCanonical implements Subject.
func (s *FlowSubject) AppendCanonical(b []byte) []byte {
	b = append(append(b, s.Domain...), ' ')
	b = append(strconv.AppendUint(b, uint64(s.Proto), 10), ' ')
	b = netip.AddrPortFrom(s.Src, s.SrcPort).AppendTo(b)
	b = append(b, ' ')
	return netip.AddrPortFrom(s.Dst, s.DstPort).AppendTo(b)
}

// Line implements Subject: "10.0.0.5:443 → 10.0.1.9:51332 TCP".
func (s *FlowSubject) Line() string {
	src, dst := netip.AddrPortFrom(s.Src, s.SrcPort).String(), netip.AddrPortFrom(s.Dst, s.DstPort).String()
	if s.SrcPort == 0 && s.DstPort == 0 || s.Proto == protoICMP || s.Proto == protoICMPv6 {
		src, dst = s.Src.String(), s.Dst.String()
	}
	line := src + " → " + dst + " " + strings.ToUpper(s.ProtoName)
	if s.Domain != underlay {
		line += " in " + s.Domain
	}
	return line
}

const (
	protoICMP   = 1
	protoICMPv6 = 58
)

// protoName returns the IANA keyword of the protocols met most, else the number.
func protoName(p uint8) string {
	switch p {
	case protoICMP:
		return "icmp"
	case 2:
		return "igmp"
	case 4:
		return "ipv4"
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 41:
		return "ipv6"
	case 47:
		return "gre"
	case 50:
		return "esp"
	case 51:
		return "ah"
	case protoICMPv6:
		return "ipv6-icmp"
	case 89:
		return "ospf"
	case 112:
		return "vrrp"
	case 132:
		return "sctp"
	}
	return strconv.Itoa(int(p))
}

// LargeFlowEvidence is what a large-flow alert rests on. Rates are in bit/s of
// whole frames as the agents measure them. BitsPerSecond, Low and High are of
// the last WindowSeconds; in the end record of the flow's whole life.
type LargeFlowEvidence struct {
	BitsPerSecond     Uint64     `json:"bits_per_second"`
	Low               Uint64     `json:"low"` // exact 95 % interval
	High              Uint64     `json:"high"`
	Samples           uint32     `json:"samples"`
	EffectiveSamples  float64    `json:"effective_samples"` // fewer, where weights differ
	SamplingRate      float64    `json:"sampling_rate"`     // effective, packets per sample
	Agent             netip.Addr `json:"agent"`             // of the vantage point that says most
	AgentName         string     `json:"agent_name,omitempty"`
	Input             Port       `json:"input"`
	InputName         string     `json:"input_name,omitempty"`
	InputAlias        string     `json:"input_alias,omitempty"` // what the operator wrote about the interface
	Output            Port       `json:"output"`
	OutputName        string     `json:"output_name,omitempty"`
	OutputAlias       string     `json:"output_alias,omitempty"`
	InterfaceSpeed    Uint64     `json:"interface_speed,omitempty"` // bit/s; missing where unknown
	WindowSeconds     float64    `json:"window_seconds"`
	LifeBitsPerSecond Uint64     `json:"life_bits_per_second"` // from the first sample to the last
	LifeLow           Uint64     `json:"life_low"`
	LifeHigh          Uint64     `json:"life_high"`
	LifeOctets        Uint64     `json:"life_octets"` // estimated
	LifeSeconds       float64    `json:"life_seconds"`
	FrameOctets       float64    `json:"frame_octets"` // mean of the sampled frames
	VantagePoints     int        `json:"vantage_points"`
	FirstSample       Time       `json:"first_sample"`
	LastSample        Time       `json:"last_sample"`
	SecondsToAlert    float64    `json:"seconds_to_alert"` // from the first sample to the first record
	Threshold         Uint64     `json:"threshold_bits_per_second"`
	Method            string     `json:"method"` // of the estimate; "cusum": from the samples that led to the decision, "tcp_sequence": from TCP sequence numbers, "window": from the last WindowSeconds

	LogLikelihoodRatio float64 `json:"log_likelihood_ratio,omitempty"` // when it was first suspected, against Background
	Background         Uint64  `json:"background_bits_per_second,omitempty"`
	FalseSuspicions    float64 `json:"false_suspicions_per_day,omitempty"`     // allowed on each link
	FalseConfirmations float64 `json:"false_confirmations_per_week,omitempty"` // allowed on each link: the site's, divided by the links learned so far

	Ended bool `json:"-"` // the flow is over, as the change of its alert says
}

func (e *LargeFlowEvidence) where() string {
	agent := e.AgentName
	if agent == "" && e.Agent.IsValid() {
		agent = e.Agent.String()
	}
	port, name, alias := e.Input, e.InputName, e.InputAlias
	if _, ok := sflow.Port(port).Single(); !ok {
		port, name, alias = e.Output, e.OutputName, e.OutputAlias
	}
	if i, ok := sflow.Port(port).Single(); ok {
		name = portText(name, alias, i)
	}
	return strings.Join(strings.Fields("on "+agent+" "+name), " ")
}
