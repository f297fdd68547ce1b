package mail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/collector/sink/sinktest"
	"weir/detect"
)

func newSink(t *testing.T, address string, security Security, change ...func(*Config)) *Sink {
	t.Helper()
	c := Config{
		Address: address, Security: security, From: mail.Address{Name: "weir", Address: "weir@example.net"},
		To: []mail.Address{{Address: "noc@example.net"}, {Name: "Dienst, täglich", Address: "duty@example.net"}},
	}
	for _, f := range change {
		f(&c)
	}
	s := New(c, &message.Writer{Site: "fra1", Runbook: "https://wiki.example/{kind}"})
	t.Cleanup(s.Close)
	return s
}

// parts returns the headers and the text and HTML of a mail.
func parts(t *testing.T, raw string) (h mail.Header, text, html string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.ReplaceAll(string(b), "\r\n", "\n"))
	}
	if len(got) != 2 {
		t.Fatalf("%d parts", len(got))
	}
	return m.Header, got[0], got[1]
}

func TestMailArrivesOverEachKindOfConnection(t *testing.T) {
	cert, key, trust := sinktest.Certificate(t, t.TempDir())
	for _, c := range []struct {
		server   string
		security Security
		user     string
	}{{"starttls", StartTLS, "weir"}, {"login", StartTLS, "weir"}, {"tls", TLS, "weir"}, {"off", Off, ""}} {
		t.Run(c.server, func(t *testing.T) {
			srv := sinktest.NewMailServer(t, c.server, cert, key)
			s := newSink(t, srv.Address, c.security, func(f *Config) { f.Trust, f.User, f.Password = trust, c.user, "s3cret" })
			if err := s.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			var r sink.Recorder
			a := sinktest.Alert(1, detect.Start, "Ethernet12")
			if err := s.Send(sink.WithRecorder(t.Context(), &r), []detect.Alert{a}); err != nil {
				t.Fatal(err)
			}
			sinktest.Await(t, "the mail", func() bool { return len(srv.Mails()) == 1 })
			m := srv.Mails()[0]
			if m.From != "weir@example.net" || !slices.Equal(m.To, []string{"noc@example.net", "duty@example.net"}) || m.TLS != (c.security != Off) || m.User != c.user {
				t.Errorf("envelope %+v", m)
			}
			h, text, html := parts(t, m.Data)
			if want := "CRITICAL fra1: Large flow 1.2 Gbit/s (0.9-1.5) 10.0.0.1:443 -> 10.0.1.9:51332 TCP on leaf1 Ethernet12, 0.6 s after its first sample"; h.Get("Subject") != want {
				t.Errorf("subject %q, want %q", h.Get("Subject"), want)
			}
			if to, err := h.AddressList("To"); err != nil || len(to) != 2 || to[1].Name != "Dienst, täglich" {
				t.Errorf("to %v, %v", to, err)
			}
			if h.Get("Auto-Submitted") != "auto-generated" || h.Get("Importance") != "high" || !strings.HasPrefix(h.Get("Message-ID"), "<"+a.ID+".1.start.") {
				t.Errorf("headers %v", h)
			}
			if want := (&message.Writer{Site: "fra1", Runbook: "https://wiki.example/{kind}"}).Of(&a); text != want.Text() {
				t.Errorf("text %q, want %q", text, want.Text())
			}
			if !strings.Contains(html, `<a href="https://wiki.example/large_flow">`) {
				t.Errorf("html %s", html)
			}
			if l := r.Lines(); len(l) != 1 || l[0] != "250 2.0.0 taken" {
				t.Errorf("answers %q", l)
			}
		})
	}
}

func TestMailSaysWhatIsWrongWithTheServer(t *testing.T) {
	cert, key, trust := sinktest.Certificate(t, t.TempDir())
	srv := sinktest.NewMailServer(t, "starttls", cert, key)
	plain := sinktest.NewMailServer(t, "off", cert, key)
	for _, c := range []struct {
		name    string
		address string
		change  func(*Config)
		want    string
	}{
		{"wrong password", srv.Address, func(c *Config) { c.Trust, c.User, c.Password = trust, "weir", "guess" }, "535 5.7.8 Authentication credentials invalid"},
		{"no user", srv.Address, func(c *Config) { c.Trust = trust }, "530 5.7.0 Authentication required"},
		{"certificate of nobody known", srv.Address, func(*Config) {}, "certificate signed by unknown authority"},
		{"no STARTTLS", plain.Address, func(*Config) {}, "the server does not offer STARTTLS; set security to tls, or to off for a server on this machine"},
		{"nobody there", "127.0.0.1:1", func(*Config) {}, "connection refused"},
		{"nobody of this name", srv.Address, func(c *Config) {
			c.Trust, c.User, c.Password = trust, "weir", "s3cret"
			c.To = []mail.Address{{Address: "nobody@example.net"}}
		}, "550 5.1.1 nobody of this name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := newSink(t, c.address, StartTLS, c.change).Send(t.Context(), []detect.Alert{sinktest.Alert(1, detect.Start, "x")})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), c.address+" ") && !strings.HasPrefix(err.Error(), c.address+":") {
				t.Errorf("%v, want %s", err, c.want)
			}
			if errors.Is(err, sink.ErrPermanent) != strings.HasPrefix(c.want, "550") {
				t.Errorf("permanent: %v", err)
			}
		})
	}
	s := newSink(t, srv.Address, StartTLS, func(c *Config) {
		c.Trust, c.User, c.Password = trust, "weir", "s3cret"
		c.To = append(c.To, mail.Address{Address: "nobody@example.net"})
	})
	if err := s.Send(t.Context(), []detect.Alert{sinktest.Alert(1, detect.Start, "x")}); err != nil {
		t.Errorf("one that is refused costs the others their mail: %v", err)
	}
}

func TestMailKeepsHostileNamesOutOfHeaders(t *testing.T) {
	srv := sinktest.NewMailServer(t, "off", "", "")
	s := newSink(t, srv.Address, Off)
	a := sinktest.Alert(1, detect.Start, sinktest.Hostile)
	a.Evidence.(*detect.LargeFlowEvidence).AgentName = "leaf\r\nBcc: evil@example.net\r\nSubject: all is well\r\n\r\nhello\r\n.\r\nMAIL FROM:<evil@example.net>\r\n"
	a.ID = "x\r\nBcc: evil@example.net>-1"
	if err := s.Send(t.Context(), []detect.Alert{a}); err != nil {
		t.Fatal(err)
	}
	sinktest.Await(t, "the mail", func() bool { return len(srv.Mails()) > 0 })
	m := srv.Mails()[0]
	h, text, html := parts(t, m.Data)
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Importance", "Message-Id", "Mime-Version", "References", "Subject", "To"}
	if !slices.Equal(names, want) || len(h["Subject"]) != 1 || len(srv.Mails()) != 1 || len(m.To) != 2 {
		t.Errorf("headers %q, %d mails to %q", names, len(srv.Mails()), m.To)
	}
	if strings.Contains(html, "<b>") || strings.Contains(text, "\x00") {
		t.Errorf("html %s", html)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "Bcc") || strings.HasPrefix(line, "MAIL") {
			t.Errorf("a line of its own: %q", line)
		}
	}
}

func TestMailSendsADigestOfMany(t *testing.T) {
	srv := sinktest.NewMailServer(t, "off", "", "")
	s := newSink(t, srv.Address, Off)
	var batch []detect.Alert
	for i := range 20 {
		a := sinktest.Alert(i, detect.Start, "Ethernet12")
		if i < 15 {
			a.Severity = detect.Warning
		}
		batch = append(batch, a)
	}
	batch = append(batch, sinktest.Alert(0, detect.End, "<b>"))
	if err := s.Send(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	sinktest.Await(t, "the mail", func() bool { return len(srv.Mails()) > 0 })
	if n := len(srv.Mails()); n != 1 {
		t.Errorf("%d mails, want one", n)
	}
	h, text, html := parts(t, srv.Mails()[0].Data)
	if want := "DIGEST fra1 21 alerts: 5 critical, 15 warning, 0 info, 1 resolved"; h.Get("Subject") != want {
		t.Errorf("subject %q, want %q", h.Get("Subject"), want)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 23 || !strings.HasPrefix(lines[2], "CRITICAL Large flow ") || !strings.HasPrefix(lines[7], "WARNING ") || !strings.HasPrefix(lines[22], "RESOLVED ") {
		t.Errorf("text\n%s", text)
	}
	if strings.Contains(html, "<b>") {
		t.Error("a name is markup")
	}
}

// A server that closes an idle connection, and one that hangs.
func TestMailOutlivesItsConnection(t *testing.T) {
	srv := sinktest.NewMailServer(t, "off", "", "")
	s := newSink(t, srv.Address, Off)
	for range 2 {
		if err := s.Send(t.Context(), []detect.Alert{sinktest.Alert(1, detect.Start, "x")}); err != nil {
			t.Fatal(err)
		}
		_ = s.conn.conn.Close() // as if the server had
	}
	sinktest.Await(t, "both mails", func() bool { return len(srv.Mails()) == 2 })

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := newSink(t, l.Addr().String(), Off).Send(ctx, []detect.Alert{sinktest.Alert(1, detect.Start, "x")}); err == nil || time.Since(begin) > time.Minute {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("eth0\r\nBcc: x@example.net", "id\r\n\r\n.")
	f.Fuzz(func(t *testing.T, subject, id string) {
		c := Config{From: mail.Address{Address: "weir@example.net"}, To: []mail.Address{{Address: "noc@example.net"}}}
		l := letter{subject: subject, text: subject, html: "x", id: id, thread: id}
		var b bytes.Buffer
		l.write(&b, &c, time.Unix(0, 0))
		m, err := mail.ReadMessage(&b)
		if err != nil {
			t.Fatal(err)
		}
		want := 9
		if id == "" { // of no thread
			want--
		}
		if len(m.Header) != want {
			t.Fatalf("headers %v", m.Header)
		}
	})
}
