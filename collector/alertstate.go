package collector

import (
	"encoding/json"
	"fmt"

	"weir/collector/sink/message"
	"weir/collector/sink/route"
	"weir/collector/store"
	"weir/detect"
)

// savedAlert is an open alert in the state file. What its kind knows of it is
// kept as it was last told.
type savedAlert struct {
	Alert     plainAlert      `json:"alert"`
	Canonical string          `json:"canonical"`
	Subject   json.RawMessage `json:"subject"`
	Evidence  json.RawMessage `json:"evidence"`
	Line      string          `json:"line"` // of the subject
	Rests     string          `json:"rests"`
	Public    string          `json:"public,omitempty"`
	Told      []string        `json:"told"`
}

// plainAlert is an alert without subject and evidence.
type plainAlert struct {
	ID       string          `json:"id"`
	Seq      uint64          `json:"seq"`
	Kind     detect.Kind     `json:"kind"`
	State    detect.State    `json:"state"`
	Severity detect.Severity `json:"severity"`
	Flapping bool            `json:"flapping,omitempty"`
	Incident string          `json:"incident,omitempty"`
	At       int64           `json:"at"` // ns since 1970
}

// saveOpen writes the alerts that somebody was told of and that are open.
func saveOpen(s *store.Store, open []route.Saved) error {
	var all []store.OpenAlert
	for _, o := range open {
		a := &o.Alert
		subject, err := json.Marshal(a.Subject)
		if err != nil {
			return fmt.Errorf("alert %s: %w", a.ID, err)
		}
		evidence, err := json.Marshal(a.Evidence)
		if err != nil {
			return fmt.Errorf("alert %s: %w", a.ID, err)
		}
		v := savedAlert{
			Alert:     plainAlert{a.ID, a.Seq, a.Kind, a.State, a.Severity, a.Flapping, a.Incident, a.At.UnixNano()},
			Canonical: string(a.Subject.AppendCanonical(nil)), Subject: subject, Evidence: evidence,
			Line: a.Subject.Line(), Rests: a.Evidence.Line(), Told: o.Told,
		}
		v.Public = message.PublicLine(a.Subject)
		body, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("alert %s: %w", a.ID, err)
		}
		all = append(all, store.OpenAlert{Key: a.Key, Body: body})
	}
	return s.SaveAlerts(all)
}

// loadOpen reads what saveOpen wrote. What cannot be read was written by
// another version, and is left out.
func loadOpen(s *store.Store) ([]route.Saved, error) {
	rows, err := s.LoadAlerts()
	if err != nil {
		return nil, err
	}
	var all []route.Saved
	for _, r := range rows {
		var v savedAlert
		if err := json.Unmarshal(r.Body, &v); err != nil {
			continue
		}
		a := detect.Alert{
			At: nanoTime(v.Alert.At), Key: r.Key, ID: v.Alert.ID, Seq: v.Alert.Seq, Change: detect.Update, Kind: v.Alert.Kind, State: v.Alert.State,
			Severity: v.Alert.Severity, Flapping: v.Alert.Flapping, Incident: v.Alert.Incident, Evidence: &keptEvidence{v.Rests, v.Evidence},
		}
		kept := keptSubject{v.Canonical, v.Line, v.Subject}
		a.Subject = &kept
		if v.Public != "" {
			a.Subject = &publicSubject{kept, v.Public}
		}
		all = append(all, route.Saved{Alert: a, Told: v.Told})
	}
	return all, nil
}

// keptSubject is a subject as it was saved.
type keptSubject struct {
	canonical, line string
	json            json.RawMessage
}

// AppendCanonical implements detect.Subject.
func (k *keptSubject) AppendCanonical(b []byte) []byte { return append(b, k.canonical...) }

// Line implements detect.Subject.
func (k *keptSubject) Line() string { return k.line }

// MarshalJSON implements json.Marshaler.
func (k *keptSubject) MarshalJSON() ([]byte, error) { return k.json, nil }

// publicSubject is one that outside services may be told.
type publicSubject struct {
	keptSubject
	public string
}

// PublicLine implements message.Public.
func (k *publicSubject) PublicLine() string { return k.public }

// keptEvidence is evidence as it was saved.
type keptEvidence struct {
	line string
	json json.RawMessage
}

// Line implements detect.Evidence.
func (k *keptEvidence) Line() string { return k.line }

// MarshalJSON implements json.Marshaler.
func (k *keptEvidence) MarshalJSON() ([]byte, error) { return k.json, nil }
