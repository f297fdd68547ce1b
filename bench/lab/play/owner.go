package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// owner is who the lab belongs to: it keeps what is to be undone.
type owner struct {
	verbose bool

	mu   sync.Mutex
	undo []func()
}

// failure is what Fatalf panics with; whoever plays a run recovers from it.
type failure string

// failed is the failure in what recover returned; other panics go on.
func failed(v any) (string, bool) {
	if v == nil {
		return "", false
	}
	f, ok := v.(failure)
	if !ok {
		panic(v)
	}
	return string(f), true
}

func (o *owner) Helper() {}

func (o *owner) Log(args ...any) {
	if o.verbose {
		fmt.Fprintln(os.Stderr, args...)
	}
}

func (o *owner) Logf(format string, args ...any) { o.Log(fmt.Sprintf(format, args...)) }

func (o *owner) Error(args ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"lab:"}, args...)...)
}

func (o *owner) Errorf(format string, args ...any) { o.Error(fmt.Sprintf(format, args...)) }

func (o *owner) Fatal(args ...any) { panic(failure(strings.TrimSpace(fmt.Sprintln(args...)))) }

func (o *owner) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

func (o *owner) Skip(args ...any) { o.Fatal(args...) }

// Failed keeps quiet what all programs have printed: Errorf has said what failed.
func (o *owner) Failed() bool { return false }

func (o *owner) Cleanup(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.undo = append(o.undo, f)
}

func (o *owner) TempDir() string {
	dir, err := os.MkdirTemp("", "weirplay")
	if err != nil {
		o.Fatal(err)
	}
	o.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// close undoes everything, the last first.
func (o *owner) close() {
	for {
		o.mu.Lock()
		n := len(o.undo)
		if n == 0 {
			o.mu.Unlock()
			return
		}
		f := o.undo[n-1]
		o.undo = o.undo[:n-1]
		o.mu.Unlock()
		func() {
			defer func() {
				if why, ok := failed(recover()); ok {
					fmt.Fprintln(os.Stderr, "lab: while taking it down:", why)
				}
			}()
			f()
		}()
	}
}
