// Package webhook posts alert changes as JSON to an HTTP service, one request
// each.
//
// With a secret each request is signed: X-Weir-Timestamp has seconds since
// 1970, X-Weir-Signature is "sha256=" and the hexadecimal HMAC-SHA-256 of the
// timestamp, a full stop and the body. A receiver that compares both, and the
// timestamp with its clock, takes nothing from others and nothing twice.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"text/template"
	"time"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/collector/sink/post"
	"weir/detect"
)

// maxBody bounds what a template writes.
const maxBody = 1 << 20

// Sink posts to one URL.
type Sink struct {
	client   *post.Client
	words    *message.Writer
	template *template.Template
	secret   []byte
	now      func() time.Time
}

// Data is what a template is given.
type Data struct {
	Site    string
	Title   string // what, in one line
	Short   string // ASCII, at most 160 octets
	Text    string // all lines
	Lines   []message.Line
	Alert   map[string]any // as in the JSON of alerts
	Status  string         // "firing" or "resolved"
	Onset   time.Time
	Subject string
}

// New returns a Sink. tmpl is nil for the JSON of alerts; secret is nil for no
// signature.
func New(c *post.Client, w *message.Writer, tmpl *template.Template, secret []byte) *Sink {
	return &Sink{client: c, words: w, template: tmpl, secret: secret, now: time.Now}
}

// ParseTemplate reads a body's template. What it writes must be JSON; its
// function json writes any value as such, quoted.
func ParseTemplate(name, text string) (*template.Template, error) {
	t, err := template.New(name).Option("missingkey=error").Funcs(template.FuncMap{
		"json": func(v any) (string, error) {
			b, err := json.Marshal(v)
			return string(b), err
		},
	}).Parse(text)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Send implements sink.Sink.
func (s *Sink) Send(ctx context.Context, batch []detect.Alert) error {
	return sink.Each(batch, func(a *detect.Alert) error {
		body, err := s.body(a)
		if err != nil {
			return fmt.Errorf("alert %s: %w: %w", a.ID, err, sink.ErrPermanent)
		}
		headers := http.Header{"Content-Type": {"application/json"}, "X-Weir-Id": {a.ID + "." + strconv.FormatUint(a.Seq, 10)}}
		if s.secret != nil {
			at := strconv.FormatInt(s.now().Unix(), 10)
			headers["X-Weir-Timestamp"] = []string{at}
			headers["X-Weir-Signature"] = []string{Signature(s.secret, at, body)}
		}
		return s.client.Do(ctx, "", body, headers)
	})
}

// Probe implements sink.Prober.
func (s *Sink) Probe(ctx context.Context) error { return s.client.Probe(ctx) }

// Signature is the value of X-Weir-Signature.
func Signature(secret []byte, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(timestamp + "."))
	h.Write(body)
	return "sha256=" + hex.EncodeToString(h.Sum(nil))
}

// body is the alert with its message, or what the template makes of them.
func (s *Sink) body(a *detect.Alert) ([]byte, error) {
	m := s.words.Of(a)
	if s.template == nil {
		return json.Marshal(struct {
			Site  string       `json:"site,omitempty"`
			Title string       `json:"title"`
			Short string       `json:"short"`
			Text  string       `json:"text"`
			Alert detect.Alert `json:"alert"`
		}{s.words.Site, m.Title, m.Short, m.Text(), *a})
	}
	raw, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	d := Data{
		Site: s.words.Site, Title: m.Title, Short: m.Short, Text: m.Text(), Lines: m.Lines,
		Status: "firing", Onset: a.Onset(), Subject: a.Subject.Line(),
	}
	if a.Change == detect.End {
		d.Status = "resolved"
	}
	if err := json.Unmarshal(raw, &d.Alert); err != nil {
		return nil, err
	}
	var b limited
	if err := s.template.Execute(&b, d); err != nil {
		return nil, fmt.Errorf("the template fails: %w", err)
	}
	if !json.Valid(b.Bytes()) {
		return nil, errors.New("what the template writes is no JSON; write values with the function json")
	}
	return b.Bytes(), nil
}

// limited is a buffer that a template cannot fill without end.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxBody {
		return 0, fmt.Errorf("writes more than %d octets", maxBody)
	}
	return l.Buffer.Write(p)
}
