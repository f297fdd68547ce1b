// Package syslog sends alert changes as RFC 5424 messages with structured data,
// over UDP (RFC 5426), TCP (RFC 6587, octet counting) or TLS (RFC 5425).
package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/detect"
)

// sdID names our structured data. 32473 is the number that RFC 5612 reserves
// for those who have none.
const sdID = "weir@32473"

// Config of a Sink.
type Config struct {
	Network  string // udp, tcp or tls
	Address  string // HOST:PORT
	Trust    *tls.Config
	Facility int    // 0 to 23
	Host     string // HOSTNAME; "" is this machine's
}

// Sink sends to one server.
type Sink struct {
	cfg   Config
	words *message.Writer

	mu   sync.Mutex
	conn net.Conn
}

// New returns a Sink.
func New(c Config, w *message.Writer) *Sink {
	if c.Host == "" {
		c.Host, _ = os.Hostname()
	}
	return &Sink{cfg: c, words: w}
}

// Send implements sink.Sink.
func (s *Sink) Send(ctx context.Context, batch []detect.Alert) error {
	return sink.Each(batch, func(a *detect.Alert) error {
		if err := s.write(ctx, s.frame(Format(&s.cfg, s.words, a))); err != nil {
			return fmt.Errorf("syslog %s://%s: %w", s.cfg.Network, s.cfg.Address, err)
		}
		sink.Answered(ctx, "handed over by %s to %s, which answers nothing", s.cfg.Network, s.cfg.Address)
		return nil
	})
}

// Probe implements sink.Prober. Of a UDP server only its name can be proved.
func (s *Sink) Probe(ctx context.Context) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return fmt.Errorf("syslog %s://%s: %w", s.cfg.Network, s.cfg.Address, err)
	}
	return conn.Close()
}

// frame delimits the message where the transport does not.
func (s *Sink) frame(msg string) []byte {
	if s.cfg.Network == "udp" {
		return []byte(msg)
	}
	return []byte(strconv.Itoa(len(msg)) + " " + msg)
}

// write sends over the connection, and once over a new one where the old one
// has died.
func (s *Sink) write(ctx context.Context, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.closed() {
		s.drop()
	}
	reused := s.conn != nil
	err := s.over(ctx, b)
	if err != nil && reused && ctx.Err() == nil {
		err = s.over(ctx, b)
	}
	return err
}

func (s *Sink) over(ctx context.Context, b []byte) (err error) {
	if s.conn == nil {
		if s.conn, err = s.dial(ctx); err != nil {
			return err
		}
	}
	d, ok := ctx.Deadline()
	if !ok {
		d = time.Now().Add(10 * time.Second)
	}
	_ = s.conn.SetWriteDeadline(d)
	if _, err := s.conn.Write(b); err != nil {
		s.drop()
		return err
	}
	return nil
}

func (s *Sink) drop() {
	_ = s.conn.Close()
	s.conn = nil
}

// closed reports that the server has closed the connection: without asking, the
// first message after that would be lost without an error.
func (s *Sink) closed() bool {
	if s.cfg.Network == "udp" {
		return false // an ICMP error comes with the next write
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	var b [64]byte
	_, err := s.conn.Read(b[:])
	if t, ok := errors.AsType[net.Error](err); err == nil || ok && t.Timeout() {
		return false
	}
	return true
}

func (s *Sink) dial(ctx context.Context) (net.Conn, error) {
	d := &net.Dialer{Timeout: 5 * time.Second}
	switch s.cfg.Network {
	case "udp", "tcp":
		return d.DialContext(ctx, s.cfg.Network, s.cfg.Address)
	case "tls":
		conf := &tls.Config{MinVersion: tls.VersionTLS12}
		if s.cfg.Trust != nil {
			conf = s.cfg.Trust.Clone()
		}
		td := &tls.Dialer{NetDialer: d, Config: conf}
		return td.DialContext(ctx, "tcp", s.cfg.Address)
	}
	return nil, fmt.Errorf("network %q is not udp, tcp or tls", s.cfg.Network)
}

// Close ends the connection.
func (s *Sink) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.drop()
	}
}

// Format writes one message (RFC 5424 section 6): ASCII, at most 2048 octets,
// which every receiver takes.
func Format(c *Config, w *message.Writer, a *detect.Alert) string {
	m := w.Of(a)
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>1 %s %s weir %d %s [%s", c.Facility*8+severity(a),
		a.At.UTC().Format("2006-01-02T15:04:05.000000Z"), name(c.Host, 255), os.Getpid(), name(string(a.Kind), 32), sdID)
	params := []struct{ name, value string }{
		{"id", a.ID}, {"key", a.Key}, {"change", string(a.Change)}, {"state", string(a.State)}, {"severity", string(a.Severity)},
		{"kind", string(a.Kind)}, {"site", w.Site}, {"incident", a.Incident}, {"reason", a.Reason}, {"subject", a.Subject.Line()},
	}
	for _, p := range params {
		if p.value != "" {
			fmt.Fprintf(&b, ` %s="%s"`, p.name, value(p.value))
		}
	}
	b.WriteString("] " + m.Short)
	return b.String()
}

// severity is that of RFC 5424: critical 2, warning 4, notice 5 for what is
// over, informational 6.
func severity(a *detect.Alert) int {
	switch {
	case a.Change == detect.End:
		return 5
	case a.Severity == detect.Critical:
		return 2
	case a.Severity == detect.Warning:
		return 4
	}
	return 6
}

// name writes a header field: printable ASCII without spaces, "-" for nothing.
func name(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return '_'
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}

// value escapes a parameter's value (RFC 5424 section 6.3.3) and keeps it short.
func value(s string) string {
	const most = 200
	s = message.ASCII(s)
	s = s[:min(len(s), most)]
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(s)
}
