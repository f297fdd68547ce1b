package web

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
)

// room is a listener that has a bounded number of connections open at once. One more
// takes the place of the one that has been idle for longest, and waits where none
// is: whoever keeps connections and asks nothing keeps nobody out.
type room struct {
	net.Listener
	most int

	mu      sync.Mutex
	changed sync.Cond // a connection was closed or is idle, or the listener is closed
	open    int
	closed  bool
	idle    []net.Conn // the longest first, as the server has them
}

func newRoom(l net.Listener, most int) *room {
	r := &room{Listener: l, most: most}
	r.changed.L = &r.mu
	return r
}

// Accept implements net.Listener.
func (r *room) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.open >= r.most && !r.closed {
		if len(r.idle) == 0 {
			r.changed.Wait()
			continue
		}
		longest := r.idle[0]
		r.idle = r.idle[1:]
		r.mu.Unlock()
		hangUp(longest)
		r.mu.Lock()
	}
	r.open++
	return &guest{Conn: c, leave: sync.OnceFunc(r.leave)}, nil
}

// Close implements net.Listener.
func (r *room) Close() error {
	r.mu.Lock()
	r.closed = true
	r.changed.Broadcast()
	r.mu.Unlock()
	return r.Listener.Close()
}

func (r *room) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open--
	r.changed.Broadcast()
}

// state is http.Server.ConnState.
func (r *room) state(c net.Conn, is http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = slices.DeleteFunc(r.idle, func(i net.Conn) bool { return i == c })
	if is == http.StateIdle {
		r.idle = append(r.idle, c)
		r.changed.Broadcast()
	}
}

// hangUp closes a connection without a farewell, for which TLS may wait.
func hangUp(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	_ = c.Close() // whatever it says, it is closed
}

// guest is a connection that has a place.
type guest struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (g *guest) Close() error {
	err := g.Conn.Close()
	g.leave()
	return err
}
