package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/detect"
)

// script is a Sink that answers as it is told, and notes what arrives when.
type script struct {
	answer  func(try int, batch []detect.Alert) error
	try     int
	arrived []string
	begin   time.Time

	mu      sync.Mutex // guards what follows
	probe   error
	refresh int
}

func (s *script) Send(ctx context.Context, batch []detect.Alert) error {
	s.try++
	err := s.answer(s.try, batch)
	n := len(batch)
	if p, ok := errors.AsType[*Partial](err); ok {
		n = p.Sent
	} else if err != nil {
		n = 0
	}
	for _, a := range batch[:n] {
		s.arrived = append(s.arrived, fmt.Sprintf("%s %v", a.ID, time.Since(s.begin)))
	}
	if err == nil {
		Answered(ctx, "taken %d\nby it", n)
	}
	return err
}

func (s *script) Probe(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.probe
}

func (s *script) Refresh(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh++
	return nil
}

func numbered(from, to int) (all []detect.Alert) {
	for i := from; i <= to; i++ {
		all = append(all, detect.Alert{ID: fmt.Sprint(i)})
	}
	return all
}

// outlet runs a test with an outlet on a clock of its own, without jitter.
func outlet(t *testing.T, s *script, opt Options, run func(t *testing.T, o *Outlet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s.begin = time.Now()
		opt.Random = func(d time.Duration) time.Duration { return d }
		o := NewOutlet("test", s, opt)
		run(t, o)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = o.Close(ctx)
		synctest.Wait()
	})
}

var errDown = errors.New("down")

func TestOutletTriesAgainUntilItArrives(t *testing.T) {
	s := &script{answer: func(try int, _ []detect.Alert) error {
		if try < 4 {
			return errDown
		}
		return nil
	}}
	outlet(t, s, Options{}, func(t *testing.T, o *Outlet) {
		o.Put(numbered(1, 1)[0])
		time.Sleep(time.Second)
		synctest.Wait()
		if since, err := o.Failing(); !errors.Is(err, errDown) || !since.Equal(s.begin) {
			t.Errorf("failing %v since %v", err, since)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		// 0.5 s, 1 s and 2 s
		if diff := cmp.Diff([]string{"1 3.5s"}, s.arrived); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if _, err := o.Failing(); err != nil {
			t.Errorf("failing still: %v", err)
		}
		if diff := cmp.Diff(Stats{Name: "test", Limit: 4096, Sent: 1}, o.Stats()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestOutletGoesOnWhereABatchStopped(t *testing.T) {
	var lost int
	s := &script{answer: func(try int, batch []detect.Alert) error {
		switch try {
		case 1:
			return &Partial{2, errDown}
		case 2:
			return &Partial{1, fmt.Errorf("bad one: %w", ErrPermanent)}
		}
		return nil
	}}
	outlet(t, s, Options{OnError: func(_ error, n int) { lost += n }}, func(t *testing.T, o *Outlet) {
		o.queue.Put(entries(numbered(1, 6))...)
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"1 0s", "2 0s", "3 500ms", "5 500ms", "6 500ms"}, s.arrived); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if s := o.Stats(); s.Sent != 5 || s.Failed != 1 || lost != 1 {
			t.Errorf("%+v, told of %d lost; want 4 lost", s, lost)
		}
	})
}

func entries(all []detect.Alert) (out []entry) {
	for _, a := range all {
		out = append(out, entry{alert: a})
	}
	return out
}

func TestOutletWaitsAsItIsTold(t *testing.T) {
	s := &script{answer: func(try int, _ []detect.Alert) error {
		if try == 1 {
			return &Later{42 * time.Second, errDown}
		}
		return nil
	}}
	outlet(t, s, Options{}, func(t *testing.T, o *Outlet) {
		o.Put(numbered(1, 1)[0])
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"1 42s"}, s.arrived); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestOutletGivesUpWhatIsOld(t *testing.T) {
	s := &script{answer: func(int, []detect.Alert) error { return errDown }}
	outlet(t, s, Options{Limit: 10}, func(t *testing.T, o *Outlet) {
		o.Put(detect.Alert{ID: "first"})
		synctest.Wait()
		o.queue.Put(entries(numbered(1, 30))...)
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if st := o.Stats(); st.Failed != 0 || st.Dropped != 20 || st.Queued != 10 {
			t.Errorf("%+v", st)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if st := o.Stats(); st.Failed != 1 {
			t.Errorf("%+v, want one given up", st)
		}
	})
}

func TestOutletClosesInTheMiddleOfAPause(t *testing.T) {
	s := &script{answer: func(try int, _ []detect.Alert) error {
		if try == 1 {
			return errDown
		}
		return nil
	}}
	outlet(t, s, Options{First: time.Hour}, func(t *testing.T, o *Outlet) {
		o.Put(numbered(1, 1)[0])
		synctest.Wait()
		begin := time.Now()
		if err := o.Close(t.Context()); err != nil || time.Since(begin) > 0 {
			t.Errorf("closed after %v: %v", time.Since(begin), err)
		}
		if diff := cmp.Diff([]string{"1 0s"}, s.arrived); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestOutletGathersAfterABurst(t *testing.T) {
	var sizes []int
	s := &script{answer: func(_ int, b []detect.Alert) error { sizes = append(sizes, len(b)); return nil }}
	outlet(t, s, Options{Burst: 3, Gather: 59300 * time.Millisecond}, func(t *testing.T, o *Outlet) {
		for _, a := range numbered(1, 200) {
			o.Put(a)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if want := []int{1, 1, 1, 59, 59, 59}; !slices.Equal(sizes, want) {
			t.Errorf("batches of %v, want %v", sizes, want)
		}
	})
}

func TestOutletTellsTheAnswer(t *testing.T) {
	s := &script{answer: func(try int, _ []detect.Alert) error {
		if try == 2 {
			return errDown
		}
		return nil
	}}
	outlet(t, s, Options{}, func(t *testing.T, o *Outlet) {
		if got := o.Test(t.Context(), numbered(1, 1)[0]); got.Err != nil || !slices.Equal(got.Lines, []string{"taken 1 by it"}) {
			t.Errorf("%+v", got)
		}
		if got := o.Test(t.Context(), numbered(2, 2)[0]); !errors.Is(got.Err, errDown) || len(got.Lines) != 0 {
			t.Errorf("%+v", got)
		}
		s.answer = func(int, []detect.Alert) error { return errDown }
		o.Put(numbered(3, 3)[0])
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		got := o.Test(ctx, numbered(4, 4)[0])
		if got.Err == nil || !strings.HasPrefix(got.Err.Error(), "waits behind changes that cannot be sent since 2000-01-01T00:00:00Z\ndown") {
			t.Errorf("%v", got.Err)
		}
	})
}

func TestOutletProbesAndRefreshes(t *testing.T) {
	s := &script{answer: func(int, []detect.Alert) error { return nil }, probe: errDown}
	outlet(t, s, Options{Probe: true}, func(t *testing.T, o *Outlet) {
		synctest.Wait()
		if _, err := o.Failing(); !errors.Is(err, errDown) {
			t.Errorf("failing %v", err)
		}
		s.mu.Lock()
		s.probe = nil
		s.mu.Unlock()
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		s.mu.Lock()
		refreshed := s.refresh
		s.mu.Unlock()
		if _, err := o.Failing(); err != nil || refreshed != 3 {
			t.Errorf("failing %v, refreshed %d times, want 3", err, refreshed)
		}
	})
}

// One that hangs holds up nobody who puts.
func TestOutletsAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		slow := NewOutlet("slow", &script{answer: func(int, []detect.Alert) error { <-hang; return nil }}, Options{Limit: 5})
		good := &script{answer: func(int, []detect.Alert) error { return nil }, begin: time.Now()}
		quick := NewOutlet("quick", good, Options{})
		for _, a := range numbered(1, 20) {
			slow.Put(a)
			quick.Put(a)
		}
		synctest.Wait()
		if len(good.arrived) != 20 {
			t.Errorf("%d arrived beside a sink that hangs", len(good.arrived))
		}
		close(hang)
		_, _ = slow.Close(t.Context()), quick.Close(t.Context())
	})
}

func TestPrintableKeepsOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nb\x00\x1b[31mc\u0085 d": "a b [31mc d", "\xff": "?", "ääää": "ää…", " ": "",
	} {
		n := 300
		if in == "ääää" {
			n = 5
		}
		if got := Printable(in, n); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestOutletKnowsWhatTheOtherSideDoesNot(t *testing.T) {
	change := func(key string, c detect.Change) detect.Alert { return detect.Alert{Key: key, ID: key, Change: c} }
	var down atomic.Bool // the outlet's goroutine reads it
	down.Store(true)
	s := &script{answer: func(int, []detect.Alert) error {
		if down.Load() {
			return errDown
		}
		return nil
	}}
	outlet(t, s, Options{Limit: 8, GiveUp: 10 * time.Minute}, func(t *testing.T, o *Outlet) {
		known := func(want ...string) {
			t.Helper()
			var got []string
			for _, a := range o.Unsettled() {
				got = append(got, a.Key+" "+string(a.Change))
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		}
		o.Put(change("a", detect.Start))
		synctest.Wait()
		o.Put(change("a", detect.Update))
		o.Put(change("b", detect.Update))
		o.Put(change("c", detect.Start))
		o.Put(change("c", detect.End))
		known("a start", "b update", "c end")
		for _, a := range numbered(1, 8) { // those above have to make room, but for the one under way
			a.Key, a.Change = a.ID, detect.Start
			o.Put(a)
		}
		known("1 start", "2 start", "3 start", "4 start", "5 start", "6 start", "7 start", "8 start", "a start")
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		lost := o.TakeLost()
		if len(lost) != 1 || lost[0].Key != "a" || len(o.TakeLost()) != 0 {
			t.Errorf("lost %v, want a", lost)
		}
		down.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		known()
		down.Store(true)
		o.Put(change("d", detect.Start))
		synctest.Wait()
		_ = o.Close(t.Context())
		known("d start")
	})
}
