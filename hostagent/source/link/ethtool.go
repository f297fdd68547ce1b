package link

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Attributes of ETHTOOL_MSG_MODULE_EEPROM_GET, which x/sys does not name.
const (
	eepromHeader  = 1
	eepromOffset  = 2
	eepromLength  = 3
	eepromPage    = 4
	eepromBank    = 5
	eepromAddress = 6
	eepromData    = 7
)

const nested = 0x8000 // NLA_F_NESTED

// errNoEthtool is of kernels before 5.6.
var errNoEthtool = errors.New("the kernel has no ethtool netlink")

// ethtool asks about the medium of interfaces. It is not safe for concurrent use.
type ethtool struct {
	c      *conn
	family uint16
}

// newEthtool opens a socket and finds the kernel's number for "ethtool".
func newEthtool() (*ethtool, error) {
	c, err := dial(unix.NETLINK_GENERIC)
	if err != nil {
		return nil, err
	}
	e := &ethtool{c: c}
	c.begin(unix.GENL_ID_CTRL, 0)
	c.out = append(c.out, unix.CTRL_CMD_GETFAMILY, 1, 0, 0)
	c.out = ne.AppendUint16(c.out, uint16(4+len(unix.ETHTOOL_GENL_NAME)+1))
	c.out = ne.AppendUint16(c.out, unix.CTRL_ATTR_FAMILY_NAME)
	c.out = append(append(c.out, unix.ETHTOOL_GENL_NAME...), 0)
	for len(c.out)%4 != 0 {
		c.out = append(c.out, 0)
	}
	err = c.do(func(_ uint16, body []byte) error {
		if len(body) < 4 {
			return errShort
		}
		for kind, v := range attributes(body[4:]) {
			if kind == unix.CTRL_ATTR_FAMILY_ID {
				e.family = u16(v)
			}
		}
		return nil
	})
	if err != nil || e.family == 0 {
		c.close()
		return nil, errors.Join(errNoEthtool, err)
	}
	return e, nil
}

func (e *ethtool) close() { e.c.close() }

// begin starts a request about one interface; header is the number of the
// attribute that names it.
func (e *ethtool) begin(command uint8, header uint16, index uint32) {
	c := e.c
	c.begin(e.family, 0)
	c.out = append(c.out, command, unix.ETHTOOL_GENL_VERSION, 0, 0)
	c.out = ne.AppendUint16(c.out, 12)
	c.out = ne.AppendUint16(c.out, header|nested)
	c.attr32(unix.ETHTOOL_A_HEADER_DEV_INDEX, index)
}

// medium returns the speed in bit/s, 0 unknown, and the duplex.
func (e *ethtool) medium(index uint32) (speed uint64, d Duplex, err error) {
	e.begin(unix.ETHTOOL_MSG_LINKMODES_GET, unix.ETHTOOL_A_LINKMODES_HEADER, index)
	err = e.c.do(func(_ uint16, body []byte) error {
		if len(body) < 4 {
			return errShort
		}
		for kind, v := range attributes(body[4:]) {
			switch kind {
			case unix.ETHTOOL_A_LINKMODES_SPEED:
				speed = bitsPerSecond(u32(v))
			case unix.ETHTOOL_A_LINKMODES_DUPLEX:
				d = duplex(u8(v))
			}
		}
		return nil
	})
	return speed, d, err
}

// bitsPerSecond turns the kernel's Mbit/s: 0 and all ones are unknown.
func bitsPerSecond(mbit uint32) uint64 {
	if mbit == 0 || mbit >= 1<<31-1 {
		return 0
	}
	return uint64(mbit) * 1e6
}

// duplex turns the kernel's number: 0 half, 1 full, 255 unknown.
func duplex(v uint8) Duplex {
	switch v {
	case 0:
		return DuplexHalf
	case 1:
		return DuplexFull
	}
	return DuplexUnknown
}

// eeprom reads length octets of a page of the module in the interface, at the
// module's address on its bus.
func (e *ethtool) eeprom(index uint32, address, page uint8, offset, length uint32) (data []byte, err error) {
	e.begin(unix.ETHTOOL_MSG_MODULE_EEPROM_GET, eepromHeader, index)
	e.c.attr32(eepromOffset, offset)
	e.c.attr32(eepromLength, length)
	e.c.attr8(eepromPage, page)
	e.c.attr8(eepromBank, 0)
	e.c.attr8(eepromAddress, address)
	err = e.c.do(func(_ uint16, body []byte) error {
		if len(body) < 4 {
			return errShort
		}
		for kind, v := range attributes(body[4:]) {
			if kind == eepromData {
				data = append([]byte{}, v...)
			}
		}
		return nil
	})
	if err == nil && uint32(len(data)) < length {
		err = errShort
	}
	return data, err
}

// sysMedium reads the same from sysfs, for kernels without ethtool netlink.
func sysMedium(root, name string) (speed uint64, d Duplex) {
	if b, err := os.ReadFile(root + "/sys/class/net/" + name + "/speed"); err == nil {
		if v, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32); err == nil {
			speed = bitsPerSecond(uint32(v))
		}
	}
	if b, err := os.ReadFile(root + "/sys/class/net/" + name + "/duplex"); err == nil {
		switch strings.TrimSpace(string(b)) {
		case "full":
			d = DuplexFull
		case "half":
			d = DuplexHalf
		}
	}
	return speed, d
}
