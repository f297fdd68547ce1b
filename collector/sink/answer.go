package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Partial is the error of a Send that has done a part of its batch.
type Partial struct {
	Sent int   // changes that arrived, from the first
	Err  error // of the change after them
}

func (e *Partial) Error() string { return e.Err.Error() }
func (e *Partial) Unwrap() error { return e.Err }

// ErrPermanent is wrapped by the error of a change that the other side will
// never take: it is not sent again.
var ErrPermanent = errors.New("refused for good")

// Later is an error whose other side said when to try again.
type Later struct {
	After time.Duration
	Err   error
}

func (e *Later) Error() string { return e.Err.Error() }
func (e *Later) Unwrap() error { return e.Err }

// Each sends the changes one by one with send, and stops at the first error.
func Each[T any](batch []T, send func(*T) error) error {
	for i := range batch {
		if err := send(&batch[i]); err != nil {
			return &Partial{i, err}
		}
	}
	return nil
}

// Recorder collects what the other side answers.
type Recorder struct {
	mu    sync.Mutex
	lines []string
}

// Lines returns what was answered so far.
func (r *Recorder) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

type recorderKey struct{}

// WithRecorder returns a context whose sends record the answers in r.
func WithRecorder(ctx context.Context, r *Recorder) context.Context {
	return context.WithValue(ctx, recorderKey{}, r)
}

// Answered tells what the other side answered to whoever asked for it. A sink
// calls it for each answer; mostly nobody asks.
func Answered(ctx context.Context, format string, args ...any) {
	r, ok := ctx.Value(recorderKey{}).(*Recorder)
	if !ok {
		return
	}
	const most = 16 // lines
	line := Printable(fmt.Sprintf(format, args...), 300)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) < most {
		r.lines = append(r.lines, line)
	}
}

// Printable is text from outside on one line of at most n bytes: control
// characters are spaces.
func Printable(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == ' ' }), " ")
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 { // not inside a character
		n--
	}
	return s[:n] + "…"
}
