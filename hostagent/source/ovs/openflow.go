package ovs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Versions of OpenFlow that are spoken, by their number on the wire.
const (
	openFlow10 = 1
	openFlow13 = 4
	openFlow15 = 6
	// versions is the bitmap of a hello: 1.0, 1.3, 1.4 and 1.5.
	versions = 1<<openFlow10 | 1<<openFlow13 | 1<<5 | 1<<openFlow15
)

// Types of messages that are the same in every version, and the one request.
const (
	ofHello       = 0
	ofEchoRequest = 2
	ofEchoReply   = 3
	ofTable       = 3 // of a statistics request: tables
	ofMore        = 1 // flag of a reply: another one follows
)

var errOpenFlow = errors.New("ovs: not OpenFlow")

// flowConn is an OpenFlow connection to one bridge: it counts its flows, and it
// ends when ovs-vswitchd does.
type flowConn struct {
	bridge  string
	raw     net.Conn
	gone    chan struct{} // closed when it has ended
	counted func(flows uint64)

	mu      sync.Mutex
	version byte   // 0: none is agreed on yet
	waiting uint32 // xid of the request that is not answered
	sum     uint64 // of the answer so far
	asked   bool
}

// dialFlows connects to a bridge's management socket. Counts are given to
// counted, in a goroutine of the connection's.
func dialFlows(path, bridge string, counted func(flows uint64)) (*flowConn, error) {
	raw, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return nil, err
	}
	f := &flowConn{bridge: bridge, raw: raw, gone: make(chan struct{}), counted: counted}
	// A hello with a bitmap of versions: header, element type 1, length 8, bits.
	hello := []byte{openFlow15, ofHello, 0, 16, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, versions}
	if err := f.write(hello); err != nil {
		raw.Close()
		return nil, err
	}
	go f.listen()
	return f, nil
}

// write writes one message; a peer that does not read is given up.
func (f *flowConn) write(b []byte) error {
	if err := f.raw.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err := f.raw.Write(b)
	return err
}

func (f *flowConn) close() { f.raw.Close() }

// ask asks for the tables' flow counts. An answer that comes after the next
// request is not taken.
func (f *flowConn) ask() {
	f.mu.Lock()
	v := f.version
	if v == 0 {
		f.mu.Unlock()
		return
	}
	f.waiting++
	f.sum, f.asked = 0, true
	xid := f.waiting
	f.mu.Unlock()
	b := []byte{v, statsRequest(v), 0, 16, 0, 0, 0, 0, 0, ofTable, 0, 0, 0, 0, 0, 0}
	if v == openFlow10 {
		b = b[:12]
		b[3] = 12
	}
	binary.BigEndian.PutUint32(b[4:], xid)
	if f.write(b) != nil {
		f.close()
	}
}

// statsRequest is the type of a statistics request; its reply is one more.
func statsRequest(version byte) byte {
	if version == openFlow10 {
		return 16
	}
	return 18
}

// listen reads until the connection ends.
func (f *flowConn) listen() {
	defer close(f.gone)
	defer f.raw.Close()
	buf := make([]byte, 8, 1024)
	for {
		if _, err := io.ReadFull(f.raw, buf[:8]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(buf[2:]))
		if n < 8 {
			return
		}
		if n > cap(buf) {
			buf = append(make([]byte, 0, n), buf[:8]...)
		}
		if _, err := io.ReadFull(f.raw, buf[8:n]); err != nil {
			return
		}
		if f.take(buf[:n]) != nil {
			return
		}
		buf = buf[:8]
	}
}

// take takes one whole message.
func (f *flowConn) take(b []byte) error {
	f.mu.Lock()
	version := f.version
	f.mu.Unlock()
	switch b[1] {
	case ofHello:
		v, err := agree(b)
		f.mu.Lock()
		f.version = v
		f.mu.Unlock()
		if err == nil {
			f.ask()
		}
		return err
	case ofEchoRequest:
		reply := append([]byte(nil), b...)
		reply[1] = ofEchoReply
		return f.write(reply)
	}
	if version != 0 && b[1] == statsRequest(version)+1 {
		if n, whole := f.stats(b, version); whole {
			f.counted(n)
		}
	}
	return nil
}

// agree returns the highest version that both sides speak.
func agree(b []byte) (byte, error) {
	theirs := uint32(1)<<(min(b[0], openFlow15)+1) - 1
	for e := b[8:]; len(e) >= 4; {
		kind, n := binary.BigEndian.Uint16(e), int(binary.BigEndian.Uint16(e[2:]))
		if n < 4 || n > len(e) {
			break
		}
		if kind == 1 && n >= 8 {
			theirs = binary.BigEndian.Uint32(e[4:])
		}
		e = e[min(len(e), (n+7)&^7):]
	}
	for v := byte(openFlow15); v > 0; v-- {
		if theirs&versions&(1<<v) != 0 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%w 1.0, 1.3, 1.4 or 1.5", errOpenFlow)
}

// stats takes a reply about tables, which may come in parts; with the last one it
// returns the count.
func (f *flowConn) stats(b []byte, version byte) (flows uint64, whole bool) {
	head, entry, at := 16, 24, 4 // octets before the tables, of a table, and before its count of flows
	if version == openFlow10 {
		head, entry, at = 12, 64, 44
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(b) < head || !f.asked || binary.BigEndian.Uint32(b[4:]) != f.waiting || binary.BigEndian.Uint16(b[8:]) != ofTable {
		return 0, false
	}
	for t := b[head:]; len(t) >= entry; t = t[entry:] {
		f.sum += uint64(binary.BigEndian.Uint32(t[at:]))
	}
	if binary.BigEndian.Uint16(b[10:])&ofMore != 0 {
		return 0, false
	}
	f.asked = false
	return f.sum, true
}
