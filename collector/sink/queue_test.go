package sink

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func numbers(from, to int) []int {
	var all []int
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

func TestQueueSendsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		q := NewQueue("test", 10000, func(_ context.Context, b []int) error {
			if len(b) > maxBatch {
				t.Errorf("a batch of %d", len(b))
			}
			got = append(got, b...)
			return nil
		}, nil)
		for i := range 3000 {
			q.Put(i + 1)
			if i%700 == 0 {
				synctest.Wait()
			}
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		stats := q.Stats()
		if !slices.Equal(got, numbers(1, 3000)) {
			t.Errorf("%d elements, not 1 to 3000 in order", len(got))
		}
		if diff := cmp.Diff(Stats{Name: "test", Limit: 10000, Sent: 3000}, stats); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if q.Put(1); q.Stats().Dropped != 1 {
			t.Error("an element put after Close is not counted as dropped")
		}
	})
}

func TestQueueNeverBlocksUnderABlockedSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		release := make(chan struct{})
		q := NewQueue("slow", 100, func(_ context.Context, b []int) error {
			<-release
			got = append(got, b...)
			return nil
		}, nil)
		q.Put(0)
		synctest.Wait() // 0 is being sent
		start := time.Now()
		for i := 1; i <= 1000; i++ {
			q.Put(i)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("Put blocked for %v", d)
		}
		if s := q.Stats(); s.Dropped != 900 || s.Queued != 100 {
			t.Errorf("dropped %d, queued %d; want 900, 100", s.Dropped, s.Queued)
		}
		close(release)
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		stats := q.Stats()
		if want := append([]int{0}, numbers(901, 1000)...); !slices.Equal(got, want) {
			t.Errorf("sent %v, want the newest 100", got)
		}
		if stats.Sent != 101 || stats.Dropped != 900 || stats.Failed != 0 {
			t.Errorf("stats %+v", stats)
		}
	})
}

func TestQueueClosesAtTheDeadline(t *testing.T) {
	for _, c := range []struct {
		name string
		heed bool // the sink heeds its context
		want time.Duration
		stat Stats
	}{
		{"sink that heeds the context", true, 5 * time.Second, Stats{Name: "x", Limit: 1000, Failed: maxBatch, Dropped: 500 - maxBatch}},
		{"sink that does not", false, 6 * time.Second, Stats{Name: "x", Limit: 1000, Queued: 500 - maxBatch}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stuck := make(chan struct{})
				q := NewQueue("x", 1000, func(ctx context.Context, _ []int) error {
					if c.heed {
						<-ctx.Done()
						return ctx.Err()
					}
					<-stuck
					return nil
				}, nil)
				q.Put(make([]int, 500)...)
				synctest.Wait()
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				err := q.Close(ctx)
				if want := "sink x: too slow to take everything before the end: 244 dropped"; err == nil || err.Error() != want {
					t.Errorf("error %v, want %s", err, want)
				}
				if d := time.Since(start); d != c.want {
					t.Errorf("closed after %v, want %v", d, c.want)
				}
				if diff := cmp.Diff(c.stat, q.Stats()); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				close(stuck)
			})
		})
	}
}

func TestQueueCountsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		var told error
		var lost int
		q := NewQueue("down", 10, func(context.Context, []string) error { return refused },
			func(err error, n int) { told, lost = err, lost+n })
		q.Put("a", "b", "c")
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if s := q.Stats(); s.Failed != 3 || s.Sent != 0 {
			t.Errorf("stats %+v, want 3 failed", s)
		}
		if !errors.Is(told, refused) || lost != 3 {
			t.Errorf("told %v of %d, want 3", told, lost)
		}
	})
}

func TestQueueClosesTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue("x", 1, func(context.Context, []int) error { return nil }, nil)
		for range 2 {
			if err := q.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}
