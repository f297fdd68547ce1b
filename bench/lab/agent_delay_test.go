package lab

import (
	"fmt"
	"slices"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"

	"weir/decoder/witness"
)

// checkDelay measures how long after its cause an event arrives at the
// collector. The clock starts before the cause: what libvirt or ovs-vsctl need
// themselves is in it.
func checkDelay(t *testing.T, c *computeNode) {
	const n = 50
	rpc := golibvirt.NewWithDialer(dialers.NewLocal(dialers.WithSocket(c.dir + "/run/libvirt-sock")))
	c.must(rpc.Connect())
	defer func() { _ = rpc.Disconnect() }()
	dom, err := rpc.DomainLookupByName(c.a.Name)
	c.must(err)
	// Somebody else whom libvirt tells the same: what comes later is the agent's.
	messages, err := rpc.LifecycleEvents(t.Context())
	c.must(err)
	told := make(chan time.Time, 2*n)
	go func() {
		for range messages {
			told <- time.Now()
		}
	}()
	// A loaded machine may be late; what is measured is in the log.
	const limit = time.Second
	for _, s := range []struct {
		what    string
		do      func(i int)
		event   func(i int) string
		subject string
	}{
		{"libvirt", func(i int) {
			if i%2 == 0 {
				c.must(rpc.DomainSuspend(dom))
			} else {
				c.must(rpc.DomainResume(dom))
			}
		}, func(i int) string {
			if i%2 == 0 {
				return witness.InstancePaused
			}
			return witness.InstanceResumed
		}, c.a.UUID},
		{"Open vSwitch", func(i int) {
			c.VSCtl("--no-wait", "--", "--id=@s", "create", "sFlow", fmt.Sprintf("sampling=%d", i+1), `targets="10.200.0.1:6345"`, "--", "set", "bridge", "br0", "sflow=@s")
		}, func(int) string { return witness.OVSSFlowChanged }, "br0"},
	} {
		var delays, own []time.Duration
		for i := range n {
			since := time.Now()
			s.do(i)
			e := c.ear.event(c.lab, s.event(i), s.subject, since, soon)
			if e.at.IsZero() {
				return
			}
			delays = append(delays, e.at.Sub(since))
			select {
			case at := <-told:
				own = append(own, max(0, e.at.Sub(at)))
			default:
			}
		}
		p99 := rank(delays, 99)
		t.Logf("%s: %d events, median %v, p99 %v after the cause began", s.what, n, rank(delays, 50), p99)
		if len(own) > 0 {
			t.Logf("%s: %d events, median %v, p99 %v after another listener", s.what, len(own), rank(own, 50), rank(own, 99))
		}
		if p99 > limit {
			t.Errorf("%s: p99 of the delay is %v, want at most %v", s.what, p99, limit)
		}
	}
	c.VSCtl("--no-wait", "clear", "bridge", "br0", "sflow")
}

// rank returns a percentile; it sorts.
func rank(all []time.Duration, percent int) time.Duration {
	slices.Sort(all)
	return all[max(0, (len(all)*percent+99)/100-1)]
}
