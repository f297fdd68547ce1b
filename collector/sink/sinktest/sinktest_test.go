package sinktest

import (
	"runtime"
	"testing"
)

// A thread that ends takes what it has started along: none does that has started a
// server.
func TestProcessesOutliveThreads(t *testing.T) {
	var all []*Process
	for range 20 {
		all = append(all, Start(t, nil, "sleep", "1000"))
		end := make(chan struct{})
		go func() {
			defer close(end)
			runtime.LockOSThread() // never unlocked, as by the collector
		}()
		<-end
	}
	for i, p := range all {
		select {
		case <-p.done:
			t.Errorf("process %d has ended", i)
		default:
		}
	}
}
