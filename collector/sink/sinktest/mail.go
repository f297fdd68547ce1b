package sinktest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a mail server on aiosmtpd that writes what it takes as JSON lines.
//
//go:embed server.py
var server string

// MailServer is a real SMTP server.
type MailServer struct {
	*Process
	Address string

	mu    sync.Mutex
	mails []Mail
}

// Mail is a mail as the server took it.
type Mail struct {
	From string   `json:"from"`
	To   []string `json:"to"`
	TLS  bool     `json:"tls"`
	User string   `json:"user"`
	Data string   `json:"data"`
	At   time.Time
}

// NewMailServer starts one: starttls, login (the same without AUTH PLAIN), tls or off, with user "weir" and password
// "s3cret" where it is not off. It refuses recipients that begin with "nobody".
func NewMailServer(t testing.TB, security, cert, key string) *MailServer {
	t.Helper()
	Need(t, "aiosmtpd")
	name := filepath.Join(t.TempDir(), "server.py")
	if err := os.WriteFile(name, []byte(server), 0o600); err != nil {
		t.Fatal(err)
	}
	port := Free(t)
	m := &MailServer{Address: fmt.Sprintf("127.0.0.1:%d", port)}
	ready := make(chan struct{})
	m.Process = Start(t, func(line string) {
		if strings.TrimSpace(line) == "ready" {
			close(ready)
			return
		}
		got := Mail{At: time.Now()}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.mails = append(m.mails, got)
	}, "/usr/bin/python3", "-u", name, fmt.Sprint(port), security, cert, key)
	select {
	case <-ready:
	case <-m.done:
		t.Fatal("the mail server ended")
	case <-time.After(2 * time.Minute):
		t.Fatal("the mail server does not start")
	}
	return m
}

// Mails returns what it took so far.
func (m *MailServer) Mails() []Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Mail(nil), m.mails...)
}
