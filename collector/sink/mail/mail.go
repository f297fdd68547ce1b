// Package mail sends alerts by SMTP: plain text with an HTML form beside it, one
// mail for each change, and one digest for many at once.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/detect"
)

// Security of the connection.
type Security string

// The securities.
const (
	StartTLS Security = "starttls" // required: without it nothing is sent
	TLS      Security = "tls"      // from the first octet, port 465
	Off      Security = "off"      // for a server on this machine
)

// Config of a Sink.
type Config struct {
	Address  string // HOST:PORT
	Security Security
	Trust    *tls.Config // nil is the system's
	User     string      // "" is no authentication
	Password string
	From     mail.Address
	To       []mail.Address
	Hello    string // name given in EHLO; "" is localhost
}

// digestFrom is how many changes at once become one mail.
const digestFrom = 4

// Sink sends to one server.
type Sink struct {
	cfg   Config
	words *message.Writer
	now   func() time.Time

	mu   sync.Mutex // guards the connection, which stays open for a while
	conn *session
}

// session is a connection that is ready for a mail.
type session struct {
	client *smtp.Client
	conn   net.Conn
	used   time.Time
}

// idle is how long a connection is used again; servers close it after minutes.
const idle = 20 * time.Second

// New returns a Sink.
func New(c Config, w *message.Writer) *Sink { return &Sink{cfg: c, words: w, now: time.Now} }

// Send implements sink.Sink.
func (s *Sink) Send(ctx context.Context, batch []detect.Alert) error {
	if len(batch) >= digestFrom {
		return s.send(ctx, s.digest(batch))
	}
	return sink.Each(batch, func(a *detect.Alert) error { return s.send(ctx, s.single(a)) })
}

// Probe implements sink.Prober: it connects, proves who it is, and leaves.
func (s *Sink) Probe(ctx context.Context) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	return c.client.Quit()
}

// Close ends an idle connection.
func (s *Sink) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
}

func (s *Sink) drop() {
	if s.conn != nil {
		_ = s.conn.client.Close()
		s.conn = nil
	}
}

// send sends one mail, over the connection of the last one where that is fresh.
func (s *Sink) send(ctx context.Context, m letter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && time.Since(s.conn.used) > idle {
		s.drop()
	}
	reused := s.conn != nil
	err := s.over(ctx, m)
	if err != nil && reused && !refused(err) { // the server may have closed it
		err = s.over(ctx, m)
	}
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*textproto.Error](err); ok {
		sink.Answered(ctx, "%d %s", p.Code, p.Msg)
		err = fmt.Errorf("%s answers %d %s", s.cfg.Address, p.Code, sink.Printable(p.Msg, 200))
		if p.Code >= 550 && p.Code < 560 && p.Code != 552 { // of this mail; the other 5xx are settings
			err = fmt.Errorf("%w: %w", err, sink.ErrPermanent)
		}
		return err
	}
	return fmt.Errorf("%s: %w", s.cfg.Address, err)
}

func refused(err error) bool {
	p, ok := errors.AsType[*textproto.Error](err)
	return ok && p.Code != 421 // service closing
}

// over sends the mail over the connection, which it makes where there is none.
func (s *Sink) over(ctx context.Context, m letter) (err error) {
	if s.conn == nil {
		if s.conn, err = s.connect(ctx); err != nil {
			return err
		}
	}
	stop := s.conn.follow(ctx)
	defer stop()
	answer, err := s.transfer(s.conn.client, m)
	if err != nil {
		s.drop()
		return err
	}
	sink.Answered(ctx, "%s", answer)
	s.conn.used = time.Now()
	return nil
}

// follow ends the connection's waiting with ctx.
func (c *session) follow(ctx context.Context) (stop func()) {
	if d, ok := ctx.Deadline(); ok {
		_ = c.conn.SetDeadline(d)
	}
	after := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	return func() { after() }
}

// connect opens a connection, protects it and proves who we are.
func (s *Sink) connect(ctx context.Context) (*session, error) {
	host, _, err := net.SplitHostPort(s.cfg.Address)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.cfg.Trust != nil {
		conf = s.cfg.Trust.Clone()
	}
	conf.ServerName = host
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return nil, err
	}
	if s.cfg.Security == TLS {
		conn = tls.Client(conn, conf)
	}
	c := &session{conn: conn}
	stop := c.follow(ctx)
	defer stop()
	if c.client, err = smtp.NewClient(conn, host); err == nil {
		err = s.greet(c.client, conf, host)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

func (s *Sink) greet(c *smtp.Client, conf *tls.Config, host string) error {
	hello := s.cfg.Hello
	if hello == "" {
		hello = "localhost"
	}
	if err := c.Hello(hello); err != nil {
		return err
	}
	if s.cfg.Security == StartTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return errors.New("the server does not offer STARTTLS; set security to tls, or to off for a server on this machine")
		}
		if err := c.StartTLS(conf); err != nil {
			return err
		}
	}
	if s.cfg.User == "" {
		return nil
	}
	ok, offered := c.Extension("AUTH")
	if !ok {
		return errors.New("the server does not offer AUTH; remove user and password")
	}
	return c.Auth(authFor(offered, s.cfg.User, s.cfg.Password, host))
}

// transfer hands one mail over and returns the server's answer.
func (s *Sink) transfer(c *smtp.Client, m letter) (string, error) {
	if err := c.Mail(s.cfg.From.Address); err != nil {
		return "", err
	}
	if err := s.recipients(c); err != nil {
		return "", err
	}
	var b bytes.Buffer
	m.write(&b, &s.cfg, s.now())
	id, err := c.Text.Cmd("DATA")
	if err != nil {
		return "", err
	}
	c.Text.StartResponse(id)
	_, _, err = c.Text.ReadResponse(354)
	c.Text.EndResponse(id)
	if err != nil {
		return "", err
	}
	w := c.Text.DotWriter()
	if _, err = w.Write(b.Bytes()); err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", err
	}
	code, text, err := c.Text.ReadResponse(250)
	return fmt.Sprintf("%d %s", code, text), err
}

// recipients names those the mail is for. One that is refused costs the others
// nothing.
func (s *Sink) recipients(c *smtp.Client) error {
	var refusal error
	taken := 0
	for _, to := range s.cfg.To {
		err := c.Rcpt(to.Address)
		if _, ok := errors.AsType[*textproto.Error](err); err != nil && !ok {
			return err
		}
		if err != nil {
			refusal = err
			continue
		}
		taken++
	}
	if taken == 0 {
		return refusal
	}
	return nil
}

// authFor is PLAIN where the server has it, else LOGIN, which others have alone.
func authFor(offered, user, password, host string) smtp.Auth {
	methods := strings.Fields(strings.ToUpper(offered))
	for _, m := range methods {
		if m == "PLAIN" {
			return smtp.PlainAuth("", user, password, host)
		}
	}
	return &login{user, password, host}
}

// login is the method LOGIN: name and password, each when asked.
type login struct{ user, password, host string }

// Start implements smtp.Auth.
func (l *login) Start(s *smtp.ServerInfo) (string, []byte, error) {
	if !s.TLS && s.Name != "localhost" && s.Name != "127.0.0.1" && s.Name != "::1" {
		return "", nil, errors.New("the password is not sent over a connection that is not encrypted; set security")
	}
	return "LOGIN", nil, nil
}

// Next implements smtp.Auth.
func (l *login) Next(from []byte, more bool) ([]byte, error) {
	switch {
	case !more:
		return nil, nil
	case bytes.HasPrefix(bytes.ToLower(from), []byte("user")):
		return []byte(l.user), nil
	case bytes.HasPrefix(bytes.ToLower(from), []byte("pass")):
		return []byte(l.password), nil
	}
	return nil, errors.New("the server asks for neither user nor password")
}
