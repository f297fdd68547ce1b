package influx

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// openTest opens a spool that is closed with the test.
func openTest(t testing.TB, dir string, bound int64) *spool {
	t.Helper()
	s, err := openSpool(dir, bound)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	return s
}

// block returns a block of n octets that can be told from others.
func block(i, n int) []byte {
	b := fmt.Appendf(nil, "m,i=%d v=1i %d\n", i, i)
	return append(bytes.Repeat([]byte{'#'}, max(n-len(b), 0)), b...)
}

func fill(t testing.TB, s *spool, from, to, size int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if _, err := s.append(block(i, size), 1, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// drain reads and acknowledges all blocks, and returns their numbers at.
func drain(t testing.TB, s *spool) (all []int) {
	t.Helper()
	for {
		e, ok := s.peek()
		if !ok {
			return all
		}
		if i := int(e.at); !bytes.Equal(e.block, block(i, len(e.block))) {
			t.Fatalf("block %d has another's content", i)
		}
		all = append(all, int(e.at))
		s.ack(e.seq)
	}
}

func numbers(from, to int) (all []int) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

func TestSpoolGivesWhatItTookInOrder(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 64<<20)
	fill(t, s, 1, 50, 100<<10) // several segments
	if e, ok := s.peek(); !ok || e.at != 1 || e.points != 1 {
		t.Fatalf("first block is %+v, %v", e, ok)
	}
	st, oldest := s.snapshot()
	if st.Points != 50 || st.Bytes != 50*(100<<10+headSize) || oldest != 1 {
		t.Errorf("%+v, oldest %d", st, oldest)
	}
	if diff := cmp.Diff(numbers(1, 50), drain(t, s)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if st, _ := s.snapshot(); st != (spoolStats{}) {
		t.Errorf("an empty spool has %+v", st)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*"+suffix)); len(files) != 0 {
		t.Errorf("an empty spool has files: %q", files)
	}
	fill(t, s, 51, 52, 10)
	if diff := cmp.Diff(numbers(51, 52), drain(t, s)); diff != "" {
		t.Errorf("after it was empty (-want +got)\n%s", diff)
	}
}

// crash leaves a spool as the end of its process does: nothing is closed.
func crash(s *spool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeReader()
	s.w = nil // its descriptor leaks until the test ends
}

func TestSpoolOutlivesItsProcess(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 64<<20)
	fill(t, s, 1, 30, 100<<10)
	for range 12 {
		e, _ := s.peek()
		s.ack(e.seq)
	}
	s.peek() // moves the cursor behind the twelfth
	crash(s)
	s = openTest(t, dir, 64<<20)
	if st, _ := s.snapshot(); st.Points != 18 {
		t.Errorf("%d points wait, want 18", st.Points)
	}
	fill(t, s, 31, 33, 10)
	if diff := cmp.Diff(numbers(13, 33), drain(t, s)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	crash(s)
	s = openTest(t, dir, 64<<20)
	if got := drain(t, s); len(got) != 0 {
		t.Errorf("what was done comes again: %v", got)
	}
	if seq, err := s.append(block(1, 10), 1, 1); err != nil || seq <= 33 {
		t.Errorf("number %d (%v) was used before", seq, err)
	}
}

func TestSpoolWithoutCursorSendsAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		cursor []byte
	}{{"missing", nil}, {"empty", []byte{}}, {"short", []byte{1, 2, 3}}, {"wrong", bytes.Repeat([]byte{7}, cursorSize)}} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, dir, 64<<20)
			fill(t, s, 1, 5, 1000)
			e, _ := s.peek()
			s.ack(e.seq)
			s.peek()
			crash(s)
			path := filepath.Join(dir, "cursor")
			if os.Remove(path); c.cursor != nil {
				if err := os.WriteFile(path, c.cursor, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(numbers(1, 5), drain(t, openTest(t, dir, 64<<20))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSpoolSkipsBlocksThatAreDone(t *testing.T) {
	s := openTest(t, t.TempDir(), 64<<20)
	var seqs []uint64
	for i := 1; i <= 6; i++ {
		seq, err := s.append(block(i, 10), 1, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, seq)
	}
	for _, i := range []int{0, 3, 5} { // from memory, while the others wait
		s.ack(seqs[i])
	}
	if diff := cmp.Diff([]int{2, 3, 5}, drain(t, s)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if st, _ := s.snapshot(); st.Points != 0 || len(s.done) != 0 {
		t.Errorf("%+v, %d done", st, len(s.done))
	}
}

func TestSpoolDropsTheOldestAndCounts(t *testing.T) {
	const bound = 16 << 20
	s := openTest(t, t.TempDir(), bound)
	fill(t, s, 1, 300, 100<<10)
	st, _ := s.snapshot()
	if st.Bytes > bound {
		t.Errorf("%d octets, bound is %d", st.Bytes, bound)
	}
	got := drain(t, s)
	if len(got)+int(st.DroppedPoints) != 300 || int64(len(got)) != st.Points {
		t.Errorf("%d read, %d dropped, %d counted as waiting; want 300 in all", len(got), st.DroppedPoints, st.Points)
	}
	if first := int(st.DroppedPoints) + 1; !slices.Equal(got, numbers(first, 300)) {
		t.Errorf("not the newest: %v", got)
	}
	if len(got) < 140 {
		t.Errorf("only %d of 160 blocks are kept", len(got))
	}
}

// TestSpoolEndsAnywhere cuts the last segment at every octet, as a failure of
// power may.
func TestSpoolEndsAnywhere(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 64<<20)
	fill(t, s, 1, 3, 100)
	path, size := s.segs[0].path, s.segs[0].size
	crash(s)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s := openTest(t, dir, 64<<20)
		got := drain(t, s)
		if want := numbers(1, n*3/int(size)); !slices.Equal(got, want) {
			t.Fatalf("of %d octets %v, want %v", n, got, want)
		}
		st, _ := s.snapshot()
		if cut := n%(int(size)/3) != 0; cut != (st.CorruptSegments == 1) || int(st.CorruptBytes) != n%(int(size)/3) {
			t.Fatalf("of %d octets %+v", n, st)
		}
		s.close()
	}
}

func TestSpoolSkipsWhatIsCorrupt(t *testing.T) {
	for _, c := range []struct {
		name    string
		damage  func(b []byte) []byte
		want    []int
		skipped uint64
	}{
		{"content", func(b []byte) []byte { b[132+headSize+5] ^= 1; return b }, []int{1, 3, 4}, 132},
		{"length", func(b []byte) []byte { b[132+7] ^= 0x10; return b }, []int{1, 3, 4}, 132},
		{"huge length", func(b []byte) []byte { b[132+4] = 0xff; return b }, []int{1, 3, 4}, 132},
		{"magic", func(b []byte) []byte { b[132] = 'X'; return b }, []int{1, 3, 4}, 132},
		{"number", func(b []byte) []byte { b[132+20] ^= 1; return b }, []int{1, 3, 4}, 132},
		{"beginning", func(b []byte) []byte { clear(b[:40]); return b }, []int{2, 3, 4}, 132},
		{"a hole", func(b []byte) []byte { clear(b[100:300]); return b }, []int{4}, 396},
		{"all", func(b []byte) []byte { clear(b); return b }, nil, 528},
		{"octets between", func(b []byte) []byte { return slices.Insert(b, 132, []byte("WEIRWEIR")...) }, []int{1, 2, 3, 4}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, dir, 64<<20)
			fill(t, s, 1, 4, 100)
			path := s.segs[0].path
			crash(s)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b = c.damage(b)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			s = openTest(t, dir, 64<<20)
			if diff := cmp.Diff(c.want, drain(t, s)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			st, _ := s.snapshot()
			if st.CorruptSegments != 1 || st.CorruptBytes != c.skipped {
				t.Errorf("%+v, want 1 segment, %d octets", st, c.skipped)
			}
			aside, err := os.ReadFile(filepath.Join(dir, corruptDir, filepath.Base(path)))
			if err != nil || !bytes.Equal(aside, b) {
				t.Errorf("the segment is not kept aside: %v", err)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the segment is still in the spool: %v", err)
			}
		})
	}
}

func TestSpoolOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("weir-test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("no small disk: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s := openTest(t, dir, 64<<20)
	kept := 0
	for i := 1; i <= 20; i++ {
		if _, err := s.append(block(i, 100<<10), 1, int64(i)); err == nil {
			kept = i
		} else if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	if kept < 5 || kept > 10 {
		t.Fatalf("%d blocks of 100 KiB on a disk of 1 MiB", kept)
	}
	for range 3 { // room again
		e, ok := s.peek()
		if !ok {
			t.Fatal("nothing to read on a full disk")
		}
		s.ack(e.seq)
	}
	rest := drain(t, s)
	if diff := cmp.Diff(numbers(4, kept), rest); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	fill(t, s, 1, 5, 100<<10)
	if diff := cmp.Diff(numbers(1, 5), drain(t, s)); diff != "" {
		t.Errorf("after there was room (-want +got)\n%s", diff)
	}
	if st, _ := s.snapshot(); st.CorruptSegments != 0 {
		t.Errorf("half a block was left: %+v", st)
	}
}

func TestSpoolFolderThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openSpool(filepath.Join(file, "influx"), 1<<20); err == nil {
		t.Error("a spool inside of a file")
	}
}

func TestLedgerTellsTheGap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, gap, err := openLedger(path)
	if err != nil || gap != 0 {
		t.Fatal(gap, err)
	}
	l.add(1000, 0)
	l.add(0, 400)
	l.f.Close() // the process ends
	l, gap, err = openLedger(path)
	if err != nil || gap != 600 {
		t.Errorf("a gap of %d (%v), want 600", gap, err)
	}
	l.add(10, 10)
	l.close()
	if _, gap, _ = openLedger(path); gap != 0 {
		t.Errorf("a gap of %d after a good end", gap)
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte{9}, ledgerSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, gap, err = openLedger(path); gap != 0 || err != nil {
		t.Errorf("a gap of %d (%v) from a file of nonsense", gap, err)
	}
}

// FuzzSpool: whatever a segment holds, reading ends, and gives only blocks whose
// sum is right.
func FuzzSpool(f *testing.F) {
	good := appendBlock(appendBlock(nil, 1, 5, 2, []byte("a b=1i 1\n")), 2, 6, 1, []byte("c d=2i 2\n"))
	f.Add(good, 3, byte(1))
	f.Add(append([]byte("WEIR\x00\x00"), good...), 0, byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at int, flip byte) {
		if len(b) > 0 {
			b[uint(at)%uint(len(b))] ^= flip
		}
		dir := t.TempDir()
		if err := os.WriteFile(segmentPath(dir, 1), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openTest(t, dir, 1<<20)
		total := 0
		for {
			e, ok := s.peek()
			if !ok {
				break
			}
			if total += headSize + len(e.block); total > len(b) {
				t.Fatalf("%d octets of blocks in %d", total, len(b))
			}
			s.ack(e.seq)
		}
		if st, _ := s.snapshot(); total+int(st.CorruptBytes) > len(b) || st.Bytes != 0 {
			t.Fatalf("%d octets read, %+v, of %d", total, st, len(b))
		}
	})
}
