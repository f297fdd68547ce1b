package series

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/collector/store/smalldisk"
)

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
			dir := smalldisk.Mount(t, 24<<20)
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
			free := smalldisk.Fill(t, dir, 0)
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
			free()
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
	dir := smalldisk.Mount(t, 24<<20)
	s := open(t, Config{Dir: filepath.Join(dir, "series"), Log: discard})
	fill(t, s, time.Now().Add(-150*time.Minute), 150*time.Minute, time.Second, 1)
	smalldisk.Fill(t, dir, 0)
	s.shut()
}
