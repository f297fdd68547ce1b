package libvirt

import (
	"testing"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// TestExamineTellsWhoseEndIsSeen: doctor counts the processes that are found.
func TestExamineTellsWhoseEndIsSeen(t *testing.T) {
	kernelTells(t)
	d := newDaemon(t)
	d.domains = []golibvirt.DomainStatsRecord{record(1, running, 1), record(2, running, 1), record(3, shutoff, 1)}
	one := newStandIn(t, uuid(1), "")
	s := New(Options{Sockets: []string{d.socket}})
	text := func() (got string, ok bool) {
		for _, f := range s.Examine(t.Context()) {
			if f.What == "processes of virtual machines" {
				return f.Text, f.OK
			}
		}
		return "", false
	}
	if got, ok := text(); ok || got != "the end of 1 of 2 is seen at once, of the others when libvirt tells" {
		t.Errorf("%v, %s", ok, got)
	}
	newStandIn(t, uuid(2), "")
	if got, ok := text(); !ok || got != "the end of 2 of 2 is seen at once" {
		t.Errorf("%v, %s", ok, got)
	}
	_ = one.Process.Kill()
	_ = one.Wait()
	d.set(func() { d.domains = d.domains[2:] })
	if got, _ := text(); got != "" {
		t.Errorf("without a running domain: %s", got)
	}
}
