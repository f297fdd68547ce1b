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
// (CRC-32C), and the body, whose first octet is the type. Rows name their keys by
// numbers, which begin anew with a row group of the segment to be where there are
// many of them.
const (
	journalMagic = "weirflw2"

	frameAgent  = 'a' // number, address
	frameDomain = 'd' // number, name
	frameRows   = 'r' // rows, see frame.go

	frameHead = 8

	// carriedKeys is how many keys keep their numbers from one row group to the next
	// at most, maxKeys how many there are.
	carriedKeys = groupRows / 2
	maxKeys     = carriedKeys + groupRows
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
	numbers *numbers
	at      []int64  // of the rows at hand, µs
	of      []uint32 // the numbers of their keys
	lengths []uint32
	fresh   []uint32 // their writer's numbers of those that are new
	anew    bool     // numbers begin with the rows at hand
	group   int      // rows of the row group at hand
	rows    int
	waiting int   // rows of them that are not written, or in part
	size    int64 // of the file and buf
	first   int64 // ns, oldest and newest row
	last    int64
}

// numbers are those that a journal gives keys, by those that the writers of rows
// gave them. A key that two writers have has two.
type numbers struct {
	writers []written
	given   uint32
}

// written is of a writer.
type written struct {
	turn uint64
	of   []uint32 // by its number ours, and one; 0 is none
}

// anew forgets all.
func (n *numbers) anew() {
	n.given = 0
	for i := range n.writers {
		clear(n.writers[i].of)
	}
}

// of returns the numbers of the keys of a block.
func (n *numbers) of(b *record.Block) []uint32 {
	n.writers = extended(n.writers, b.Writer+1)
	w := &n.writers[b.Writer]
	if w.turn != b.Turn {
		clear(w.of)
		w.turn = b.Turn
	}
	w.of = extended(w.of, len(b.Keys))
	return w.of
}

// createJournal makes a journal that gives keys numbers in n, which is its own until
// it is closed.
func createJournal(path string, names Names, n *numbers) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	return &journal{
		file: f, path: path, names: names, buf: []byte(journalMagic), size: int64(len(journalMagic)),
		agents: map[uint32]bool{}, domains: map[uint32]bool{0: true}, numbers: n,
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

// add appends the rows of a block to what will be written.
func (j *journal) add(b *record.Block) {
	rows := b.Used()
	if len(rows) == 0 {
		return
	}
	if j.group+len(rows) > groupRows {
		j.group = 0
	}
	if j.anew = j.rows == 0 || j.group == 0 && j.numbers.given > carriedKeys; j.anew {
		j.numbers.anew()
	}
	j.number(b)
	j.name(b.Keys)
	if j.rows == 0 {
		j.first, j.last = rows[0].At, rows[0].At
	}
	j.first, j.last = min(j.first, 1e3*slices.Min(j.at)), max(j.last, 1e3*slices.Max(j.at))
	j.frame(func(to []byte) []byte { return j.appendRows(to, b.Keys) })
	j.rows += len(rows)
	j.waiting += len(rows)
	j.group += len(rows)
}

// number takes rows to hand.
func (j *journal) number(b *record.Block) {
	rows := b.Used()
	j.at, j.of, j.lengths, j.fresh = sized(j.at, len(rows)), sized(j.of, len(rows)), sized(j.lengths, len(rows)), j.fresh[:0]
	numbers, given := j.numbers.of(b), j.numbers.given
	for i := range rows {
		r := &rows[i]
		n := numbers[r.Key]
		if n == 0 {
			given++
			n = given
			numbers[r.Key] = n
			j.fresh = append(j.fresh, r.Key)
		}
		j.at[i], j.of[i], j.lengths[i] = r.At/1e3, n-1, r.Length
	}
	j.numbers.given = given
}

// name tells what the numbers in the new of some keys stand for, where that was not
// told yet.
func (j *journal) name(keys []record.Key) {
	for _, n := range j.fresh {
		k := &keys[n]
		if !j.agents[k.Agent] {
			j.agents[k.Agent] = true
			a := j.names.Agent(k.Agent)
			j.frame(func(b []byte) []byte {
				a16 := netip.IPv6Unspecified().As16()
				if a.IsValid() {
					a16 = a.As16()
				}
				return append(le.AppendUint32(append(b, frameAgent), k.Agent), a16[:]...)
			})
		}
		if !j.domains[k.Domain] {
			j.domains[k.Domain] = true
			j.frame(func(b []byte) []byte {
				return append(le.AppendUint32(append(b, frameDomain), k.Domain), j.names.Domain(k.Domain)...)
			})
		}
	}
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

// errCut says that a journal ends within a frame, or has a broken one.
var errCut = errors.New("cut or broken")

// readJournal passes the rows of a journal, a frame at a time, until each
// returns false, in x, whose memory is used again. A file that is cut is read to the cut;
// the error is errCut then.
func readJournal(r io.Reader, x *block, each func(x *block) bool) error {
	in := bufio.NewReaderSize(r, 1<<18)
	magic := make([]byte, len(journalMagic))
	_, err := io.ReadFull(in, magic)
	x.said, x.turn, x.keys = &said{agents: map[uint32]netip.Addr{}, domains: map[uint32]string{0: ""}}, 0, x.keys[:0]
	read := x.read
	switch {
	case err == nil && string(magic) == journalMagic:
	case err == nil && string(magic) == oldMagic:
		read = (&oldRows{to: x, keys: record.NewDictionary(groupRows)}).read
	default:
		return fmt.Errorf("no journal of flows: %w", errCut)
	}
	var head [frameHead]byte
	body := make([]byte, maxFrame)
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
			x.agents[number] = netip.AddrFrom16([16]byte(b[5:])).Unmap()
		case b[0] == frameDomain:
			x.domains[number] = string(b[5:])
		case b[0] == frameRows && read(b):
			if !each(x) {
				return nil
			}
		default:
			return errCut
		}
	}
}
