package sampler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Another payload and budget leave no gap between two samples, and lose none.
func TestChangeLeavesNoGap(t *testing.T) {
	each(t, func(t *testing.T, m Method) {
		w := newWire(t)
		var k keeper
		near := Interface{Index: w.index("near"), Name: "near", Rate: 1}
		s := w.run(Config{Method: m, Emit: k.emit, Header: 128}, near)
		frame := ethernet(0x800, ipv4(17, udp(1, 9, make([]byte, 80)))...)
		sent := 0
		// No more is sent than the ring holds: what was sent before is read first,
		// but for what found no ring at all.
		send := func() {
			n := len(k.all())
			w.send(w.fd, frame, 20)
			sent += 20
			for end := time.Now().Add(time.Second); len(k.all()) == n && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
		}
		until := func(octets int) {
			t.Helper()
			w.Eventually(patience, "another header", func() bool {
				send()
				all := k.all()
				return len(all) > 0 && len(all[len(all)-1].header.Header) == octets
			})
		}
		const layers = 14 + 20 + 8
		until(layers)
		s.Change(50, 16, 128)
		until(layers + 16)
		w.Eventually(patience, "all samples", func() bool { return len(k.all()) == sent })
		s.Change(50, 40, 256) // the kernel is to cut otherwise
		until(layers + 40)
		before := len(k.all()) // those of before may have been left in the old ring
		w.Eventually(patience, "samples after the change", func() bool {
			send()
			return len(k.all()) > before+100
		})
		all := k.all()
		sizes, seq := map[int]bool{}, uint32(0)
		for _, s := range all {
			sizes[len(s.header.Header)] = true
			if seq++; uint32(s.Sequence) != seq || s.Drops != 0 {
				t.Fatalf("sample %d: sequence %d, %d drops", seq, s.Sequence, s.Drops)
			}
		}
		if diff := cmp.Diff(map[int]bool{layers: true, layers + 16: true, layers + 40: true}, sizes); diff != "" {
			t.Errorf("lengths of headers (-want +got)\n%s", diff)
		}
	})
}
