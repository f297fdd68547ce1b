package influx

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/sink/influx/influxtest"
)

// TestReplayLetsLiveDataPass has some seconds of replay wait, and looks for a
// point that is written meanwhile.
func TestReplayLetsLiveDataPass(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const blocks = 40
	spooled(t, dir, blocks)
	p := influxtest.StartProxy(t, "")
	p.Set(influxtest.Fault{Slow: 20 * time.Millisecond})
	s, _ := newTest(t, p.URL, dir, nil)
	s.WriteLines([]byte("new v=1i 1\n"), 1)
	start := time.Now()
	for p.Lines()["new v=1i 1"] == 0 {
		if time.Since(start) > patience {
			t.Fatal("a point that is written while others are replayed does not arrive")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if st := s.Stats(); st.Spool.Points == 0 {
		t.Errorf("%v: the replay was over before, it is not limited: %+v", time.Since(start), st)
	}
	for end := time.Now().Add(patience); s.Stats().Spool.Points > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(start)
	if least := time.Duration(float64(blocks*blockSize) / replayRate * 0.8 * float64(time.Second)); took < least {
		t.Errorf("replayed in %v, the limit is %v", took, least)
	}
	if n := len(p.Lines()); n != blocks+1 {
		t.Errorf("lines of %d blocks arrived, want %d", n-1, blocks)
	}
}

// spooled makes a spool of so many blocks in dir.
func spooled(t *testing.T, dir string, blocks int) {
	t.Helper()
	sp := openTest(t, dir, 64<<20)
	for i := range blocks {
		b := bytes.Repeat(fmt.Appendf(nil, "old,i=%d v=1i 1\n", i), blockSize/17)
		if _, err := sp.append(b, lines(b), int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := sp.close(); err != nil {
		t.Fatal(err)
	}
}

// TestClosesAmidReplay: a replay that is under way ends with the sink, and what it
// did not send is sent the next time.
func TestClosesAmidReplay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const blocks = 4
	spooled(t, dir, blocks)
	p := influxtest.StartProxy(t, "")
	p.Set(influxtest.Fault{Hang: true})
	s, _ := newTest(t, p.URL, dir, nil)
	asked := func() bool {
		s.gate.mu.Lock()
		defer s.gate.mu.Unlock()
		return s.gate.busy
	}
	for end := time.Now().Add(patience); !asked(); {
		if time.Now().After(end) {
			t.Fatal("nothing is replayed")
		}
		time.Sleep(time.Millisecond)
	}
	closed := make(chan error)
	go func() { closed <- s.Close(context.Background()) }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the sink does not close")
	}
	p.Set(influxtest.Fault{})
	s, _ = newTest(t, p.URL, dir, nil)
	if st := await(t, s); st.Spool.Points != 0 || len(p.Lines()) != blocks {
		t.Errorf("%+v and lines of %d blocks, want all of %d", st, len(p.Lines()), blocks)
	}
}

// TestBlockIsSentOnce: from memory or from the spool, at whatever moment of its way there
// it is looked for. What the server refuses of it would be counted and buried twice.
func TestBlockIsSentOnce(t *testing.T) {
	t.Parallel()
	s := newSink(Config{URL: "http://127.0.0.1:1", Bucket: "weir", Series: 1000, Dir: t.TempDir(), Spool: 64 << 20, Log: zerolog.Nop()})
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	s.WriteLines([]byte("m v=1i 1\n"), 1)
	now, sp := time.Now(), s.disk()
	s.mu.Lock()
	s.closeBlock(now)
	sent := s.queue.take()
	moved, next := make(chan bool, 1), make(chan bool, 1)
	go func() { moved <- s.toDisk(sp, s.queue.oldest(now.Add(time.Hour)), now) }()
	for st, _ := sp.snapshot(); st.Points == 0; st, _ = sp.snapshot() { // on disk, and its memory does not know
		time.Sleep(time.Millisecond)
	}
	go func() {
		_, ok := s.nextSpooled(sp)
		next <- ok
	}()
	time.Sleep(50 * time.Millisecond)
	s.mu.Unlock()
	if !<-moved || <-next {
		t.Error("a block that is being sent from memory is sent from the spool too")
	}
	seq, _ := s.landed(sent, false)
	if e, ok := s.nextSpooled(sp); !ok || e.seq != seq || string(e.block) != "m v=1i 1\n" {
		t.Errorf("a block that could not be sent from memory: %v, %+v", ok, e)
	}
	if s.landed(sent, true); seq == 0 {
		t.Error("it has no number in the spool")
	}
	if _, ok := s.nextSpooled(sp); ok {
		t.Error("a block that was sent from memory is sent from the spool too")
	}
}

// TestRoomIsNotMadeByWhatIsUnderWay: a block that is being sent or spooled is not dropped
// for a new one, which would count as lost what arrives.
func TestRoomIsNotMadeByWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	q := newQueue(30)
	for i := range 3 {
		q.put(&item{block: make([]byte, 10), points: i + 1, at: time.Unix(int64(i), 0)})
	}
	first := q.take()
	q.release(q.oldest(time.Unix(9, 0)))
	if lost := q.put(&item{block: make([]byte, 10), points: 4}); lost != 2 {
		t.Errorf("%d points lost beside what is being sent, want 2", lost)
	}
	if q.land(first, false); q.oldest(time.Unix(9, 0)) != first {
		t.Fatal("the oldest is another")
	}
	if lost := q.put(&item{block: make([]byte, 10), points: 5}); lost != 3 {
		t.Errorf("%d points lost beside what is being spooled, want 3", lost)
	}
}
