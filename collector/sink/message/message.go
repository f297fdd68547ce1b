// Package message says an alert in words: the same order in every sink, and a
// short form for subjects, syslog and telephones.
package message

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"weir/detect"
)

// Writer writes messages.
type Writer struct {
	Site    string         // "" and "default" are not told
	Zone    *time.Location // told beside UTC; nil is UTC alone
	Runbook string         // link with {kind}; "" is none
	Link    string         // link to an alert or incident with {id}, {key}, {incident}, {kind}; "" is none
}

// Message is one alert change in words.
type Message struct {
	Title string // what, in one line
	Short string // the same with severity and site: ASCII, at most MaxShort
	Lines []Line // where, since when, how sure, how many, what to check first, links, identity
}

// Line is one named line of a message.
type Line struct {
	Name, Text string
	Link       bool // Text is a URL
}

// defaultSite is the name of a site that has none.
const defaultSite = "default"

// MaxShort is the length of the short form, in octets: a telephone's message.
const MaxShort = 160

// Parts of a message that only some subjects and evidence know.
type (
	// Placed is a subject or evidence that knows where it is: node and names.
	Placed interface{ Where() string }
	// Sure is evidence that knows how sure it is, from 0 to 1.
	Sure interface{ Confidence() float64 }
	// Wide is evidence that knows how many instances and projects it affects.
	Wide interface {
		Affected() (instances, projects int)
	}
	// Public is a subject that may be told to outside services.
	Public interface{ PublicLine() string }
	// Advised is evidence that knows better than its kind what to check first.
	Advised interface{ Check() string }
)

// Of writes a message.
func (w *Writer) Of(a *detect.Alert) Message {
	title := upperFirst(oneLine(a.Line()))
	m := Message{Title: title, Short: w.short(a, title)}
	add := func(name, text string, link bool) {
		if text != "" {
			m.Lines = append(m.Lines, Line{name, oneLine(text), link})
		}
	}
	add("Where", w.where(a), false)
	add("Since", w.when(a.Onset()), false)
	if a.Change == detect.End {
		add("Over since", w.when(a.At)+why(a.Reason), false)
	}
	add("How sure", sure(a), false)
	add("Affected", affected(a), false)
	if a.Change != detect.End {
		add("Check first", check(a), false)
	}
	add("Runbook", fill(w.Runbook, a), true)
	add("Incident", a.Incident, false)
	add("Link", fill(w.Link, a), true)
	add("Alert", fmt.Sprintf("%s %s, %s", a.Severity, a.Kind, a.ID), false)
	return m
}

// Text is the message as plain text, its title first.
func (m *Message) Text() string {
	var b strings.Builder
	b.WriteString(m.Title + "\n\n")
	for _, l := range m.Lines {
		b.WriteString(l.Name + ": " + l.Text + "\n")
	}
	return b.String()
}

func (w *Writer) where(a *detect.Alert) string {
	var parts []string
	if w.named() {
		parts = append(parts, "site "+w.Site)
	}
	for _, v := range []any{a.Subject, a.Evidence} {
		if p, ok := v.(Placed); ok {
			if text := oneLine(p.Where()); text != "" {
				return strings.Join(append(parts, text), ", ")
			}
		}
	}
	if at := cmp.Or(oneLine(place(a)), node(a.Evidence)); at != "" {
		parts = append(parts, at)
	}
	return strings.Join(parts, ", ")
}

// node is where the detectors' evidence saw it.
func node(e detect.Evidence) string {
	switch e := e.(type) {
	case *detect.LargeFlowEvidence:
		return "seen at " + oneLine(cmp.Or(e.AgentName, e.Agent.String()))
	case *detect.FloodEvidence:
		return "seen at " + oneLine(cmp.Or(e.AgentName, e.Agent.String()))
	case *detect.ScanEvidence:
		return "seen at " + oneLine(cmp.Or(e.AgentName, e.Agent.String()))
	}
	return ""
}

// when is a time in UTC and, where one is set, in the NOC's zone.
func (w *Writer) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	s := t.UTC().Format("2006-01-02 15:04:05 UTC")
	if w.Zone == nil || w.Zone == time.UTC {
		return s
	}
	local, layout := t.In(w.Zone), "15:04:05 MST"
	if local.Day() != t.UTC().Day() {
		layout = "2006-01-02 " + layout
	}
	return s + " (" + local.Format(layout) + ")"
}

func why(reason string) string {
	if reason == "" {
		return ""
	}
	return ", because of " + strings.ReplaceAll(reason, "_", " ")
}

func sure(a *detect.Alert) string {
	s := string(a.State)
	if c := certainty(a.Evidence); c > 0 {
		s += fmt.Sprintf(", %.3g %%", 100*c)
	}
	if a.Flapping {
		s += ", flapping"
	}
	return s
}

func affected(a *detect.Alert) string {
	instances, projects := reach(a.Evidence)
	if instances == 0 {
		return ""
	}
	s := count(instances, "instance")
	if projects > 0 {
		s += " of " + count(projects, "project")
	}
	return s
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// fill puts the alert's identity into a link.
func fill(link string, a *detect.Alert) string {
	if link == "" {
		return ""
	}
	incident := cmp.Or(a.Incident, a.ID)
	return strings.NewReplacer(
		"{kind}", url.PathEscape(string(a.Kind)), "{id}", url.PathEscape(a.ID),
		"{key}", url.PathEscape(a.Key), "{incident}", url.PathEscape(incident),
	).Replace(link)
}

// short is the ASCII form, "CRITICAL fra1: Bridge down ...".
func (w *Writer) short(a *detect.Alert, title string) string {
	head := strings.ToUpper(string(a.Severity))
	if a.Change == detect.End {
		head = "RESOLVED " + string(a.Severity)
	} else if a.State == detect.Suspected {
		head += " suspected"
	}
	if w.named() {
		head += " " + w.Site
	}
	return cut(ASCII(head + ": " + title))
}

func (w *Writer) named() bool { return w.Site != "" && w.Site != defaultSite }

func cut(s string) string {
	if len(s) <= MaxShort {
		return s
	}
	return s[:MaxShort-3] + "..."
}

// ASCII writes text in printable ASCII: what has a likeness gets it, control
// characters are spaces, all else is "?".
func ASCII(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= ' ' && r < 0x7f:
			b.WriteRune(r)
		case r == '→':
			b.WriteString("->")
		case r == '–' || r == '—':
			b.WriteByte('-')
		case r == '×':
			b.WriteByte('x')
		case r == 'µ':
			b.WriteByte('u')
		case r == '…':
			b.WriteString("...")
		case unicode.IsSpace(r) || unicode.IsControl(r):
			b.WriteByte(' ')
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

// oneLine keeps text that others chose on one line, without characters that
// move the cursor or turn the direction of writing.
func oneLine(s string) string {
	const most = 500
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > most {
		n := most
		for !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	return s
}

func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
