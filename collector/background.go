package collector

import (
	"context"
	"sync"
)

// background has goroutines that run until end. The zero value has none.
type background struct {
	stop context.CancelFunc
	done sync.WaitGroup
}

// run starts a goroutine for each, once.
func (b *background) run(all ...func(context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	for _, do := range all {
		b.done.Go(func() { do(ctx) })
	}
}

// end stops them and waits; it may be called again. It reports whether there were
// any.
func (b *background) end() bool {
	if b.stop == nil {
		return false
	}
	b.stop()
	b.done.Wait()
	return true
}
