package flows

import (
	"bufio"
	"crypto/rand"
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

// A journal is a magic word, a number by chance, the checksum of these, and then
// frames: length of the body, its checksum (CRC-32C), and the body, whose first octet
// is the type. Rows name their keys by numbers, which begin anew with a row group of
// the segment to be where there are many of them.
//
// Behind what is damaged the next frame is where there is one with its checksum.
// Bodies have what strangers send, addresses and names, so this could be a frame that
// somebody made up, had the checksums not begun with the number by chance, which
// nobody knows who cannot read the file.
const (
	journalMagic = "weirflw3"
	journalHead  = len(journalMagic) + 4 + 4
	// secondMagic begins one of version 2 of the directory, without such a number. Its
	// frames of rows have 1 where numbers begin anew, else 0, instead of counts.
	secondMagic = "weirflw2"
	// maxSearch is of how many octets checksums are made to find frames, so that what
	// is made to look like many costs no more than a second.
	maxSearch = 1 << 30

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
	salt    uint32   // that checksums begin with
	turns   uint64   // how often numbers began
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
	var salt [4]byte
	_, _ = rand.Read(salt[:]) // it never fails
	head := append([]byte(journalMagic), salt[:]...)
	return &journal{
		file: f, path: path, names: names, buf: le.AppendUint32(head, crc32.Checksum(head, castagnoli)), size: int64(journalHead), salt: le.Uint32(salt[:]),
		agents: map[uint32]bool{}, domains: map[uint32]bool{0: true}, numbers: n,
	}, nil
}

// frame appends a frame whose body fill appends.
func (j *journal) frame(fill func(b []byte) []byte) {
	at := len(j.buf)
	j.buf = fill(append(j.buf, 0, 0, 0, 0, 0, 0, 0, 0))
	body := j.buf[at+frameHead:]
	le.PutUint32(j.buf[at:], uint32(len(body)))
	le.PutUint32(j.buf[at+4:], crc32.Update(j.salt, castagnoli, body))
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
		j.turns++
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

// errCut says that a journal ends within a frame, or has a broken one; errHead that not
// even its beginning is there.
var (
	errCut  = errors.New("cut or broken")
	errHead = fmt.Errorf("no journal of flows: %w", errCut)
)

// readJournal passes the rows of a journal, a frame at a time, until each
// returns false, in x, whose memory is used again. What is damaged, as the end of a
// file that is cut, is left out; the error is errCut then.
func readJournal(r io.Reader, x *block, each func(x *block) bool) error {
	in := bufio.NewReaderSize(r, frameHead+maxFrame)
	*x = block{
		said: &said{agents: map[uint32]netip.Addr{}, domains: map[uint32]string{0: ""}},
		keys: x.keys[:0], times: x.times, of: x.of, lengths: x.lengths, places: x.places[:0],
	}
	head, _ := in.Peek(journalHead) // what is missing is no head
	read, salt, begins := x.read, uint32(0), len(journalMagic)
	switch magic := string(head[:min(begins, len(head))]); {
	case magic == secondMagic:
		x.second = true
	case magic == oldMagic:
		read = (&oldRows{to: x, keys: record.NewDictionary(groupRows)}).read
	case magic != journalMagic || len(head) < journalHead || crc32.Checksum(head[:begins+4], castagnoli) != le.Uint32(head[begins+4:]):
		return errHead
	default:
		salt, begins = le.Uint32(head[begins:]), journalHead
	}
	search := maxSearch
	for skip := begins; ; {
		_, _ = in.Discard(skip) // it was peeked at
		b, err := frameAt(in, salt, &search)
		switch {
		case errors.Is(err, io.EOF) && !x.hurt:
			return nil
		case err != nil:
			return errCut
		case len(b) > 0 && x.take(b, read):
			if skip = frameHead + len(b); b[0] == frameRows && len(x.of) > 0 && !each(x) {
				return nil
			}
		case begins < journalHead || search < 0:
			return errCut
		default:
			x.hurt, skip = true, 1
		}
	}
}

// frameAt returns the body of the frame that is next, which is still to be discarded,
// nil where there is none; the error is that of the reader at its end. What checksums
// are made of in vain is taken from search.
func frameAt(in *bufio.Reader, salt uint32, search *int) ([]byte, error) {
	b, err := in.Peek(frameHead + 1)
	if len(b) == 0 {
		return nil, err
	}
	if len(b) <= frameHead || b[frameHead] != frameAgent && b[frameHead] != frameDomain && b[frameHead] != frameRows {
		return nil, nil
	}
	n := int(le.Uint32(b))
	if n < 5 || n > maxFrame {
		return nil, nil
	}
	if b, err = in.Peek(frameHead + n); err != nil || crc32.Update(salt, castagnoli, b[frameHead:]) != le.Uint32(b[4:]) {
		*search -= n
		return nil, nil
	}
	return b[frameHead:], nil
}

// take takes what a frame says, of rows by read, and reports whether it says something.
func (x *block) take(b []byte, read func(b []byte) bool) bool {
	switch number := le.Uint32(b[1:]); {
	case b[0] == frameAgent && len(b) == 21:
		x.agents[number] = netip.AddrFrom16([16]byte(b[5:])).Unmap()
	case b[0] == frameDomain:
		x.domains[number] = string(b[5:])
	default:
		return b[0] == frameRows && read(b)
	}
	return true
}
