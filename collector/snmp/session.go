package snmp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"weir/collector/names"
)

// Objects read, of SNMPv2-MIB, IF-MIB (RFC 2863).
const (
	oidUptime    = ".1.3.6.1.2.1.1.3.0" // 1/100 s
	oidSysName   = ".1.3.6.1.2.1.1.5.0"
	oidDescr     = ".1.3.6.1.2.1.2.2.1.2"     // ifDescr
	oidSpeed     = ".1.3.6.1.2.1.2.2.1.5"     // ifSpeed, bit/s up to 2^32-1
	oidName      = ".1.3.6.1.2.1.31.1.1.1.1"  // ifName
	oidHighSpeed = ".1.3.6.1.2.1.31.1.1.1.15" // ifHighSpeed, 10^6 bit/s
	oidAlias     = ".1.3.6.1.2.1.31.1.1.1.18" // ifAlias
)

// Bounds of one conversation.
const (
	maxRows     = 8192 // of one column
	maxTime     = time.Minute
	rowsAtOnce  = 25 // of one GETBULK: about 1,400 octets of names
	sessionTry  = 2  // repeated requests
	sessionWait = 3 * time.Second
)

// errRows says that a device has more interfaces than anybody has.
var errRows = fmt.Errorf("more than %d interfaces", maxRows)

// session reads one device.
type session struct {
	g      *gosnmp.GoSNMP
	device names.Device
	rows   map[uint32]*names.Interface
	uptime time.Duration
}

// Read asks the device at agent once for its name and its interfaces. The
// uptime is that of its SNMP agent.
func Read(ctx context.Context, agent netip.Addr, a Access) (names.Device, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	s := &session{g: a.client(ctx, agent), device: names.Device{Agent: agent}, rows: map[uint32]*names.Interface{}}
	if err := s.g.Connect(); err != nil {
		return s.device, 0, err
	}
	defer s.g.Close()
	if err := s.system(); err != nil {
		return s.device, 0, explain(err)
	}
	if err := s.interfaces(); err != nil {
		return s.device, 0, explain(err)
	}
	for _, x := range s.rows {
		s.device.Interfaces = append(s.device.Interfaces, *x)
	}
	return s.device, s.uptime, nil
}

// system reads the name and the uptime.
func (s *session) system() error {
	r, err := s.g.Get([]string{oidSysName, oidUptime})
	if err != nil {
		return err
	}
	for _, v := range r.Variables {
		switch v.Name {
		case oidSysName:
			s.device.Name = text(v)
		case oidUptime:
			s.uptime = time.Duration(number(v)) * 10 * time.Millisecond
		}
	}
	return nil
}

// interfaces reads the columns. ifName makes the rows; a device that has no
// ifXTable has ifDescr.
func (s *session) interfaces() error {
	err := s.column(oidName, true, func(x *names.Interface, v gosnmp.SnmpPDU) { x.Name = text(v) })
	if err == nil && len(s.rows) == 0 {
		err = s.column(oidDescr, true, func(x *names.Interface, v gosnmp.SnmpPDU) { x.Name = text(v) })
	}
	if err == nil {
		err = s.column(oidAlias, false, func(x *names.Interface, v gosnmp.SnmpPDU) { x.Alias = text(v) })
	}
	if err == nil {
		err = s.column(oidHighSpeed, false, func(x *names.Interface, v gosnmp.SnmpPDU) { x.Speed = number(v) * 1e6 })
	}
	if err == nil && s.lacksSpeeds() {
		err = s.column(oidSpeed, false, func(x *names.Interface, v gosnmp.SnmpPDU) {
			if n := number(v); x.Speed == 0 && n < 1<<32-1 {
				x.Speed = n
			}
		})
	}
	return err
}

func (s *session) lacksSpeeds() bool {
	for _, x := range s.rows {
		if x.Speed == 0 {
			return true
		}
	}
	return false
}

// column walks one column; only one that makes rows adds to them.
func (s *session) column(oid string, makes bool, set func(*names.Interface, gosnmp.SnmpPDU)) error {
	n := 0
	return s.g.BulkWalk(oid, func(v gosnmp.SnmpPDU) error {
		if n++; n > maxRows {
			return errRows
		}
		index, err := strconv.ParseUint(strings.TrimPrefix(v.Name, oid+"."), 10, 32)
		if err != nil || index == 0 {
			return nil // no ifIndex: nothing of ours
		}
		x := s.rows[uint32(index)]
		if x == nil {
			if !makes {
				return nil
			}
			x = &names.Interface{Index: uint32(index)}
			s.rows[uint32(index)] = x
		}
		set(x, v)
		return nil
	})
}

func text(v gosnmp.SnmpPDU) string {
	b, _ := v.Value.([]byte)
	return names.Clean(string(b))
}

func number(v gosnmp.SnmpPDU) uint64 {
	switch v.Type {
	case gosnmp.Gauge32, gosnmp.TimeTicks, gosnmp.Integer, gosnmp.Counter32:
		return gosnmp.ToBigInt(v.Value).Uint64() & (1<<32 - 1)
	}
	return 0
}

// explain says what to do about a failure.
func explain(err error) error {
	switch s := err.Error(); {
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(s, "timeout"), strings.Contains(s, "context deadline"):
		return errors.New("no answer; check that the switch lets this machine ask, and the community")
	case strings.Contains(s, "not authentic"), errors.Is(err, gosnmp.ErrWrongDigest), errors.Is(err, gosnmp.ErrUnknownUsername):
		return errors.New("refused; check user, auth and auth_password")
	case errors.Is(err, gosnmp.ErrDecryption), errors.Is(err, gosnmp.ErrUnknownSecurityLevel):
		return errors.New("refused; check privacy and privacy_password")
	default:
		return err
	}
}
