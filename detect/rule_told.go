package detect

import (
	"encoding/json"
	"slices"
	"strings"

	"weir/detect/rules"
)

// toldFields are the fields of a rule's key that a packet at an instance's port has
// from its own ends; others are of the network that carries it.
var toldFields = []string{"instance", "src", "dst", "proto", "src_port", "dst_port"}

// RuleProject is the project of the instance that the alert of a rule by instance is
// about, from the subject's JSON; "" for any other alert.
func RuleProject(kind string, subject []byte) string {
	var s struct {
		Instance RuleInstance `json:"instance"`
	}
	if kind != string(Rule) || json.Unmarshal(subject, &s) != nil {
		return ""
	}
	return s.Instance.Project
}

// RuleTold is what those are told of a rule's alert who see an instance's project
// alone: the instance, the ends of its packets and the figures. Not how the rule is
// called, what it filters, whose threshold it is and where it was seen, which may
// tell of others.
type RuleTold struct {
	Subject  json.RawMessage
	Evidence json.RawMessage
	Line     string
}

// ruleFigures are the members of a RuleEvidence that are told.
type ruleFigures struct {
	Value            string  `json:"value"`
	Estimate         float64 `json:"estimate"`
	Low              float64 `json:"low"`
	High             float64 `json:"high"`
	Peak             float64 `json:"peak"`
	Samples          uint64  `json:"samples"`
	EffectiveSamples float64 `json:"effective_samples"`
	SamplingRate     float64 `json:"sampling_rate"`
	WindowSeconds    float64 `json:"window_seconds"`
	Threshold        float64 `json:"threshold"`
}

// TellRule returns what is told of a rule's alert, from the JSON of its subject and
// its evidence; nil where that is kept no more.
func TellRule(subject, evidence []byte) RuleTold {
	var s struct {
		Key      map[string]any `json:"key,omitempty"`
		Instance RuleInstance   `json:"instance"`
	}
	_ = json.Unmarshal(subject, &s) // what cannot be read is not told
	words := []string{}
	for _, f := range toldFields {
		if v, ok := s.Key[f]; ok && f != "instance" {
			b, _ := json.Marshal(v)
			words = append(words, f+"="+strings.Trim(string(b), `"`))
		}
	}
	for f := range s.Key {
		if !slices.Contains(toldFields, f) {
			delete(s.Key, f)
		}
	}
	t := RuleTold{Line: strings.Join(slices.Concat([]string{"rule instance=" + s.Instance.Name}, words), " ")}
	t.Subject, _ = json.Marshal(s) // texts and numbers always marshal
	var f ruleFigures
	if evidence == nil || json.Unmarshal(evidence, &f) != nil || f.Value == "" {
		return t
	}
	t.Evidence, _ = json.Marshal(f)
	v := RuleEvidence{Value: f.Value, Estimate: f.Estimate, Low: f.Low, High: f.High, Threshold: f.Threshold}
	switch f.Value {
	case rules.Value{Unit: rules.Bits}.String():
		v.unit, v.share = rules.Bits, f.Threshold <= 1 // nobody's threshold is a bit a second
	case rules.Value{Unit: rules.Packets}.String():
		v.unit = rules.Packets
	default:
		v.unit = rules.Distinct
	}
	t.Line += ": " + v.Line()
	return t
}
