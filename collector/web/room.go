package web

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// room is a listener that has a bounded number of connections open at once. One more
// takes the place of the one that has been idle for longest, else of the one that for
// longest has not said what it asks, and waits where none is: whoever keeps connections
// and asks nothing, or asks slowly, keeps nobody out.
type room struct {
	net.Listener
	most int

	mu      sync.Mutex
	changed sync.Cond // a connection was closed or may be, or the listener is closed
	open    int
	closed  bool
	idle    []net.Conn // the longest first, as the server has them
	mute    []newcomer // likewise
}

// newcomer is a connection that has not asked anything yet.
type newcomer struct {
	net.Conn
	since time.Time
}

// muteFor is how long a connection has its place for sure before it has asked: of many
// that come at once each may do so.
const muteFor = 100 * time.Millisecond

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
		longest := r.leastMissed()
		if longest == nil {
			r.changed.Wait()
			continue
		}
		r.mu.Unlock()
		hangUp(longest)
		r.mu.Lock()
	}
	r.open++
	return &guest{Conn: c, leave: sync.OnceFunc(r.leave)}, nil
}

// leastMissed returns the connection whose place the next takes, nil where there is none
// yet.
func (r *room) leastMissed() (c net.Conn) {
	if len(r.idle) > 0 {
		c, r.idle = r.idle[0], r.idle[1:]
		return c
	}
	if len(r.mute) == 0 {
		return nil
	}
	if left := muteFor - time.Since(r.mute[0].since); left > 0 {
		time.AfterFunc(left, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.changed.Broadcast()
		})
		return nil
	}
	c, r.mute = r.mute[0].Conn, r.mute[1:]
	return c
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
	r.mute = slices.DeleteFunc(r.mute, func(n newcomer) bool { return n.Conn == c })
	switch is {
	case http.StateNew:
		r.mute = append(r.mute, newcomer{c, time.Now()})
	case http.StateIdle:
		r.idle = append(r.idle, c)
	default:
		return
	}
	r.changed.Broadcast()
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
