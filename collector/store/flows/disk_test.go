package flows

import (
	"os"
	"strings"
	"testing"
	"time"

	"weir/collector/record"
	"weir/collector/store/smalldisk"
	"weir/decoder"
)

// A disk that is full costs history alone: what was kept is there, what could not
// be is counted, and it goes on once there is room.
func TestFullDisk(t *testing.T) {
	dir := smalldisk.Mount(t, 4<<20)
	free := smalldisk.Fill(t, dir, 2<<20)
	x := record.NewExchange(2)
	w := x.NewWriter()
	s, err := Open(Config{Dir: dir, MaxBytes: 1 << 30, MaxAge: forever, Names: site{}}, x)
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	send := func() {
		feedEach(w, sent, record.Rows, func(f *decoder.Flow, i int) { f.Header.Key.SrcPort = uint16(i) }) // a key each
		sent += record.Rows
		s.add(<-x.Full())
	}
	for range 20 {
		send()
	}
	st := s.Stats()
	if st.Lost == 0 || st.Rows == 0 || int(st.Rows+st.Lost) < sent || !strings.Contains(st.Err, "no space left") {
		t.Fatalf("full: %+v", st)
	}
	if n := count(t, dir); n < st.Rows {
		t.Errorf("%d rows are left of %d", n, st.Rows)
	}
	free()
	s.retry = time.Time{} // it waits for some seconds
	send()
	s.flush(time.Now())
	s.wait.Wait()
	if after := s.Stats(); after.Rows != st.Rows+record.Rows || after.Err != "" {
		t.Errorf("with room: %+v", after)
	}
	s.drain()
	if n := count(t, dir); n < st.Rows+record.Rows {
		t.Errorf("%d rows are there, %d were kept", n, st.Rows+record.Rows)
	}
}

// Where there is room for the journal, and none for a segment of it, that is said until
// one is made.
func TestNoRoomForASegmentIsSaid(t *testing.T) {
	dir := smalldisk.Mount(t, 16<<20)
	x := record.NewExchange(2)
	w := x.NewWriter()
	s, err := Open(Config{Dir: dir, MaxBytes: 1 << 30, MaxAge: forever, Names: site{}}, x)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		feedEach(w, i*record.Rows, record.Rows, func(f *decoder.Flow, i int) { f.Header.Key.SrcPort = uint16(i) })
		s.add(<-x.Full())
	}
	free := smalldisk.Fill(t, dir, 100<<10)
	now := s.opened.Add(s.cfg.Rotate)
	flush := func() Stats {
		now = now.Add(retryEvery)
		s.flush(now)
		s.wait.Wait()
		feedEach(w, 0, 10, func(*decoder.Flow, int) {})
		s.add(<-x.Full())
		s.opened = now
		s.flush(now) // of a journal that can be written
		s.wait.Wait()
		return s.Stats()
	}
	for range 2 {
		if st := flush(); !strings.Contains(st.Err, "no space left") || st.Lost > 0 {
			t.Errorf("full: %+v", st)
		}
	}
	free()
	if st := flush(); st.Err != "" || st.Segments != 1 {
		t.Errorf("with room: %+v", st)
	}
}

// What keeps a journal from being made a segment, and is not in the journal, costs
// nothing that was kept: it is said, and tried again.
func TestJournalIsKeptWhereTheSystemFails(t *testing.T) {
	dir := t.TempDir()
	x := record.NewExchange(2)
	w := x.NewWriter()
	s, err := Open(Config{Dir: dir, MaxBytes: 1 << 30, MaxAge: forever, Names: site{}}, x)
	if err != nil {
		t.Fatal(err)
	}
	feed(w, 0, 100)
	s.add(<-x.Full())
	inTheWay := strings.TrimSuffix(s.journal.path, journalSuffix) + newSuffix
	if err := os.Mkdir(inTheWay, 0o750); err != nil {
		t.Fatal(err)
	}
	s.flush(s.opened.Add(s.cfg.Rotate))
	s.wait.Wait()
	if st := s.Stats(); !strings.Contains(st.Err, "is a directory") || st.Bad+st.Segments > 0 || count(t, dir) != 100 {
		t.Errorf("with a directory in the way: %+v, %d rows, want 100", st, count(t, dir))
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	s.flush(time.Now().Add(retryEvery + s.cfg.Rotate))
	s.wait.Wait()
	if st := s.Stats(); st.Err != "" || st.Segments != 1 || count(t, dir) != 100 {
		t.Errorf("with nothing in the way: %+v, %d rows, want 100 in a segment", st, count(t, dir))
	}
}
