package fact

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
)

// TestHostLoad: what is nearly full for three polls, and 25 s at least, is told, and
// its end; a short burst is not, nor what the host does not count.
func TestHostLoad(t *testing.T) {
	const idle, full = 100, 990 // thousandths busy
	many := func(n int, v uint32) (all []uint32) {
		for range n {
			all = append(all, v)
		}
		return all
	}
	for _, c := range []struct {
		name  string
		every time.Duration
		busy  []uint32
		free  uint64 // memory, of 1000
		want  []string
	}{
		{"at ease", 10 * time.Second, many(20, idle), 500, nil},
		{"two polls", 20 * time.Second, append(many(2, full), many(9, idle)...), 500, nil},
		{"three polls", 20 * time.Second, many(3, full), 500, []string{"0 above 990"}},
		{"a burst of 20 s, polled each second", time.Second, append(many(20, full), many(30, idle)...), 500, nil},
		{"and of 30 s", time.Second, many(30, full), 500, []string{"0 above 990"}},
		{"over", 20 * time.Second, append(many(5, full), many(5, idle)...), 500, []string{"0 above 990", "0 below 100"}},
		{"memory", 20 * time.Second, many(5, idle), 20, []string{"1 above 980"}},
		{"memory that is not counted", 20 * time.Second, many(5, idle), 1<<64 - 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed(t)
			var got []string
			user, rest := uint32(0), uint32(0)
			poll := func(busy uint32) {
				user, rest = user+busy, rest+1000-busy
				f.send(func(b *sflow.Builder) {
					b.CounterSample(&sflow.CounterSample{Sequence: 1, Source: sflow.DataSource{Class: sflow.ClassEntity, Index: 1}}, false,
						&sflow.HostCPU{Uptime: uint32(f.now.Unix() - start.Unix() + 1000), CPUUser: sflow.Counter32(user), CPUIdle: sflow.Counter32(rest)},
						&sflow.HostMemory{Total: 1000, Free: c.free})
				})
				for _, x := range f.tick(c.every) {
					if x.Kind == HostLoad {
						got = append(got, fmt.Sprintf("%d %s %d", x.Index, map[uint64]string{0: "below", 1: "above"}[x.A], x.B))
					}
				}
			}
			poll(idle)
			for _, busy := range c.busy {
				poll(busy)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
