package flows

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"os"
	"slices"

	"weir/collector/record"
)

// A journal is a magic word and then frames: length of the body, its checksum
// (CRC-32C), and the body, whose first octet is the type.
const (
	journalMagic = "weirflw1"

	frameAgent  = 'a' // number, address
	frameDomain = 'd' // number, name
	frameRows   = 'r' // rows

	frameHead = 8
	rowSize   = 77
	maxFrame  = 1 + record.Rows*rowSize
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Names tells what the numbers in a row stand for.
type Names interface {
	// Agent returns an agent's address.
	Agent(number uint32) netip.Addr
	// Domain returns the name of a domain, equal in every collector.
	Domain(number uint32) string
}

// journal is the file that rows are appended to.
type journal struct {
	file    *os.File
	path    string
	names   Names
	buf     []byte // not written yet
	agents  map[uint32]bool
	domains map[uint32]bool
	rows    int
	waiting int   // rows of them that are not written, or in part
	size    int64 // of the file and buf
	first   int64 // ns, oldest and newest row
	last    int64
}

func createJournal(path string, names Names) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	return &journal{
		file: f, path: path, names: names, buf: []byte(journalMagic), size: int64(len(journalMagic)),
		agents: map[uint32]bool{}, domains: map[uint32]bool{0: true},
	}, nil
}

// frame appends a frame whose body fill appends.
func (j *journal) frame(fill func(b []byte) []byte) {
	at := len(j.buf)
	j.buf = fill(append(j.buf, 0, 0, 0, 0, 0, 0, 0, 0))
	body := j.buf[at+frameHead:]
	le.PutUint32(j.buf[at:], uint32(len(body)))
	le.PutUint32(j.buf[at+4:], crc32.Checksum(body, castagnoli))
	j.size += int64(len(j.buf) - at)
}

// add appends rows, at most a block of them, to what will be written.
func (j *journal) add(rows []record.Row) {
	if len(rows) == 0 {
		return
	}
	for i := range rows {
		r := &rows[i]
		if !j.agents[r.Agent] {
			j.agents[r.Agent] = true
			a := j.names.Agent(r.Agent)
			j.frame(func(b []byte) []byte {
				a16 := netip.IPv6Unspecified().As16()
				if a.IsValid() {
					a16 = a.As16()
				}
				return append(le.AppendUint32(append(b, frameAgent), r.Agent), a16[:]...)
			})
		}
		if !j.domains[r.Domain] {
			j.domains[r.Domain] = true
			j.frame(func(b []byte) []byte {
				return append(le.AppendUint32(append(b, frameDomain), r.Domain), j.names.Domain(r.Domain)...)
			})
		}
		if j.rows+i == 0 {
			j.first, j.last = r.At, r.At
		}
		j.first, j.last = min(j.first, r.At), max(j.last, r.At)
	}
	j.rows += len(rows)
	j.waiting += len(rows)
	j.buf = slices.Grow(j.buf, frameHead+1+len(rows)*rowSize)
	j.frame(func(b []byte) []byte {
		b = append(b, frameRows)
		at := len(b)
		b = b[:at+len(rows)*rowSize]
		for i := range rows {
			putRow(b[at+i*rowSize:], &rows[i])
		}
		return b
	})
}

// write writes what was added; with sync it is on the disk afterwards.
func (j *journal) write(sync bool) error {
	if len(j.buf) > 0 {
		n, err := j.file.Write(j.buf)
		j.buf = j.buf[:copy(j.buf, j.buf[n:])]
		if err != nil {
			return err
		}
	}
	j.waiting = 0
	if sync {
		return j.file.Sync()
	}
	return nil
}

// close writes the rest and ends the file.
func (j *journal) close() error {
	err := j.write(true)
	return errors.Join(err, j.file.Close())
}

func putRow(b []byte, r *record.Row) {
	_ = b[rowSize-1]
	le.PutUint64(b, uint64(r.At))
	copy(b[8:24], r.Src[:])
	copy(b[24:40], r.Dst[:])
	le.PutUint32(b[40:], r.Agent)
	le.PutUint32(b[44:], r.Domain)
	le.PutUint32(b[48:], r.Input)
	le.PutUint32(b[52:], r.Output)
	le.PutUint32(b[56:], r.Length)
	le.PutUint32(b[60:], r.Rate)
	le.PutUint16(b[64:], r.SrcPort)
	le.PutUint16(b[66:], r.DstPort)
	le.PutUint16(b[68:], r.EtherType)
	le.PutUint16(b[70:], r.VLAN)
	b[72], b[73], b[74], b[75], b[76] = r.Proto, r.TCPFlags, r.TOS, r.TTL, byte(r.Has)
}

func readRow(b []byte, r *record.Row) {
	_ = b[rowSize-1]
	r.At = int64(le.Uint64(b))
	r.Src, r.Dst = [16]byte(b[8:24]), [16]byte(b[24:40])
	r.Agent, r.Domain = le.Uint32(b[40:]), le.Uint32(b[44:])
	r.Input, r.Output = le.Uint32(b[48:]), le.Uint32(b[52:])
	r.Length, r.Rate = le.Uint32(b[56:]), le.Uint32(b[60:])
	r.SrcPort, r.DstPort = le.Uint16(b[64:]), le.Uint16(b[66:])
	r.EtherType, r.VLAN = le.Uint16(b[68:]), le.Uint16(b[70:])
	r.Proto, r.TCPFlags, r.TOS, r.TTL = b[72], b[73], b[74], b[75]
	r.Has = record.Has(b[76])
}

// errCut says that a journal ends within a frame, or has a broken one.
var errCut = errors.New("cut or broken")

// said is what a journal tells of the numbers in its rows.
type said struct {
	agents  map[uint32]netip.Addr
	domains map[uint32]string
}

// readJournal passes the rows of a journal, a frame at a time, until each
// returns false. A file that is cut is read to the cut; the error is errCut then.
func readJournal(r io.Reader, each func(s *said, rows []record.Row) bool) error {
	in := bufio.NewReaderSize(r, 1<<18)
	magic := make([]byte, len(journalMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != journalMagic {
		return fmt.Errorf("no journal of flows: %w", errCut)
	}
	s := &said{agents: map[uint32]netip.Addr{}, domains: map[uint32]string{0: ""}}
	var head [frameHead]byte
	body := make([]byte, maxFrame)
	rows := make([]record.Row, 0, record.Rows)
	for {
		if _, err := io.ReadFull(in, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return errCut
		}
		n := le.Uint32(head[:])
		if n < 5 || n > maxFrame {
			return errCut
		}
		b := body[:n]
		if _, err := io.ReadFull(in, b); err != nil || crc32.Checksum(b, castagnoli) != le.Uint32(head[4:]) {
			return errCut
		}
		switch number := le.Uint32(b[1:]); {
		case b[0] == frameAgent && n == 21:
			s.agents[number] = netip.AddrFrom16([16]byte(b[5:])).Unmap()
		case b[0] == frameDomain:
			s.domains[number] = string(b[5:])
		case b[0] == frameRows && (n-1)%rowSize == 0:
			rows = rows[:min(int(n-1)/rowSize, record.Rows)]
			for i := range rows {
				readRow(b[1+i*rowSize:], &rows[i])
			}
			if !each(s, rows) {
				return nil
			}
		default:
			return errCut
		}
	}
}
