package lab

import (
	"testing"
)

// A thread that ends takes what it has started along: none does that has started a
// process of the lab.
func TestProcessesOutliveThreads(t *testing.T) {
	l := NewBare(t)
	ns := l.Namespace("n")
	var all []*Process
	for range 20 {
		all = append(all, l.Start(ns, nil, "sleep", "1000"))
		<-l.Go(ns, func() {})
	}
	for i, p := range all {
		if code, ended := p.Wait(0); ended {
			t.Errorf("process %d has ended with exit code %d", i, code)
		}
	}
}
