// Package alertmanager tells a Prometheus Alertmanager, API v2, what is open.
//
// Alertmanager resolves what it does not hear again, so that open alerts are
// repeated every minute and hold for three. Labels are kind, subject, site and
// severity and nothing else: two collectors that are fed the same sFlow give
// the same labels, and page once. Of a cluster each member is a sink of its own.
package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/collector/sink/post"
	"weir/collector/sink/route"
	"weir/detect"
)

// Holds is how long Alertmanager takes an alert for open that it does not hear
// again.
const Holds = 3 * time.Minute

// path below the URL of Alertmanager.
const path = "/api/v2/alerts"

// maxPost bounds the alerts of one request.
const maxPost = 256

// Sink posts to one Alertmanager.
type Sink struct {
	client *post.Client
	words  *message.Writer
	site   string
	now    func() time.Time

	mu   sync.Mutex // held while posting, so that a repetition never overtakes an end
	open map[string]alert
}

// alert as the API takes it.
type alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// New returns a Sink.
func New(c *post.Client, w *message.Writer) *Sink {
	return &Sink{client: c, words: w, site: w.Site, now: time.Now, open: map[string]alert{}}
}

// Send implements sink.Sink.
func (s *Sink) Send(ctx context.Context, batch []detect.Alert) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC()
	var all []alert
	for i := range batch {
		a := &batch[i]
		was, open := s.open[a.Key]
		is := s.alert(a, now)
		if open && was.Labels["severity"] != is.Labels["severity"] { // to Alertmanager another alert
			was.EndsAt = now
			all = append(all, was)
		}
		switch {
		case a.Change == detect.End:
			is.EndsAt = now
			delete(s.open, a.Key)
		case a.Kind != route.Watchdog && a.Kind != route.Test: // those are not repeated
			s.open[a.Key] = is
		}
		all = append(all, is)
	}
	return s.post(ctx, all)
}

// Refresh implements sink.Refresher: it repeats what is open.
func (s *Sink) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ends := s.now().UTC().Add(Holds)
	all := make([]alert, 0, len(s.open))
	for key, a := range s.open {
		a.EndsAt = ends
		s.open[key] = a
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b alert) int { return strings.Compare(a.Labels["subject"], b.Labels["subject"]) })
	return s.post(ctx, all)
}

// Probe implements sink.Prober.
func (s *Sink) Probe(ctx context.Context) error { return s.client.Probe(ctx) }

// post sends the alerts in requests of a bounded size.
func (s *Sink) post(ctx context.Context, all []alert) error {
	var refused error
	for part := range slices.Chunk(all, maxPost) {
		body, err := json.Marshal(part)
		if err != nil {
			return errors.Join(err, sink.ErrPermanent)
		}
		err = s.client.JSON(ctx, path, body)
		switch {
		case errors.Is(err, sink.ErrPermanent): // it keeps the good ones of a request
			refused = err
		case err != nil:
			return err
		}
	}
	return refused
}

func (s *Sink) alert(a *detect.Alert, now time.Time) alert {
	m := s.words.Of(a)
	labels := map[string]string{
		"kind":     string(a.Kind),
		"subject":  message.ASCII(string(a.Subject.AppendCanonical(nil))),
		"severity": string(a.Severity),
	}
	if s.site != "" {
		labels["site"] = s.site
	}
	notes := map[string]string{"summary": m.Short, "description": m.Text(), "id": a.ID, "state": string(a.State)}
	link := ""
	for _, l := range m.Lines {
		switch l.Name {
		case "Runbook":
			notes["runbook_url"] = l.Text
		case "Link":
			link = l.Text
		}
	}
	starts := a.Onset()
	if starts.IsZero() || starts.After(now) {
		starts = now
	}
	return alert{labels, notes, starts, now.Add(Holds), link}
}
