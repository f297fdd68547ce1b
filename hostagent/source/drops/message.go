package drops

import (
	"encoding/binary"
	"errors"

	"github.com/mdlayher/netlink"
)

// Numbers of the drop monitor (linux/net_dropmon.h).
const (
	cmdConfig      = 2
	cmdStart       = 3
	cmdStop        = 4
	cmdPacketAlert = 5

	attrAlertMode = 1
	attrSymbol    = 3
	attrInPort    = 4
	attrTimestamp = 5
	attrPayload   = 7
	attrTruncLen  = 9
	attrOrigLen   = 10
	attrQueueLen  = 11
	attrTrapGroup = 15
	attrTrapName  = 16
	attrSWDrops   = 20
	attrHWDrops   = 21
	attrReason    = 23

	portIfIndex = 0 // inside attrInPort

	modePacket = 1
	genlLen    = 4 // struct genlmsghdr
)

// alert is one dropped packet. Its bytes are the message's.
type alert struct {
	symbol, reason, group, trap []byte
	payload                     []byte
	length                      uint32 // of the packet
	input                       uint32 // ifIndex; 0 unknown
	at                          uint64 // Unix nanoseconds; 0 unknown
}

var errNoAlert = errors.New("no alert of the drop monitor")

// parse reads the body of a generic netlink message.
func parse(b []byte) (a alert, err error) {
	if len(b) < genlLen || b[0] != cmdPacketAlert {
		return a, errNoAlert
	}
	d, err := netlink.NewAttributeDecoder(b[genlLen:])
	if err != nil {
		return a, err
	}
	for d.Next() {
		v := d.Bytes()
		switch d.Type() {
		case attrSymbol:
			a.symbol = text(v)
		case attrReason:
			a.reason = text(v)
		case attrTrapGroup:
			a.group = text(v)
		case attrTrapName:
			a.trap = text(v)
		case attrPayload:
			a.payload = v
		case attrOrigLen:
			if len(v) == 4 {
				a.length = binary.NativeEndian.Uint32(v)
			}
		case attrTimestamp:
			if len(v) == 8 {
				a.at = binary.NativeEndian.Uint64(v)
			}
		case attrInPort:
			d.Nested(func(n *netlink.AttributeDecoder) error {
				for n.Next() {
					if n.Type() == portIfIndex && len(n.Bytes()) == 4 {
						a.input = n.Uint32()
					}
				}
				return nil
			})
		}
	}
	return a, d.Err()
}

// maxText bounds a name of the kernel's, in octets.
const maxText = 64

// text is a string without its terminating zero.
func text(v []byte) []byte {
	for len(v) > 0 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	return v[:min(len(v), maxText)]
}
