package agents

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
)

// strange is a record of any format, with four octets.
type strange sflow.Format

func (s strange) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(s))
	return append(b, 0, 0, 0, 4, 1, 2, 3, 4)
}

func TestDebtIsWhatNobodyReads(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	p.say()
	port := sflow.DataSource{Index: 7}
	for seq := range uint32(3) {
		p.counters(port, seq+1, &sflow.IfCounters{Index: 7}, &sflow.EthernetCounters{}, strange(4413<<12|2), &sflow.PortName{Name: []byte("e7")})
	}
	p.counters(port, 4, strange(9<<12|9))
	s.r.Publish()
	want := []DebtInfo{{Kind: "counter", Format: "4413:2", Name: "bst_port_buffers", Count: 3}, {Kind: "counter", Format: "9:9", Count: 1}}
	if diff := cmp.Diff(want, s.Agents()[0].Debt); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// Formats that a hostile agent invents take no more place than there is.
	for i := range 10 * maxRead {
		p.counters(port, uint32(5+i), strange(77<<12|i&0xfff))
	}
	s.pass(2 * time.Second)
	p.say()
	s.r.Publish()
	got := s.Agents()[0].Debt
	if len(got) != maxDebts+1 || got[maxDebts].Format != "others" || len(s.r.read) > maxRead {
		t.Errorf("%d formats, the last %+v, %d remembered", len(got), got[len(got)-1], len(s.r.read))
	}
	sum := uint64(0)
	for _, d := range got {
		sum += d.Count
	}
	if sum != 4+10*maxRead {
		t.Errorf("%d records, want %d", sum, 4+10*maxRead)
	}
	if n := testing.AllocsPerRun(100, func() { s.r.owe(debtCounter, 4413<<12|2) }); n != 0 {
		t.Errorf("%v allocations for a record that is known", n)
	}
}
