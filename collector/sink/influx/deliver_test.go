package influx

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
)

// script is a server that judges blocks by a function.
type script struct {
	judge    func(block []byte) answer
	requests int
	taken    map[string]int
}

func (s *script) send(_ context.Context, block []byte) answer {
	s.requests++
	a := s.judge(block)
	if a.verdict == accepted {
		for l := range strings.Lines(string(block)) {
			s.taken[l]++
		}
	}
	return a
}

func TestDeliver(t *testing.T) {
	var all bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&all, "m,i=%d v=1i\n", i)
	}
	block := all.Bytes()
	bad := func(lines ...string) func([]byte) answer {
		return func(b []byte) answer {
			n := 0
			for _, l := range lines {
				n += bytes.Count(b, []byte(l+" "))
			}
			if n > 0 {
				return answer{verdict: rejected, message: fmt.Sprintf("partial write: dropped=%d", n)}
			}
			return answer{verdict: accepted}
		}
	}
	for _, c := range []struct {
		name     string
		judge    func([]byte) answer
		verdict  verdict
		taken    int
		rejected int
		requests int // at most
	}{
		{"all well", bad(), accepted, 1000, 0, 1},
		{"one bad line", bad("m,i=700"), accepted, 999, 1, 22},
		{"first and last are bad", bad("m,i=0", "m,i=999"), accepted, 998, 2, 42},
		{"all are bad, and the server says so", func(b []byte) answer {
			return answer{verdict: rejected, message: fmt.Sprintf("partial write: points beyond retention policy dropped=%d", lines(b))}
		}, accepted, 0, 1000, 1},
		{"all are bad, and the server does not say so", func([]byte) answer { return answer{verdict: rejected} }, accepted, 0, 1000, 2*maxSearches + 2},
		{"takes twenty lines at a time", func(b []byte) answer {
			if lines(b) > 20 {
				return answer{verdict: tooLarge}
			}
			return answer{verdict: accepted}
		}, accepted, 1000, 0, 150},
		{"takes nothing", func([]byte) answer { return answer{verdict: tooLarge} }, accepted, 0, 1000, 2000},
		{"goes away in the middle", func(b []byte) answer {
			if bytes.Contains(b, []byte("m,i=0 ")) && lines(b) > 10 {
				return answer{verdict: tooLarge}
			}
			return answer{verdict: later}
		}, later, 0, 0, 10},
		{"knows nobody", func([]byte) answer { return answer{verdict: operator} }, operator, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{judge: c.judge, taken: map[string]int{}}
			a, rejects := deliver(t.Context(), s, block)
			n := 0
			for _, r := range rejects {
				n += r.points
				if r.points != lines(r.lines) {
					t.Errorf("%d points of %d lines", r.points, lines(r.lines))
				}
			}
			if a.verdict != c.verdict || len(s.taken) != c.taken || n != c.rejected || s.requests > c.requests {
				t.Errorf("verdict %d, %d taken, %d rejected, %d requests; want %d, %d, %d, at most %d",
					a.verdict, len(s.taken), n, s.requests, c.verdict, c.taken, c.rejected, c.requests)
			}
		})
	}
}
