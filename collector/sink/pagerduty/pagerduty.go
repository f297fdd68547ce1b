// Package pagerduty sends alerts to PagerDuty, or to what takes its Events API
// v2. The deduplication key is that of the alert, a function of kind and
// subject alone: two collectors that are fed the same sFlow page once.
package pagerduty

import (
	"context"
	"encoding/json"
	"time"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/collector/sink/post"
	"weir/detect"
)

// URL is where events go by default.
const URL = "https://events.pagerduty.com"

// Sink sends to one service of PagerDuty.
type Sink struct {
	client *post.Client
	words  *message.Writer
	key    string
}

// New returns a Sink with a service's integration key.
func New(c *post.Client, w *message.Writer, key string) *Sink { return &Sink{c, w, key} }

type event struct {
	RoutingKey string   `json:"routing_key"`
	Action     string   `json:"event_action"`
	DedupKey   string   `json:"dedup_key"`
	Client     string   `json:"client,omitempty"`
	Payload    *payload `json:"payload,omitempty"`
	Links      []link   `json:"links,omitempty"`
}

type payload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp string            `json:"timestamp,omitempty"`
	Class     string            `json:"class"`
	Details   map[string]string `json:"custom_details"`
}

type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// Send implements sink.Sink: one event for each change.
func (s *Sink) Send(ctx context.Context, batch []detect.Alert) error {
	return sink.Each(batch, func(a *detect.Alert) error {
		body, err := json.Marshal(s.event(a))
		if err != nil {
			return err
		}
		return s.client.JSON(ctx, "/v2/enqueue", body)
	})
}

// Probe implements sink.Prober.
func (s *Sink) Probe(ctx context.Context) error { return s.client.Probe(ctx) }

func (s *Sink) event(a *detect.Alert) event {
	e := event{RoutingKey: s.key, Action: "trigger", DedupKey: "weir-" + a.Key}
	if a.Change == detect.End {
		e.Action = "resolve"
		return e
	}
	m := s.words.Of(a)
	source := s.words.Site
	if source == "" {
		source = "weir"
	}
	e.Client = "weir"
	e.Payload = &payload{Summary: m.Short, Source: source, Severity: string(a.Severity), Class: string(a.Kind), Details: map[string]string{}}
	if t := a.Onset(); !t.IsZero() {
		e.Payload.Timestamp = t.Format(time.RFC3339)
	}
	for _, l := range m.Lines {
		e.Payload.Details[l.Name] = l.Text
		if l.Link {
			e.Links = append(e.Links, link{l.Text, l.Name})
		}
	}
	return e
}
