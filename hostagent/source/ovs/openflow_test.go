package ovs

import (
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// tables is a reply about tables with the given counts of flows.
func tables(version byte, xid uint32, more bool, flows ...uint32) []byte {
	head, entry, at := 16, 24, 4
	if version == openFlow10 {
		head, entry, at = 12, 64, 44
	}
	b := make([]byte, head+entry*len(flows))
	b[0], b[1] = version, statsRequest(version)+1
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint32(b[4:], xid)
	binary.BigEndian.PutUint16(b[8:], ofTable)
	if more {
		b[11] = ofMore
	}
	for i, n := range flows {
		binary.BigEndian.PutUint32(b[head+entry*i+at:], n)
	}
	return b
}

func TestFlowConnCounts(t *testing.T) {
	for _, version := range []byte{openFlow10, openFlow13, openFlow15} {
		f := &flowConn{version: version, asked: true, waiting: 7}
		if _, whole := f.stats(tables(version, 7, true, 5, 0, 6), version); whole {
			t.Errorf("version %d: a first part is taken for the whole", version)
		}
		if _, whole := f.stats(tables(version, 6, false, 99), version); whole {
			t.Errorf("version %d: the answer to another question is taken", version)
		}
		if n, whole := f.stats(tables(version, 7, false, 100), version); !whole || n != 111 {
			t.Errorf("version %d: %d flows, whole %v; want 111", version, n, whole)
		}
		if _, whole := f.stats(tables(version, 7, false, 100), version); whole {
			t.Errorf("version %d: an answer is taken twice", version)
		}
	}
}

func TestAgreeOnAVersion(t *testing.T) {
	hello := func(version byte, elements ...byte) []byte {
		return append([]byte{version, ofHello, 0, byte(8 + len(elements)), 0, 0, 0, 0}, elements...)
	}
	for _, c := range []struct {
		name string
		b    []byte
		want byte // 0: none
	}{
		{"1.0 alone", hello(1), 1},
		{"1.3 without a bitmap", hello(4), 4},
		{"later than any", hello(9), 6},
		{"bitmap of 1.3", hello(4, 0, 1, 0, 8, 0, 0, 0, 1<<4), 4},
		{"bitmap of 1.0, 1.3 and 1.4", hello(5, 0, 1, 0, 8, 0, 0, 0, 1<<1|1<<4|1<<5), 5},
		{"bitmap of 1.1 and 1.2", hello(3, 0, 1, 0, 8, 0, 0, 0, 1<<2|1<<3), 0},
		{"an unknown element first", hello(6, 0, 9, 0, 5, 1, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 1<<6), 6},
		{"an element that is too long", hello(4, 0, 1, 1, 0), 4},
		{"an element that is too short", hello(4, 0, 1, 0, 0, 0, 0, 0, 0), 4},
	} {
		if got, err := agree(c.b); got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%s: version %d, %v; want %d", c.name, got, err, c.want)
		}
	}
}

// TestFlowConnTalks speaks with a switch of the test's own over a socket.
func TestFlowConnTalks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "br.mgmt")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	counts := make(chan uint64, 10)
	f, err := dialFlows(path, "br", func(n uint64) { counts <- n })
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	read := func() []byte {
		t.Helper()
		b := make([]byte, 8)
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatal(err)
		}
		b = append(b, make([]byte, binary.BigEndian.Uint16(b[2:])-8)...)
		if _, err := io.ReadFull(c, b[8:]); err != nil {
			t.Fatal(err)
		}
		return b
	}
	if b := read(); b[1] != ofHello {
		t.Fatalf("first message %v, want a hello", b)
	}
	c.Write([]byte{4, ofHello, 0, 8, 0, 0, 0, 1})
	if b := read(); b[0] != 4 || b[1] != 18 {
		t.Fatalf("after the hello %v, want a request for tables", b)
	}
	c.Write([]byte{4, ofEchoRequest, 0, 12, 0, 0, 0, 9, 'p', 'i', 'n', 'g'})
	if b := read(); b[1] != ofEchoReply || string(b[4:]) != "\x00\x00\x00\x09ping" {
		t.Errorf("echo reply %q", b)
	}
	c.Write(tables(4, 1, false, 3, 4))
	select {
	case n := <-counts:
		if n != 7 {
			t.Errorf("%d flows, want 7", n)
		}
	case <-time.After(time.Minute):
		t.Error("no count")
	}
	c.Write([]byte{4, 0, 0, 3}) // shorter than a head
	c.Write(make([]byte, 8))
	select {
	case <-f.gone:
	case <-time.After(time.Minute):
		t.Error("a broken message does not end the connection")
	}
}

func FuzzOpenFlow(f *testing.F) {
	f.Add([]byte{4, ofHello, 0, 16, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0x52}, tables(4, 1, false, 1, 2))
	f.Add([]byte{1, ofHello, 0, 8, 0, 0, 0, 0}, tables(1, 1, true, 1))
	f.Fuzz(func(t *testing.T, hello, stats []byte) {
		if len(hello) < 8 || len(stats) < 8 {
			return // listen reads whole heads
		}
		v, err := agree(hello)
		if err != nil {
			return
		}
		c := &flowConn{version: v, asked: true, waiting: 1}
		n, whole := c.stats(stats, v)
		if most := uint64(len(stats)) / 24 * 0xffffffff; whole && n > most {
			t.Errorf("%d flows from %d octets", n, len(stats))
		}
	})
}
