package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Who keeps all connections open and asks nothing more keeps nobody out.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	places := newRoom(l, 4)
	asked := make(chan struct{})
	free := make(chan struct{})
	h := newHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/busy" {
			close(asked)
			<-free
		}
		_, _ = io.WriteString(w, "ok")
	}))
	h.ConnState = places.state
	served := make(chan error, 1)
	go func() { served <- h.Serve(places) }()
	ask := func(path string) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	answer := func(c net.Conn) {
		t.Helper()
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r.Body); err != nil || string(b) != "ok" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	busy := ask("/busy")
	<-asked
	var idle []net.Conn
	for range 20 { // far more than there are places
		idle = append(idle, ask("/"))
		answer(idle[len(idle)-1])
	}
	if _, err := idle[0].Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("%v: want the one that was idle for longest closed", err)
	}
	close(free)
	answer(busy) // it was not idle
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != http.ErrServerClosed {
		t.Error(err)
	}
}

// Nor who begins to ask on all of them and does not come to the end, however many there
// are; who asks at once has a place.
func TestSlowAskersMakeRoom(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	places := newRoom(l, 4)
	h := newHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	h.ReadHeaderTimeout, h.ReadTimeout = time.Hour, time.Hour // not what saves us
	h.ConnState = places.state
	served := make(chan error, 1)
	go func() { served <- h.Serve(places) }()
	dial := func(say string) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, say); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for i := range 20 {
		dial([]string{"", "GET / HTTP/1.1\r\nHost: localhost\r\nX-"}[i%2])
	}
	c := dial("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r.Body); err != nil || string(b) != "ok" {
		t.Errorf("%q, %v", b, err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != http.ErrServerClosed {
		t.Error(err)
	}
}
