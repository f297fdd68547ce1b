package flows

import (
	"bytes"
	"hash/crc32"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"weir/collector/record"
)

// forged is a frame that somebody may send within addresses and names, who does not
// know the number by chance that checksums begin with.
func forged(body []byte) []byte {
	b := le.AppendUint32(nil, uint32(len(body)))
	return append(le.AppendUint32(b, crc32.Update(0, castagnoli, body)), body...)
}

// hostile tells names that are frames of rows and of names.
type hostile struct{}

func (hostile) Agent(n uint32) netip.Addr { return site{}.Agent(n) }

func (hostile) Domain(n uint32) string {
	row := []byte{frameRows, byte(1 + n%3), 3, 1, 0, 1, 1, byte(n % 3), 99, 2} // one, of a key before
	name := append([]byte{frameDomain}, 1, 0, 0, 0, 'x')
	return string(append(forged(row), forged(name)...))
}

// needed is a row of a journal, with the frames without which nobody understands it:
// its own, that of its key, and those of its names.
type needed struct {
	row    record.Sample
	frames [4]int
}

// damageable is a journal, its rows, and where its frames are.
type damageable struct {
	whole []byte
	rows  []needed
	at    [][2]int
}

// newDamageable makes one of several turns of keys' numbers.
func newDamageable(tb testing.TB) (d damageable) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), journalName("x"))
	j, err := createJournal(path, hostile{}, &numbers{})
	if err != nil {
		tb.Fatal(err)
	}
	agent := forged(append([]byte{frameAgent, 1, 0, 0, 0}, make([]byte, 16)...))
	rows := zipfRows(400, 1000, 60, false)
	for i := range rows {
		k := &rows[i].Key
		k.Domain = uint32(i / 60) // further ones as it goes on
		if k.Agent = 1 + uint32(i/50); i%5 == 0 {
			copy(k.Src[:], agent[:16])
			copy(k.Dst[:], agent[16:])
		}
	}
	for some := range slices.Chunk(rows, 25) {
		for b := range blocks(some) {
			if b.Turn = uint64(len(d.at)) + 1; len(d.at)%6 == 0 {
				j.rows = 0 // as if there were many keys
			}
			j.add(b)
		}
		d.at = append(d.at, [2]int{})
	}
	if err := j.close(); err != nil {
		tb.Fatal(err)
	}
	if d.whole, err = os.ReadFile(path); err != nil {
		tb.Fatal(err)
	}
	d.frames(tb)
	if got := d.read(tb, d.whole); !slices.Equal(got, inMicroseconds(rows)) {
		tb.Fatalf("%d rows, want %d, or others", len(got), len(rows))
	}
	return d
}

// frames finds what each row needs.
func (d *damageable) frames(tb testing.TB) {
	tb.Helper()
	d.at = nil
	x := &block{said: &said{agents: map[uint32]netip.Addr{}, domains: map[uint32]string{0: ""}}}
	agents, domains, keys := map[uint32]int{}, map[uint32]int{0: -1}, []int{}
	for at := journalHead; at < len(d.whole); {
		body := d.whole[at+frameHead:][:le.Uint32(d.whole[at:])]
		n := len(d.at)
		d.at = append(d.at, [2]int{at, at + frameHead + len(body)})
		at = d.at[n][1]
		turn := x.turn
		if !x.take(body, x.read) {
			tb.Fatal("no frame")
		}
		switch body[0] {
		case frameAgent:
			agents[le.Uint32(body[1:])] = n
			continue
		case frameDomain:
			domains[le.Uint32(body[1:])] = n
			continue
		}
		if x.turn != turn {
			keys = keys[:0]
		}
		for len(keys) < len(x.keys) {
			keys = append(keys, n)
		}
		for i, k := range x.of {
			key := x.keys[k]
			d.rows = append(d.rows, needed{
				record.Sample{At: 1e3 * x.times[i], Length: x.lengths[i], Key: key}, [4]int{n, keys[k], agents[key.Agent], domains[key.Domain]},
			})
		}
	}
	if x.turn < 3 {
		tb.Fatalf("numbers began %d times", x.turn)
	}
}

// without returns the rows that need none of the frames from from up to to, octets.
func (d *damageable) without(from, to int) (rows []record.Sample) {
	for _, r := range d.rows {
		if !slices.ContainsFunc(r.frames[:], func(n int) bool { return n >= 0 && d.at[n][0] < to && from < d.at[n][1] }) {
			rows = append(rows, r.row)
		}
	}
	return rows
}

func (d *damageable) read(tb testing.TB, b []byte) (rows []record.Sample) {
	tb.Helper()
	err := readJournal(bytes.NewReader(b), &block{}, func(x *block) bool {
		for i, k := range x.of {
			rows = append(rows, record.Sample{At: 1e3 * x.times[i], Length: x.lengths[i], Key: x.keys[k]})
			if !x.tells(&x.keys[k]) {
				tb.Fatal("a row whose names are not known")
			}
			if a, k := x.agents[x.keys[k].Agent], x.keys[k]; a != (site{}).Agent(k.Agent) || k.Domain > 0 && x.domains[k.Domain] != (hostile{}).Domain(k.Domain) {
				tb.Fatalf("agent %d is %s, domain %d %q", k.Agent, a, k.Domain, x.domains[k.Domain])
			}
		}
		return true
	})
	if whole := bytes.Equal(b, d.whole); whole != (err == nil) {
		tb.Fatalf("whole %v: %v", whole, err)
	}
	return rows
}

// A byte that is damaged costs what it touches and what cannot be understood without
// it, whatever strangers had written beside it. A journal without its head is none.
func TestDamagedByteOfAJournal(t *testing.T) {
	d := newDamageable(t)
	r := rand.New(rand.NewPCG(1, 2))
	for at := range d.whole {
		b := bytes.Clone(d.whole)
		b[at] ^= byte(1 + r.IntN(255))
		want := d.without(at, at+1)
		if at < journalHead {
			want = nil
		}
		if got := d.read(t, b); !slices.Equal(got, want) {
			t.Fatalf("octet %d of %d: %d rows, want %d, or others", at, len(d.whole), len(got), len(want))
		}
	}
}

// Whatever takes the place of a part of a journal, of the same length or another:
// rows that do not need it are there, each once and in their order, and no other is.
func FuzzDamagedJournal(f *testing.F) {
	d := newDamageable(f)
	for _, n := range []int{1, 100, 4096} {
		for at := journalHead; at < len(d.whole); at += len(d.whole) / 7 {
			f.Add(uint(at), uint(n), make([]byte, n))
			f.Add(uint(at), uint(n), []byte{})
			f.Add(uint(at), uint(n), []byte((hostile{}).Domain(1)))
		}
	}
	f.Fuzz(func(t *testing.T, at, n uint, by []byte) {
		from := journalHead + int(at%uint(len(d.whole)-journalHead))
		to := from + int(n%uint(len(d.whole)-from+1))
		b := slices.Concat(d.whole[:from], by, d.whole[to:])
		if bytes.Equal(b, d.whole) {
			return
		}
		got, least := d.read(t, b), d.without(from, max(to, from+1))
		for _, r := range d.rows {
			here := len(got) > 0 && got[0] == r.row
			if len(least) > 0 && least[0] == r.row {
				if least = least[1:]; !here {
					t.Fatalf("%d to %d by %d octets: a row is missing", from, to, len(by))
				}
			}
			if here {
				got = got[1:]
			}
		}
		if len(got) > 0 || len(least) > 0 {
			t.Fatalf("%d to %d by %d octets: %d rows are invented, %d missing", from, to, len(by), len(got), len(least))
		}
	})
}

// What is damaged in the middle costs a segment little; what nothing can be read of is
// set aside, and told.
func TestDamagedJournalBecomesASegment(t *testing.T) {
	rows := zipfRows(8*record.Rows, 1000, 100, false)
	whole, err := os.ReadFile(writeJournal(t, t.TempDir(), rows))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		spoil      func(b []byte) []byte
		least      uint64
		cut        uint64
		bad        int
		unreadable bool
	}{
		{"in the middle", flipAt(0.5), 7 * record.Rows, 1, 0, false},
		{"a hole", func(b []byte) []byte { clear(b[len(b)/2 : len(b)/2+100]); return b }, 6 * record.Rows, 1, 0, false},
		{"the head", flipAt(0), 0, 1, 1, true},
		{"the number by chance", func(b []byte) []byte { b[len(journalMagic)] ^= 1; return b }, 0, 1, 1, true},
		{"all", func(b []byte) []byte { clear(b[journalHead:]); return append(b, make([]byte, maxFrame)...) }, 0, 1, 1, true},
		{"the first frame, of one", func(b []byte) []byte { return b[:100] }, 0, 1, 0, true},
		{"within the head", func(b []byte) []byte { return b[:journalHead-1] }, 0, 1, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, journalName("x")), c.spoil(bytes.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			var said told
			s := openStore(t, dir, &said)
			st := s.Stats()
			if st.Cut != c.cut || st.Bad != c.bad || len(said) != c.bad || st.Segments != 1 != c.unreadable {
				t.Errorf("%+v, told %v", st, said)
			}
			if c.unreadable {
				return
			}
			if n := count(t, dir); n < c.least || n >= uint64(len(rows)) {
				t.Errorf("%d rows, want %d at least", n, c.least)
			}
		})
	}
}
