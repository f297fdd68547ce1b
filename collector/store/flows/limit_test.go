package flows

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"weir/collector/record"
	"weir/decoder"
	"weir/decoder/packet"
)

// occupied is what a directory of flow samples holds, without rollups, in octets.
func occupied(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if e != nil && e.Name() == rollupDir {
				return fs.SkipDir
			}
			return nil // it has gone meanwhile
		}
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The limit of bytes holds while a journal grows and while a segment is made of the
// last, not only after it was applied.
func TestBytesAreNeverAboveTheLimit(t *testing.T) {
	const most = 2 << 20
	x := record.NewExchange(2)
	s, err := Open(Config{Dir: t.TempDir(), MaxBytes: most, MaxAge: forever, Names: site{}}, x)
	if err != nil {
		t.Fatal(err)
	}
	w, r, full := x.NewWriter(), rand.New(rand.NewPCG(1, 2)), 0
	f := &decoder.Flow{Arrival: &decoder.Arrival{At: epoch}}
	f.Header.HasKey, f.Header.Depth, f.FrameLength, f.Est.SamplingRate = true, 3, 1000, 10
	for round := range 400 {
		for range 500 {
			f.Arrival.At = f.Arrival.At.Add(time.Millisecond)
			f.Header.Key.Src, f.Header.Key.Dst = address(r.Uint32()), address(r.Uint32())
			w.Add(f)
		}
		w.Flush()
		s.add(<-x.Full())
		n := occupied(t, s.Dir())
		if n > most {
			t.Fatalf("round %d: %d octets, at most %d wanted", round, n, most)
		}
		if n > most/2 {
			full++
		}
		if round%7 == 6 {
			s.flush(time.Now())
			if round%2 == 0 { // else the next rows come while it is made
				s.wait.Wait()
			}
		}
	}
	s.drain()
	if st := s.Stats(); st.Rows < 100_000 || st.Deleted == 0 || full < 100 {
		t.Errorf("kept %d, lost %d, deleted %d, more than half full %d times of 400", st.Rows, st.Lost, st.Deleted, full)
	}
}

// A segment takes more than its journal where rows have few keys that differ in
// everything: the limit holds for these too.
func TestBytesAreNotAboveTheLimitOfFewKeys(t *testing.T) {
	const most = 16 << 20
	x := record.NewExchange(2)
	s, err := Open(Config{Dir: t.TempDir(), MaxBytes: most, MaxAge: forever, Names: site{}}, x)
	if err != nil {
		t.Fatal(err)
	}
	w, r := x.NewWriter(), rand.New(rand.NewPCG(1, 2))
	f := &decoder.Flow{Arrival: &decoder.Arrival{At: epoch}}
	f.Header.HasKey, f.Header.Depth, f.Est.SamplingRate = true, packet.DepthTransport, 10
	stop, ended, greatest := make(chan bool), make(chan bool), int64(0)
	go func() { // looks while segments are made
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				greatest = max(greatest, occupied(t, s.Dir()))
			}
		}
	}()
	const keys = 250
	for round := range 2_600_000 / record.Rows {
		for range record.Rows {
			f.Arrival.At = f.Arrival.At.Add(11 * time.Microsecond)
			k := uint32(r.IntN(keys))
			f.Header.Key.Src, f.Header.Key.Dst, f.Header.Key.Proto = address(k*7), address(k*k), uint8(k)
			f.Header.Key.SrcPort, f.Header.Key.DstPort, f.Header.TCPFlags, f.Header.TTL, f.Header.TOS = uint16(k*77), uint16(k*k), uint8(k*3), uint8(k*5), uint8(k)
			f.Sample.Input.Value, f.Sample.Output.Value, f.Header.EtherType = k*3%250, k*11%250, uint16(k)
			f.Est.Vantage.Agent, f.FrameLength = 1+k%100, 64+r.Uint32N(200)
			w.Add(f)
		}
		w.Flush()
		for len(x.Full()) > 0 {
			s.add(<-x.Full())
		}
		if s.flush(time.Now()); round%20 == 0 { // else the next rows come while it is made
			s.wait.Wait()
		}
	}
	s.drain()
	close(stop)
	<-ended
	if st := s.Stats(); greatest > most || greatest < most*3/4 || st.Deleted == 0 || st.Lost > 0 {
		t.Errorf("%d octets, at most %d wanted: %+v", greatest, most, st)
	}
}

// What is too old goes though nothing comes any more.
func TestAgeHoldsWithoutTraffic(t *testing.T) {
	x := record.NewExchange(1)
	s, err := Open(Config{Dir: t.TempDir(), MaxAge: 1500 * time.Millisecond, Rotate: 100 * time.Millisecond, Names: site{}}, x)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	w := x.NewWriter()
	f := &decoder.Flow{Arrival: &decoder.Arrival{At: time.Now()}}
	f.Header.HasKey, f.Header.Depth, f.FrameLength, f.Est.SamplingRate = true, 3, 1000, 10
	w.Add(f)
	w.Flush()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		st := s.Stats()
		if st.Deleted > 0 && st.Segments == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after a minute %+v", st)
		}
	}
}
