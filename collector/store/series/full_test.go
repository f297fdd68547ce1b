package series

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a disk of so many octets.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("weir-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skip("no small disk: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// TestFullDiskStopsWritingAndNothingElse fills the disk at once, so that the
// journal's write fails, and before the chunks are written.
func TestFullDiskStopsWritingAndNothingElse(t *testing.T) {
	start := time.Now().Add(-6 * time.Hour)
	for _, c := range []struct {
		name string
		meet func(s *Store, f *feed) // what meets the full disk first
	}{
		{"the journal", func(s *Store, f *feed) {
			for i := range 2000 {
				f.port(start.Add(2*time.Hour), "10.0.0.9", i, 1)
			}
			f.give(s)
		}},
		{"the chunks", func(s *Store, _ *feed) { s.compact(t.Context(), time.Now()) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := smallDisk(t, 24<<20)
			s := open(t, Config{Dir: filepath.Join(dir, "series"), Log: discard})
			f := &feed{t: t}
			at := start
			write := func(n int) {
				for range n {
					at = at.Add(time.Minute)
					for p := range 50 {
						f.port(at, "10.0.0.1", p, float64(at.Unix()*int64(p)))
					}
					f.give(s)
				}
			}
			write(120)
			hog := filepath.Join(dir, "hog")
			fillDisk(t, hog)
			c.meet(s, f)
			st := s.Stats()
			if !s.full.Load() || !strings.Contains(st.Err, "no space left") {
				t.Fatalf("a full disk is not told: %+v", st)
			}
			lost := st.Lost
			write(3)
			if st = s.Stats(); st.Lost != lost+300 {
				t.Errorf("%d samples are lost, want %d", st.Lost, lost+300)
			}
			s.care(time.Now())
			s.compact(t.Context(), time.Now())
			if got := values(t, s, `count_over_time(weir_interface_oper_up{ifindex="7"}[6h])`, at); len(got) != 1 {
				t.Errorf("what is there is not answered: %v", got)
			}
			if err := os.Remove(hog); err != nil {
				t.Fatal(err)
			}
			s.care(time.Now())
			if st = s.Stats(); st.Err != "" || s.full.Load() {
				t.Fatalf("there is room, and it is not written: %+v", st)
			}
			write(5)
			s.compact(t.Context(), time.Now())
			st = s.Stats()
			for _, n := range values(t, s, `count_over_time(weir_interface_oper_up{ifindex="7"}[6h])`, at) {
				if n != 125 {
					t.Errorf("%v samples, 125 were written; %+v", n, st)
				}
			}
			s.shut()
			s = open(t, Config{Dir: filepath.Join(dir, "series"), Log: discard})
			for _, n := range values(t, s, `count_over_time(weir_interface_oper_up{ifindex="7"}[6h])`, at) {
				if n != 125 {
					t.Errorf("after a start %v samples, 125 were written", n)
				}
			}
		})
	}
}

// TestStoreEndsOnAFullDisk closes a store whose disk is full.
func TestStoreEndsOnAFullDisk(t *testing.T) {
	dir := smallDisk(t, 24<<20)
	s := open(t, Config{Dir: filepath.Join(dir, "series"), Log: discard})
	fill(t, s, time.Now().Add(-150*time.Minute), 150*time.Minute, time.Second, 1)
	fillDisk(t, filepath.Join(dir, "hog"))
	s.shut()
}

// fillDisk takes all room there is.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, n := range []int{1 << 20, 4 << 10} {
		for b := make([]byte, n); ; {
			if _, err := f.Write(b); err != nil {
				break
			}
		}
	}
}
