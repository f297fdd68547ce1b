// Package slack posts alert changes to a webhook of Slack, or of what takes the
// same (Mattermost, Rocket.Chat, Discord below /slack).
package slack

import (
	"context"
	"encoding/json"
	"strings"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/collector/sink/post"
	"weir/detect"
)

// Sink posts to one webhook.
type Sink struct {
	client *post.Client
	words  *message.Writer
}

// New returns a Sink. The URL of its client is a secret.
func New(c *post.Client, w *message.Writer) *Sink { return &Sink{c, w} }

type body struct {
	Text        string       `json:"text"`
	Markdown    bool         `json:"mrkdwn"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Color      string   `json:"color"`
	Fallback   string   `json:"fallback"`
	Text       string   `json:"text"`
	MarkdownIn []string `json:"mrkdwn_in"`
}

// Send implements sink.Sink: one message for each change.
func (s *Sink) Send(ctx context.Context, batch []detect.Alert) error {
	return sink.Each(batch, func(a *detect.Alert) error {
		m := s.words.Of(a)
		var lines []string
		for _, l := range m.Lines {
			text := escape(l.Text)
			if l.Link {
				text = l.Text // of the configuration, percent-encoded
			}
			lines = append(lines, l.Name+": "+text)
		}
		b, err := json.Marshal(body{
			Text: escape(m.Short),
			Attachments: []attachment{{
				Color: colour(a), Fallback: escape(m.Short), MarkdownIn: []string{},
				Text: escape(m.Title) + "\n" + strings.Join(lines, "\n"),
			}},
		})
		if err != nil {
			return err
		}
		return s.client.JSON(ctx, "", b)
	})
}

// Probe implements sink.Prober.
func (s *Sink) Probe(ctx context.Context) error { return s.client.Probe(ctx) }

func colour(a *detect.Alert) string {
	switch {
	case a.Change == detect.End:
		return "#2eb67d"
	case a.Severity == detect.Critical:
		return "#e01e5a"
	case a.Severity == detect.Warning:
		return "#ecb22e"
	}
	return "#36c5f0"
}

// escape keeps names from becoming links, markup or a call to everybody.
func escape(s string) string {
	return strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@\u200b", "`", "'", "[", "[\u200b",
	).Replace(s)
}
