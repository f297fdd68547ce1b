package mail

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"html"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"weir/collector/sink/message"
	"weir/detect"
)

// letter is a mail before it has a date.
type letter struct {
	subject string // ASCII on one line
	text    string
	html    string
	id      string // left side of the Message-ID
	thread  string // that of the mail it belongs to; "" is none
	urgent  bool
}

func (s *Sink) single(a *detect.Alert) letter {
	m := s.words.Of(a)
	var h strings.Builder
	h.WriteString("<p><strong style=\"color:" + colour(a) + "\">" + html.EscapeString(m.Title) + "</strong></p>\n" + table(m.Lines))
	return letter{
		subject: m.Short, text: m.Text(), html: h.String(),
		id: fmt.Sprintf("%s.%d.%s", a.ID, a.Seq, a.Change), thread: a.Key,
		urgent: a.Severity == detect.Critical && a.Change != detect.End,
	}
}

// table writes the lines of a message; links go where the configuration says.
func table(lines []message.Line) string {
	var b strings.Builder
	b.WriteString("<table>\n")
	for _, l := range lines {
		text := html.EscapeString(l.Text)
		if l.Link {
			text = `<a href="` + text + `">` + text + `</a>`
		}
		b.WriteString("<tr><th align=\"left\">" + html.EscapeString(l.Name) + "</th><td>" + text + "</td></tr>\n")
	}
	b.WriteString("</table>\n")
	return b.String()
}

func colour(a *detect.Alert) string {
	switch {
	case a.Change == detect.End:
		return "#1a7f37"
	case a.Severity == detect.Critical:
		return "#c01048"
	case a.Severity == detect.Warning:
		return "#9a6700"
	}
	return "#0b5fae"
}

// digest is one mail for many changes: the counts, then a line for each, the
// gravest first.
func (s *Sink) digest(batch []detect.Alert) letter {
	order := slices.Clone(batch)
	rank := func(a *detect.Alert) int {
		if a.Change == detect.End {
			return 3
		}
		return slices.Index([]detect.Severity{detect.Critical, detect.Warning, detect.Info}, a.Severity)
	}
	slices.SortStableFunc(order, func(a, b detect.Alert) int { return rank(&a) - rank(&b) })
	counts := [4]int{}
	var text, h strings.Builder
	h.WriteString("<ul>\n")
	for i := range order {
		a := &order[i]
		counts[max(rank(a), 0)]++
		m := s.words.Of(a)
		line := strings.ToUpper(string(a.Severity))
		if a.Change == detect.End {
			line = "RESOLVED"
		}
		text.WriteString(line + " " + m.Title + " [" + a.ID + "]\n")
		h.WriteString("<li><strong style=\"color:" + colour(a) + "\">" + line + "</strong> " + html.EscapeString(m.Title) + " [" + html.EscapeString(a.ID) + "]</li>\n")
	}
	h.WriteString("</ul>\n")
	head := fmt.Sprintf("%d alerts: %d critical, %d warning, %d info, %d resolved", len(batch), counts[0], counts[1], counts[2], counts[3])
	subject := "DIGEST "
	if s.words.Site != "" {
		subject += message.ASCII(s.words.Site) + " "
	}
	id := fnv.New64a()
	_, _ = id.Write([]byte(text.String()))
	return letter{
		subject: subject + head, text: head + "\n\n" + text.String(), html: "<p>" + head + "</p>\n" + h.String(),
		id: fmt.Sprintf("digest.%016x", id.Sum64()), urgent: counts[0] > 0,
	}
}

// write writes the mail as RFC 5322 with a text and an HTML part.
func (l *letter) write(b *bytes.Buffer, c *Config, now time.Time) {
	_, domain, _ := strings.Cut(c.From.Address, "@")
	header := func(name, value string) { b.WriteString(name + ": " + unbroken(value) + "\r\n") }
	header("From", c.From.String())
	to := make([]string, len(c.To))
	for i := range c.To {
		to[i] = c.To[i].String()
	}
	header("To", strings.Join(to, ",\r\n "))
	header("Subject", mime.QEncoding.Encode("utf-8", message.ASCII(l.subject)))
	header("Date", now.UTC().Format(time.RFC1123Z))
	header("Message-ID", fmt.Sprintf("<%s.%d@%s>", plain(l.id), now.UnixNano(), plain(domain)))
	if l.thread != "" {
		header("References", "<"+plain(l.thread)+".thread@"+plain(domain)+">")
	}
	header("Auto-Submitted", "auto-generated")
	if l.urgent {
		header("Importance", "high")
	}
	w := multipart.NewWriter(b)
	header("MIME-Version", "1.0")
	header("Content-Type", `multipart/alternative; boundary="`+w.Boundary()+`"`)
	b.WriteString("\r\n")
	part(w, "text/plain", l.text)
	part(w, "text/html", "<!doctype html>\n<html><body>\n"+l.html+"</body></html>\n")
	_ = w.Close() // to a buffer
}

func part(w *multipart.Writer, kind, text string) {
	p, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Type": {kind + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return // a buffer does not fail
	}
	q := quotedprintable.NewWriter(p)
	_, _ = q.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	_ = q.Close()
}

// unbroken keeps a header one header: of line breaks only those of a fold are
// left.
func unbroken(s string) string {
	s = strings.ReplaceAll(s, "\r\n ", "\x00")
	s = strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return ' '
		}
		return r
	}, s)
	return strings.ReplaceAll(s, "\x00", "\r\n ")
}

// plain keeps what an identity may consist of.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, s)
}
