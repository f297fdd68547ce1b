package message

import (
	"weir/detect"
)

// Redacted returns the alert for a service outside: its identity, kind,
// severity and times, and nothing of addresses and names of tenants. What is
// left stands for the alert in weir's own history.
func Redacted(a detect.Alert) detect.Alert {
	subject := idSubject{Key: a.Key, Public: PublicLine(a.Subject)}
	a.Subject = &subject
	instances, projects := reach(a.Evidence)
	a.Evidence = &idEvidence{kind: a.Kind, id: a.ID, public: subject.Public, instances: instances, projects: projects}
	return a
}

// idSubject is a subject that tells nothing but its key.
type idSubject struct {
	Key    string `json:"key"`
	Public string `json:"public,omitempty"`
}

// AppendCanonical implements detect.Subject. The key of the alert stays.
func (s *idSubject) AppendCanonical(b []byte) []byte { return append(b, s.Key...) }

// Line implements detect.Subject.
func (s *idSubject) Line() string {
	if s.Public != "" {
		return s.Public
	}
	return s.Key
}

// idEvidence tells that there is evidence, and where.
type idEvidence struct {
	kind                detect.Kind
	id, public          string
	instances, projects int
}

// Line implements detect.Evidence.
func (e *idEvidence) Line() string { return "details in weir, alert " + e.id }

// Affected implements Wide.
func (e *idEvidence) Affected() (instances, projects int) { return e.instances, e.projects }

// MarshalJSON implements json.Marshaler.
func (e *idEvidence) MarshalJSON() ([]byte, error) { return []byte(`{"detail":"ids"}`), nil }
