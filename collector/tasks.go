package collector

import (
	"context"
	"errors"
	"time"
)

// askTime bounds how long somebody who asks waits for a goroutine to be free.
const askTime = 5 * time.Second

// What those are told who ask too early, or while there is too much to do.
var (
	errStarting = errors.New("the collector is starting; ask again")
	errBusy     = errors.New("the collector is busy; ask again")
)

// handTo has the goroutine that takes tasks do something, and waits until it is
// done.
func handTo(ctx context.Context, tasks chan<- func(), do func()) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	done := make(chan struct{})
	select {
	case tasks <- func() { defer close(done); do() }:
		<-done
		return nil
	case <-ctx.Done():
		return errBusy
	}
}
