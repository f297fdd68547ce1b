package decoder

import "weir/decoder/sflow"

// Kind is a sample format as [Stats] counts it.
type Kind uint8

// The kinds.
const (
	KindFlow            Kind = iota // 0:1
	KindCounter                     // 0:2
	KindFlowExpanded                // 0:3
	KindCounterExpanded             // 0:4
	KindDiscard                     // 0:5
	KindRT                          // 4300:1002, 4300:1003
	KindOther                       // any other; Stats.OtherSamples says which
	NumKinds
)

var kindNames = [NumKinds]string{"flow_sample", "counter_sample", "flow_sample_expanded",
	"counter_sample_expanded", "discarded_packet", "rtmetric", "other"}

// String returns the specification's name, a metric label.
func (k Kind) String() string { return kindNames[k] }

// Stats counts what a Decoder has seen. It has no pointers: a plain copy is a
// snapshot.
type Stats struct {
	Datagrams      uint64                   // whose head could be read
	DatagramErrors [sflow.NumReasons]uint64 // whose head could not, by reason
	SampleErrors   [sflow.NumReasons]uint64 // samples not delivered, by reason
	Samples        [NumKinds]uint64         // by kind, bad ones included
	OtherSamples   Tally                    // formats of KindOther
	FlowRecords    Tally                    // flow records skipped, by format
	CounterRecords Tally                    // counter records, by format
}

// tallySize bounds the formats told apart: hostile senders choose them.
const tallySize = 128

// Tally counts formats in bounded space. When it is full, formats not yet in
// it are counted together in Rest.
type Tally struct {
	formats [tallySize]sflow.Format
	counts  [tallySize]uint64
	Rest    uint64
}

// tallyProbes bounds the search for a slot.
const tallyProbes = 8

func (t *Tally) add(f sflow.Format) {
	i := uint32(f) * 0x9e3779b1 >> 25
	for range tallyProbes {
		if t.formats[i] == f && t.counts[i] > 0 {
			t.counts[i]++
			return
		}
		if t.counts[i] == 0 {
			t.formats[i], t.counts[i] = f, 1
			return
		}
		i = (i + 1) % tallySize
	}
	t.Rest++
}

// Each calls yield for every format counted, in no order.
func (t *Tally) Each(yield func(sflow.Format, uint64) bool) {
	for i, n := range t.counts {
		if n > 0 && !yield(t.formats[i], n) {
			return
		}
	}
}
