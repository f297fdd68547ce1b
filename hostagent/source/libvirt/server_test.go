package libvirt

import (
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"weir/hostagent/source"
)

// Procedures of libvirt's remote protocol that the source calls.
const (
	procOpen      = 1
	procNodeInfo  = 6
	procXML       = 14
	procAuthList  = 66
	procRegister  = 316
	procLifecycle = 318
	procStats     = 344
)

// daemon speaks as much of libvirt's protocol as the source asks for.
type daemon struct {
	t      *testing.T
	socket string
	l      net.Listener

	mu      sync.Mutex
	conns   []net.Conn
	domains []golibvirt.DomainStatsRecord
	xml     string
	hang    map[uint32]bool   // procedures that are never answered
	raw     map[uint32][]byte // frames sent in place of an answer
	calls   map[uint32]int
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	d := &daemon{t: t, socket: filepath.Join(t.TempDir(), "s"), hang: map[uint32]bool{}, raw: map[uint32][]byte{}, calls: map[uint32]int{}, xml: novaXML}
	d.listen()
	t.Cleanup(d.kill)
	return d
}

func (d *daemon) listen() {
	d.t.Helper()
	l, err := net.Listen("unix", d.socket)
	if err != nil {
		d.t.Fatal(err)
	}
	d.l = l
	d.set(func() { d.calls[procRegister] = 0 }) // what the next connection registers begins at 1
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns = append(d.conns, c)
			d.mu.Unlock()
			go d.serve(c)
		}
	}()
}

// kill ends the daemon and all its connections.
func (d *daemon) kill() {
	d.l.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.Close()
	}
	d.conns = nil
}

// set changes what the daemon does.
func (d *daemon) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *daemon) called(proc uint32) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[proc]
}

func (d *daemon) serve(c net.Conn) {
	var head [28]byte
	for {
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:])-28)
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		proc := binary.BigEndian.Uint32(head[12:])
		d.mu.Lock()
		d.calls[proc]++
		hang, raw := d.hang[proc], d.raw[proc]
		answer := d.answer(proc)
		d.mu.Unlock()
		switch {
		case hang:
			continue
		case raw != nil:
			_, _ = c.Write(raw)
			continue
		}
		binary.BigEndian.PutUint32(head[16:], 1) // a reply
		d.send(c, head, answer)
	}
}

// send sends a frame with a call's head.
func (d *daemon) send(c net.Conn, head [28]byte, body []byte) {
	binary.BigEndian.PutUint32(head[:], uint32(28+len(body)))
	_, _ = c.Write(append(head[:], body...))
}

func u32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }
func u64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

func str(b []byte, s string) []byte {
	b = append(u32(b, uint32(len(s))), s...)
	return append(b, make([]byte, -len(s)&3)...)
}

func dom(b []byte, d golibvirt.Domain) []byte {
	return u32(append(str(b, d.Name), d.UUID[:]...), uint32(d.ID))
}

func (d *daemon) answer(proc uint32) []byte {
	switch proc {
	case procAuthList:
		return u32(u32(nil, 1), 0)
	case procRegister:
		return u32(nil, uint32(d.calls[procRegister]))
	case procNodeInfo:
		b := make([]byte, 32*4) // a char of XDR has 4 octets
		b = u64(b, 1<<20)
		for _, v := range []uint32{4, 2400, 1, 1, 2, 2} {
			b = u32(b, v)
		}
		return b
	case procXML:
		return str(nil, d.xml)
	case procStats:
		b := u32(nil, uint32(len(d.domains)))
		for _, r := range d.domains {
			b = u32(dom(b, r.Dom), uint32(len(r.Params)))
			for _, p := range r.Params {
				b = typed(b, p)
			}
		}
		return b
	}
	return nil
}

func typed(b []byte, p golibvirt.TypedParam) []byte {
	b = str(b, p.Field)
	switch v := p.Value.I.(type) {
	case int32:
		return u32(u32(b, 1), uint32(v))
	case uint32:
		return u32(u32(b, 2), v)
	case int64:
		return u64(u32(b, 3), uint64(v))
	case uint64:
		return u64(u32(b, 4), v)
	case string:
		return str(u32(b, 7), v)
	}
	return b
}

// lifecycle sends a lifecycle message to everybody.
func (d *daemon) lifecycle(ref golibvirt.Domain, event golibvirt.DomainEventType, detail uint32) {
	var head [28]byte
	for i, v := range []uint32{0x20008086, 1, procLifecycle, 2} { // program, version, procedure, a message
		binary.BigEndian.PutUint32(head[4+4*i:], v)
	}
	body := u32(u32(dom(u32(nil, 1), ref), uint32(event)), detail)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		d.send(c, head, body)
	}
}

// sink keeps what the source tells.
type sink struct {
	mu     sync.Mutex
	events []source.Event
	pushed int
}

func (s *sink) Emit(e source.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *sink) Push(snap *source.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushed += snap.Len()
}

func (s *sink) all() []source.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]source.Event(nil), s.events...)
}

// await waits until ok.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}
