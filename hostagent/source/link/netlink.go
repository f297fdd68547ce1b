package link

import (
	"encoding/binary"
	"errors"
	"iter"
	"time"

	"golang.org/x/sys/unix"
)

var ne = binary.NativeEndian

// Reasons why an answer of the kernel is not taken.
var (
	errShort       = errors.New("netlink message is cut short")
	errInterrupted = errors.New("interfaces changed while they were listed")
)

const (
	headerLen    = 16       // struct nlmsghdr
	attrTypeMask = 0x3fff   // without the flags "nested" and "network byte order"
	receiveLen   = 64 << 10 // the kernel fills up to 32 KiB of what a reader offers
	receiveFor   = 2 * time.Second
)

// conn is a netlink socket with its buffers. It is not safe for concurrent use.
type conn struct {
	fd  int
	seq uint32
	out []byte
	in  []byte
}

// dial opens a socket of a netlink protocol.
func dial(protocol int) (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, err
	}
	// A kernel that does not answer must not hold its reader for ever.
	tv := unix.NsecToTimeval(int64(receiveFor))
	if err := errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
	); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &conn{fd: fd, in: make([]byte, receiveLen)}, nil
}

func (c *conn) close() { unix.Close(c.fd) }

// begin starts a request; the body follows by appending to c.out.
func (c *conn) begin(kind, flags uint16) {
	c.seq++
	b := append(c.out[:0], 0, 0, 0, 0) // length
	b = ne.AppendUint16(b, kind)
	b = ne.AppendUint16(b, flags|unix.NLM_F_REQUEST)
	b = ne.AppendUint32(b, c.seq)
	c.out = ne.AppendUint32(b, 0)
}

// attr32 appends an attribute of 32 bits.
func (c *conn) attr32(kind uint16, v uint32) {
	c.out = ne.AppendUint16(c.out, 8)
	c.out = ne.AppendUint16(c.out, kind)
	c.out = ne.AppendUint32(c.out, v)
}

// attr8 appends an attribute of 8 bits.
func (c *conn) attr8(kind uint16, v uint8) {
	c.out = ne.AppendUint16(c.out, 5)
	c.out = ne.AppendUint16(c.out, kind)
	c.out = append(c.out, v, 0, 0, 0)
}

// do sends the request begun and calls each with every message of the answer;
// body is valid only there. It returns an error of the kernel as unix.Errno.
func (c *conn) do(each func(kind uint16, body []byte) error) error {
	ne.PutUint32(c.out, uint32(len(c.out)))
	if err := unix.Sendto(c.fd, c.out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	interrupted := false
	for {
		n, err := unix.Read(c.fd, c.in)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		done, intr, err := c.answer(c.in[:n], each)
		interrupted = interrupted || intr
		switch {
		case err != nil:
			return err
		case done && interrupted:
			return errInterrupted
		case done:
			return nil
		}
	}
}

// answer reads the messages of one datagram of the kernel.
func (c *conn) answer(b []byte, each func(kind uint16, body []byte) error) (done, interrupted bool, err error) {
	for len(b) >= headerLen {
		size := int64(ne.Uint32(b))
		if size < headerLen || size > int64(len(b)) {
			return false, false, errShort
		}
		kind, flags, seq := ne.Uint16(b[4:]), ne.Uint16(b[6:]), ne.Uint32(b[8:])
		body := b[headerLen:size]
		b = b[min(int64(len(b)), (size+3)&^3):]
		if seq != c.seq {
			continue // of a request given up before
		}
		interrupted = interrupted || flags&unix.NLM_F_DUMP_INTR != 0
		switch kind {
		case unix.NLMSG_DONE:
			return true, interrupted, nil
		case unix.NLMSG_ERROR:
			if len(body) < 4 {
				return false, false, errShort
			}
			if code := int32(ne.Uint32(body)); code != 0 {
				return false, false, unix.Errno(-code)
			}
			return true, interrupted, nil
		case unix.NLMSG_NOOP:
			continue
		}
		if err := each(kind, body); err != nil {
			return false, false, err
		}
		if flags&unix.NLM_F_MULTI == 0 {
			return true, interrupted, nil
		}
	}
	return false, interrupted, nil
}

// attributes iterates over the attributes in b; one that is cut short ends it.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			size := int(ne.Uint16(b))
			if size < 4 || size > len(b) {
				return
			}
			if !yield(ne.Uint16(b[2:])&attrTypeMask, b[4:size:size]) {
				return
			}
			b = b[min(len(b), (size+3)&^3):]
		}
	}
}

// u8, u32 and text read an attribute's value; one of another length is zero.
func u8(b []byte) uint8 {
	if len(b) < 1 {
		return 0
	}
	return b[0]
}

func u16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return ne.Uint16(b)
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return ne.Uint32(b)
}

// name returns b up to its NUL.
func name(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}
