package detect

import (
	"encoding/json"
	"strings"
	"time"
)

// Kind names what an alert is about; rooms below detect define their own.
type Kind string

// LargeFlow is one flow that carries more than its threshold.
const LargeFlow Kind = "large_flow"

// Change says what happened to an alert.
type Change string

// The changes.
const (
	Start  Change = "start"
	Update Change = "update"
	End    Change = "end"
)

// State is how sure an alert is, or that it is over.
type State string

// The states.
const (
	Suspected State = "suspected"
	Confirmed State = "confirmed"
	Resolved  State = "resolved"
)

// Severity is the operator's weight of an alert.
type Severity string

// The severities.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Alert is one change of one alert, as sinks receive it.
type Alert struct {
	At       time.Time `json:"at"`  // of the change, on the data's clock
	Key      string    `json:"key"` // hash of Kind and canonical Subject, equal in every collector
	ID       string    `json:"id"`  // Key and onset in seconds, fixed at the first change
	Seq      uint64    `json:"seq"` // counts the changes of this ID from 1
	Change   Change    `json:"change"`
	Kind     Kind      `json:"kind"`
	State    State     `json:"state"`
	Severity Severity  `json:"severity"`
	Flapping bool      `json:"flapping,omitempty"`
	Reason   string    `json:"reason,omitempty"`   // why it ended, where that is not the data; one of the Reason constants
	Incident string    `json:"incident,omitempty"` // that it belongs to; "" without
	Subject  Subject   `json:"subject"`
	Evidence Evidence  `json:"evidence"`
}

// Subject is what an alert is about. It marshals to the JSON object of its kind.
type Subject interface {
	// AppendCanonical appends a text equal for equal subjects in every collector.
	AppendCanonical([]byte) []byte
	// Line is the subject for one readable line.
	Line() string
}

// Evidence is what an alert rests on. It marshals to the JSON object of its kind.
type Evidence interface {
	// Line is the evidence for one readable line.
	Line() string
}

// sentence is Evidence that places the subject inside its own words.
type sentence interface{ line(subject string) string }

// Line is the alert in one readable line, without time, change and identity.
func (a *Alert) Line() string {
	if s, ok := a.Evidence.(sentence); ok {
		return s.line(a.Subject.Line())
	}
	return strings.ReplaceAll(string(a.Kind), "_", " ") + " " + a.Subject.Line() + ": " + a.Evidence.Line()
}

// MarshalJSON implements json.Marshaler: the fields in their order, the time
// in UTC and always with nanoseconds.
func (a Alert) MarshalJSON() ([]byte, error) {
	type fields Alert // without methods
	return json.Marshal(struct {
		At Time `json:"at"` // hides the embedded one
		fields
	}{Time(a.At), fields(a)})
}
