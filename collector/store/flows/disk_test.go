package flows

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/collector/record"
	"weir/decoder"
)

// A disk that is full costs history alone: what was kept is there, what could not
// be is counted, and it goes on once there is room.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("a small file system cannot be mounted: ", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
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
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
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
