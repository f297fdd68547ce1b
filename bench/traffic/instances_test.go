package traffic

import (
	"net/netip"
	"testing"
	"time"

	"weir/decoder/sflow"
)

func TestDemoTellsOfInstancesDiscardsAndVNIs(t *testing.T) {
	c := Demo(1)
	c.Duration = 15 * time.Second
	n := New(c)
	all := collect(t, n)
	hv1 := all[netip.MustParseAddr("10.255.1.1")]
	if len(hv1.instances) != 5 { // with the host
		t.Fatalf("%d hosts and instances, want 5: %v", len(hv1.instances), hv1.instances)
	}
	in, _, out, _ := n.PortCounters(c.Agents[5].Instances[3].At)
	vm := hv1.instances["instance-0104"]
	if busy := 0.8 * 6 * 24 * 3600e3; vm["cpu"] < busy || vm["cpu"] > busy+0.8*15e3 || vm["memory"] != 12*gib {
		t.Errorf("instance %v, want %.0f ms of CPU and what followed, 12 GiB", vm, busy)
	}
	if vm["rx"] > float64(out) || vm["rx"] < float64(out)/4 || vm["tx"] > float64(in) || vm["tx"] < float64(in)/4 {
		t.Errorf("instance %v, its port had %d in, %d out at the end", vm, in, out)
	}
	spine := all[netip.MustParseAddr("10.255.0.1")]
	if d := spine.discards; len(d) < 55 || len(d) > 61 || d[0].DropReason != 257 || d[0].Input != 3 || d[len(d)-1].Sequence != d[0].Sequence+sflow.Seq(len(d)-1) {
		t.Errorf("%d discarded packets, want 60 in a row: %+v", len(d), d[0])
	}
	if got := n.Stats(0).Discards; got != 61 {
		t.Errorf("counts %d discarded packets", got)
	}
	for i, a := range []string{"10.255.0.11", "10.255.0.12"} {
		if v := all[netip.MustParseAddr(a)].vnis; len(v) != 1 || v[1] != uint32(5001+i) {
			t.Errorf("%s has VNIs %v by port, want %d on port 1", a, v, 5001+i)
		}
	}
}
