package detect

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"weir/decoder/sflow"
	"weir/detect/keys"
	"weir/detect/largeflow"
	"weir/detect/rules"
)

// RuleSubject is the subject of a rule's alert: the rule and what it found.
type RuleSubject struct {
	Rule   string    `json:"rule"`
	Key    *keys.Key `json:"key,omitempty"`    // of a rule that counts traffic
	Domain string    `json:"domain,omitempty"` // of the key's addresses: "underlay" or a tenant network

	Instance *RuleInstance `json:"instance,omitempty"` // of the key

	// Of a rule that watches a counter or a metric.
	Metric     string            `json:"metric,omitempty"`
	Agent      *netip.Addr       `json:"agent,omitempty"`
	Source     *sflow.DataSource `json:"source,omitempty"`     // of a counter
	DataSource string            `json:"datasource,omitempty"` // of an rtmetric

	where string // for people
}

// RuleInstance is the instance that a rule by instance found.
type RuleInstance struct {
	UUID    string `json:"uuid"`
	Name    string `json:"name"` // the UUID where it is not known
	Project string `json:"project,omitempty"`
}

func (e *Engine) ruleSubject(r *rules.Report) *RuleSubject {
	s := &RuleSubject{Rule: r.Rule.Name}
	if !r.Rule.Watches() {
		key := r.Key // reports are reused
		s.Key = &key
		if n, ok := key.TakeDomain(); ok {
			s.Domain = e.names.Domain(n)
		}
		if u, ok := key.Instance(); ok {
			key.Name(e.placed)
			s.Instance = &RuleInstance{UUID: u.String(), Name: e.placed.Name(u), Project: e.placed.Project(u)}
		}
		return s
	}
	addr, name := e.names.Agent(r.Agent)
	s.Metric, s.Agent, s.DataSource = r.Rule.Metric(), &addr, r.DataSource
	s.where = name
	if name == "" {
		s.where = addr.String()
	}
	switch {
	case r.DataSource != "":
		s.where += " " + r.DataSource
	case strings.HasPrefix(s.Metric, "rtmetric."):
	default:
		source := r.Source
		s.Source = &source
		if name := e.names.Interface(r.Agent, source.Index); name != "" && source.Class == sflow.ClassInterface {
			s.where += " " + portText(name, e.names.Alias(r.Agent, source.Index), source.Index)
		} else {
			s.where += " " + source.String()
		}
	}
	return s
}

// AppendCanonical implements Subject.
func (s *RuleSubject) AppendCanonical(b []byte) []byte {
	b = strconv.AppendQuote(b, s.Rule)
	if s.Key != nil {
		b = append(append(b, ' '), s.Domain...)
		return append(append(b, ' '), s.Key.Unnamed().String()...)
	}
	b = append(append(b, ' '), s.Metric...)
	b = append(b, ' ')
	b = s.Agent.AppendTo(b)
	if s.Source != nil {
		return append(append(b, ' '), s.Source.String()...)
	}
	return append(append(b, ' '), s.DataSource...)
}

// Line implements Subject.
func (s *RuleSubject) Line() string {
	if s.Key != nil {
		line := strconv.Quote(s.Rule) + " " + s.Key.String()
		if s.Domain != "" && s.Domain != underlay {
			line += " in " + s.Domain
		}
		return line
	}
	return strconv.Quote(s.Rule) + " " + s.where
}

// RuleEvidence is what the alert of a rule that counts traffic rests on.
// Numbers are of the window: bits or packets per second, a share of the link,
// or a number of different things among the samples, as Value says.
type RuleEvidence struct {
	Value            string      `json:"value"`
	Estimate         float64     `json:"estimate"`
	Low              float64     `json:"low"` // 95 % interval
	High             float64     `json:"high"`
	Lower            float64     `json:"lower"` // bounds of the table, without the sampling's error
	Upper            float64     `json:"upper"`
	Peak             float64     `json:"peak"` // greatest estimate since the start
	Samples          uint64      `json:"samples"`
	EffectiveSamples float64     `json:"effective_samples"`
	SamplingRate     float64     `json:"sampling_rate"` // packets per sample
	WindowSeconds    float64     `json:"window_seconds"`
	Threshold        float64     `json:"threshold"`
	Group            string      `json:"group,omitempty"` // whose threshold it is
	Filter           string      `json:"filter,omitempty"`
	Agent            *netip.Addr `json:"agent,omitempty"` // that sees most; missing where all are summed
	AgentName        string      `json:"agent_name,omitempty"`
	Direction        string      `json:"direction,omitempty"`
	VantagePoints    int         `json:"vantage_points"` // agents and directions that see it

	unit  rules.Unit
	share bool
}

func (e *Engine) ruleEvidence(r *rules.Report) *RuleEvidence {
	n := 3
	if r.Threshold.Share {
		n = 6
	}
	v := &RuleEvidence{
		Value: r.Rule.Value().String(), Estimate: decimals(r.Estimate, n), Low: decimals(r.Low, n), High: decimals(r.High, n),
		Lower: decimals(r.Lower, n), Upper: decimals(r.Upper, n), Peak: decimals(r.Peak, n), Samples: r.Samples,
		EffectiveSamples: decimals(r.Effective, 1), SamplingRate: decimals(r.SamplingRate, 1),
		WindowSeconds: decimals(r.Seconds, 3), Threshold: decimals(r.Threshold.Number, n), Group: r.Group,
		Filter: r.Rule.Filter(), VantagePoints: r.Vantages,
		unit: r.Rule.Value().Unit, share: r.Threshold.Share,
	}
	// JSON has no infinity: a full bitmap has no upper end.
	const endless = 1e18
	v.High, v.Upper = min(v.High, endless), min(v.Upper, endless)
	if r.Agent != 0 {
		addr, name := e.names.Agent(r.Agent)
		v.Agent, v.AgentName, v.Direction = &addr, name, "ingress"
		if r.Egress {
			v.Direction = "egress"
		}
	}
	return v
}

// Line implements Evidence: "48.2 kpps (40.1 to 57.3), threshold 20 kpps".
func (v *RuleEvidence) Line() string {
	s := v.text(v.Estimate) + " (" + v.text(v.Low) + " to " + v.text(v.High) + "), threshold " + v.text(v.Threshold)
	if v.Group != "" {
		s += " of group " + v.Group
	}
	if v.AgentName != "" {
		s += ", at " + v.AgentName
	} else if v.Agent != nil && v.Agent.IsValid() {
		s += ", at " + v.Agent.String()
	}
	return s
}

func (v *RuleEvidence) text(x float64) string {
	three := func(x float64) float64 { return rules.Round(x, 3) }
	switch {
	case v.share:
		return number(three(100*x)) + " %"
	case v.unit == rules.Bits:
		return largeflow.BitRate(three(x))
	case v.unit == rules.Packets:
		return rules.Magnitude(three(x)) + "pps"
	}
	return number(three(x)) + strings.TrimPrefix(v.Value, "distinct")
}

// WatchEvidence is what the alert of a rule that watches a counter or a metric
// rests on.
type WatchEvidence struct {
	Watch string  `json:"watch"` // as configured
	Value float64 `json:"value"` // level, or change per second; of an absence the last value
	Since Time    `json:"since"` // beyond the limit since then
}

func (e *Engine) watchEvidence(r *rules.Report) *WatchEvidence {
	return &WatchEvidence{Watch: r.Rule.Watch(), Value: decimals(r.Value, 6), Since: Time(time.Unix(0, r.Onset))}
}

// Line implements Evidence.
func (v *WatchEvidence) Line() string {
	return fmt.Sprintf("%s, and it is %s", v.Watch, number(rules.Round(v.Value, 4)))
}
