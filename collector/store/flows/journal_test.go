package flows

import (
	"bytes"
	"hash/crc32"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/collector/record"
)

// readAll returns the rows of a journal; times are whole µs.
func readAll(tb testing.TB, path string) (rows []record.Sample, turns int) {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	err = readJournal(f, &block{}, func(x *block) bool {
		for i, k := range x.of {
			rows = append(rows, record.Sample{At: 1e3 * x.times[i], Length: x.lengths[i], Key: x.keys[k]})
		}
		turns = x.turn
		return true
	})
	if err != nil {
		tb.Fatal(err)
	}
	return rows, turns
}

func inMicroseconds(rows []record.Sample) []record.Sample {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].At -= rows[i].At % 1e3
	}
	return rows
}

func TestJournalReadsWhatWasWritten(t *testing.T) {
	odd := zipfRows(50, 1000, 10, false)
	odd[3].At -= 3600e9 // the clock was set
	odd[4].Length, odd[5].Length, odd[6].Length = 1<<32-1, 0, 1<<24
	odd[7].Key = record.Key{}
	odd[8].At = 0
	for _, c := range []struct {
		name  string
		rows  []record.Sample
		turns int
	}{
		{"one", zipfRows(1, 1000, 1, false), 1},
		{"odd", odd, 1},
		{"as many as a row group", zipfRows(groupRows, 10_000, 50_000, false), 1},
		{"more, of few keys", zipfRows(2*groupRows+5000, 10_000, 50_000, false), 1},
		{"keys of their own", zipfRows(groupRows+5000, 10_000, 50_000, true), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, turns := readAll(t, writeJournal(t, t.TempDir(), c.rows))
			if turns != c.turns {
				t.Errorf("numbers began %d times, want %d", turns, c.turns)
			}
			if want := inMicroseconds(c.rows); !slices.Equal(got, want) {
				t.Errorf("%d rows, want %d, or others: (-want +got)\n%s", len(got), len(want), cmp.Diff(want[:min(10, len(want))], got[:min(10, len(got))]))
			}
		})
	}
}

// oldJournal writes a journal of version 1.
func oldJournal(tb testing.TB, path string, rows []record.Sample) {
	tb.Helper()
	b := []byte(oldMagic)
	frame := func(body []byte) {
		b = le.AppendUint32(b, uint32(len(body)))
		b = le.AppendUint32(b, crc32.Checksum(body, castagnoli))
		b = append(b, body...)
	}
	for n := range uint32(21) {
		a16 := site{}.Agent(n).As16()
		frame(append(le.AppendUint32([]byte{frameAgent}, n), a16[:]...))
	}
	for some := range slices.Chunk(rows, record.Rows) {
		body := []byte{frameRows}
		for i := range some {
			r := &some[i]
			body = le.AppendUint64(body, uint64(r.At))
			body = append(append(body, r.Src[:]...), r.Dst[:]...)
			for _, v := range []uint32{r.Agent, r.Domain, r.Input, r.Output, r.Length, r.Rate} {
				body = le.AppendUint32(body, v)
			}
			for _, v := range []uint16{r.SrcPort, r.DstPort, r.EtherType, r.Has.VLAN()} {
				body = le.AppendUint16(body, v)
			}
			body = append(body, r.Proto, r.TCPFlags, r.TOS, r.TTL, byte(r.Has/record.Addresses))
		}
		frame(body)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// What a weir left that wrote journals of version 1 is kept as anything else.
func TestJournalOfVersion1IsRead(t *testing.T) {
	rows := zipfRows(groupRows+5000, 10_000, 50_000, false)
	rows[7].Has |= record.Egress | record.Fragment
	dir := t.TempDir()
	path := filepath.Join(dir, journalName("old"))
	oldJournal(t, path, rows)
	got, _ := readAll(t, path)
	if want := inMicroseconds(rows); !slices.Equal(got, want) {
		t.Fatalf("%d rows, want %d, or others: (-want +got)\n%s", len(got), len(want), cmp.Diff(want[:10], got[:min(10, len(got))]))
	}
	if n, err := convert(dir, path); err != nil || n != len(rows) {
		t.Errorf("%d rows of %d: %v", n, len(rows), err)
	}
}

// A row group has in its dictionaries what its rows need and no more, though keys
// keep their numbers: a segment is the same, octet by octet, where they begin anew
// with each.
func TestSegmentIsTheSameWhereNumbersBeginAnew(t *testing.T) {
	rows := zipfRows(2*groupRows+5000, 10_000, 50_000, false)
	if len(rows)%record.Rows == 0 {
		t.Fatal("blocks must not fit")
	}
	var segments [2][]byte
	for i, write := range []func(path string){
		func(path string) {
			if err := os.Rename(writeJournal(t, t.TempDir(), rows), path); err != nil {
				t.Fatal(err)
			}
		},
		func(path string) { oldJournal(t, path, rows) },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, journalName("same"))
		write(path)
		if n, err := convert(dir, path); err != nil || n != len(rows) {
			t.Fatalf("%d rows of %d: %v", n, len(rows), err)
		}
		made, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
		if err != nil || len(made) != 1 {
			t.Fatal(made, err)
		}
		if segments[i], err = os.ReadFile(made[0]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(segments[0], segments[1]) {
		t.Errorf("segments of %d and %d octets, or others", len(segments[0]), len(segments[1]))
	}
}

// Whatever the body of a frame of rows is: it is refused, or every row has a key.
func FuzzRows(f *testing.F) {
	rows := zipfRows(24, 12, 4, false) // few: what is interesting is cut down octet by octet
	for _, n := range []int{24, 1} {
		j := journal{names: site{}, numbers: &numbers{}, agents: map[uint32]bool{}, domains: map[uint32]bool{}}
		for b := range blocks(rows[:n]) {
			j.add(b)
			body := j.appendRows(nil, b.Keys)
			f.Add(body)
			body = bytes.Clone(body)
			body[1] = 0 // of a turn before
			f.Add(body)
		}
	}
	f.Add([]byte{frameRows, 1, 0, 1, 0, 1, 1, 0, 0, 0}) // without a key
	f.Add([]byte{frameRows, 1, 2, 1, 0, 1, 1, 1, 0, 0}) // of one before
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4<<10 {
			t.Skip("no frame of so few rows is as long")
		}
		whole := b
		for _, hurt := range []bool{false, true} {
			b := bytes.Clone(whole)
			x := &block{keys: make([]record.Key, 2), begun: 1, given: 2, hurt: hurt, said: &said{agents: map[uint32]netip.Addr{0: {}}, domains: map[uint32]string{0: ""}}}
			for len(b) > 0 && x.read(b) {
				if len(x.of) == 0 && !hurt || len(x.of) != len(x.times) || len(x.of) != len(x.lengths) || len(x.keys) > maxKeys || x.given > maxKeys || x.begun < 1 {
					t.Fatalf("%d numbers, %d times, %d lengths, %d keys, in turn %d", len(x.of), len(x.times), len(x.lengths), len(x.keys), x.begun)
				}
				if n := len(x.places); hurt && x.given != uint64(n) || !hurt && x.given != uint64(len(x.keys)) {
					t.Fatalf("%d numbers are given, of %d keys at %d places", x.given, len(x.keys), n)
				}
				for _, k := range x.of {
					_ = x.keys[k]
				}
				if b[1]++; b[1] > 3 { // a further turn
					break
				}
			}
		}
	})
}
