package login

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"runtime"
	"time"
)

// Types of a record (utmp.h).
const (
	userProcess = 7
	deadProcess = 8
)

// record is one entry of utmp, wtmp or btmp (struct utmp of glibc).
type record struct {
	kind int16
	pid  uint32
	line string // tty
	user string
	host string // as the program wrote it: a name or an address
	addr netip.Addr
	at   time.Time
}

// Offsets of struct utmp. Where a 64-bit system also runs the programs of its
// 32-bit sibling, times are of 32 bits in both.
const (
	pidAt, lineAt, userAt, hostAt = 4, 8, 44, 76
	lineLen, userLen, hostLen     = 32, 32, 256
	exitAt                        = hostAt + hostLen
)

// layout says where the fields behind the texts are.
type layout struct{ size, secondsAt, addressAt int }

func layoutOf(arch string) layout {
	switch arch {
	case "arm64", "riscv64", "loong64":
		return layout{400, exitAt + 12, exitAt + 28}
	}
	return layout{384, exitAt + 8, exitAt + 16}
}

var native = layoutOf(runtime.GOARCH)

// parse reads a record; b has native.size octets.
func (l layout) parse(b []byte) record {
	ne := binary.NativeEndian
	r := record{
		kind: int16(ne.Uint16(b)), pid: ne.Uint32(b[pidAt:]),
		line: text(b[lineAt : lineAt+lineLen]), user: text(b[userAt : userAt+userLen]), host: text(b[hostAt : hostAt+hostLen]),
	}
	seconds := int64(ne.Uint32(b[l.secondsAt:]))
	if l.size == 400 {
		seconds = int64(ne.Uint64(b[l.secondsAt:]))
	}
	r.at = time.Unix(seconds, 0)
	a := [16]byte(b[l.addressAt : l.addressAt+16])
	switch {
	case a == [16]byte{}:
	case [12]byte(a[4:]) == [12]byte{}:
		r.addr = netip.AddrFrom4([4]byte(a[:4]))
	default:
		r.addr = netip.AddrFrom16(a).Unmap()
	}
	return r
}

// from says where a login came from; "" from the node itself.
func (r *record) from() string {
	if r.addr.IsValid() {
		return r.addr.String()
	}
	return r.host
}

// text is what stands before the first zero octet.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
