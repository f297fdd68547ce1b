package influxtest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is what a Proxy does to writes.
type Fault struct {
	Status     int           // answered instead of asking the server; 0 asks it
	RetryAfter int           // seconds, told with Status
	Message    string        // told with Status
	Hang       bool          // no answer, until the fault is over
	Reset      bool          // the connection is cut
	MaxBody    int           // longer writes, in octets of line protocol, are answered with 413; 0 is no limit
	Bad        string        // lines with it are answered with Status; the others of the write are taken where the status is 422
	Slow       time.Duration // before each answer
}

// Proxy stands between a client and a server and plays faults. It keeps the
// lines that were taken; without a server behind it that is all it does.
type Proxy struct {
	URL string

	backend string
	mu      sync.Mutex
	fault   Fault
	over    chan struct{} // closed when the fault is changed
	lines   map[string]int
	writes  int
	faults  int
}

// StartProxy starts a proxy before the server at this address; "" is none.
func StartProxy(t T, backend string) *Proxy {
	p := &Proxy{backend: backend, lines: map[string]int{}, over: make(chan struct{})}
	s := httptest.NewServer(p)
	p.URL = s.URL
	t.Cleanup(func() {
		p.Set(Fault{})
		s.CloseClientConnections()
		s.Close()
	})
	return p
}

// Set replaces the fault; the zero Fault is none.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	close(p.over)
	p.over = make(chan struct{})
}

// Lines returns how often each line was taken.
func (p *Proxy) Lines() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[string]int, len(p.lines))
	for l, n := range p.lines {
		all[l] = n
	}
	return all
}

// Counts returns how many writes came, and how many met a fault.
func (p *Proxy) Counts() (writes, faults int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes, p.faults
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if !strings.HasSuffix(r.URL.Path, "/write") {
		p.forward(w, r, raw)
		return
	}
	body := raw
	if r.Header.Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(bytes.NewReader(raw)); err == nil {
			body, _ = io.ReadAll(z)
		}
	}
	p.mu.Lock()
	f, over := p.fault, p.over
	p.writes++
	p.mu.Unlock()
	if f.Slow > 0 {
		time.Sleep(f.Slow)
	}
	if p.play(w, r, f, over, body) {
		p.mu.Lock()
		p.faults++
		p.mu.Unlock()
		return
	}
	if p.forward(w, r, raw) {
		p.take(body, "")
	}
}

// play does what the fault says, and reports whether that was the answer.
func (p *Proxy) play(w http.ResponseWriter, r *http.Request, f Fault, over chan struct{}, body []byte) bool {
	switch {
	case f.Hang:
		select {
		case <-over:
		case <-r.Context().Done():
		}
		cut(w)
	case f.Reset:
		cut(w)
	case f.MaxBody > 0 && len(body) > f.MaxBody:
		tell(w, http.StatusRequestEntityTooLarge, "request too large")
	case f.Bad != "" && !bytes.Contains(body, []byte(f.Bad)):
		return false
	case f.Bad != "":
		if f.Status == http.StatusUnprocessableEntity {
			p.take(body, f.Bad)
		}
		tell(w, f.Status, f.Message)
	case f.Status != 0:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		tell(w, f.Status, f.Message)
	default:
		return false
	}
	return true
}

func tell(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"code":"fault","message":`+strconv.Quote(message)+`}`)
}

// cut ends the connection without an answer, with a reset where it is TCP.
func cut(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// take keeps the lines without the bad ones.
func (p *Proxy) take(body []byte, bad string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for line := range strings.Lines(string(body)) {
		if bad == "" || !strings.Contains(line, bad) {
			p.lines[strings.TrimSuffix(line, "\n")]++
		}
	}
}

// forward asks the server, and reports whether it was a success.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, raw []byte) bool {
	if p.backend == "" {
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	target, err := url.Parse(p.backend + r.URL.RequestURI())
	if err != nil {
		return false
	}
	req := &http.Request{Method: r.Method, URL: target, Header: r.Header, Body: io.NopCloser(bytes.NewReader(raw)), ContentLength: int64(len(raw))}
	resp, err := http.DefaultTransport.RoundTrip(req.WithContext(r.Context()))
	if err != nil {
		tell(w, http.StatusBadGateway, err.Error())
		return false
	}
	defer resp.Body.Close()
	for k, v := range resp.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
	return resp.StatusCode/100 == 2
}
