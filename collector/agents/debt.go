package agents

import (
	"cmp"
	"slices"

	"weir/decoder"
	"weir/decoder/sflow"
)

// DebtInfo is how many records of one format an agent sent that nobody reads.
type DebtInfo struct {
	Kind   string `json:"kind"` // of sample: "flow", "counter"
	Format string `json:"format"`
	Name   string `json:"name,omitempty"`
	Count  uint64 `json:"count"`
}

// Kinds of records.
const (
	debtFlow = iota
	debtCounter
)

// Bounds of what is told apart: agents choose their formats.
const (
	maxDebts = 16  // of an agent
	maxRead  = 512 // formats whose fate is remembered
)

// debt is one format.
type debt struct {
	kind   uint8
	format sflow.Format
	n      uint64
}

// debts are those of an agent. The last counts all for which there is no place.
type debts struct {
	all  []debt
	rest uint64
}

func (d *debts) add(kind uint8, f sflow.Format) {
	for i := range d.all {
		if x := &d.all[i]; x.kind == kind && x.format == f {
			x.n++
			return
		}
	}
	if len(d.all) == maxDebts {
		d.rest++
		return
	}
	d.all = append(d.all, debt{kind, f, 1})
}

func (d *debts) info() []DebtInfo {
	if d == nil {
		return nil
	}
	all := make([]DebtInfo, 0, len(d.all)+1)
	for _, x := range d.all {
		i := DebtInfo{Kind: "flow", Format: x.format.String(), Name: sflow.FlowRecordName(x.format), Count: x.n}
		if x.kind == debtCounter {
			i.Kind, i.Name = "counter", sflow.CounterRecordName(x.format)
		}
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b DebtInfo) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind+a.Format, b.Kind+b.Format))
	})
	if d.rest > 0 {
		all = append(all, DebtInfo{Format: "others", Count: d.rest})
	}
	return all
}

// owe counts a record of the current agent where nothing reads its format.
func (r *Registry) owe(kind uint8, f sflow.Format) {
	k := uint64(kind)<<32 | uint64(f)
	read, known := r.read[k]
	if !known {
		if kind == debtCounter {
			read = sflow.NewCounterRecord(f) != nil
		} else {
			read = sflow.NewFlowRecord(f) != nil
		}
		if len(r.read) < maxRead {
			if r.read == nil {
				r.read = map[uint64]bool{}
			}
			r.read[k] = read
		}
	}
	if read {
		return
	}
	if r.cur.debts == nil {
		r.cur.debts = &debts{}
	}
	r.cur.debts.add(kind, f)
}

// flowDebt counts the records of a flow sample that nobody reads.
func (r *Registry) flowDebt(f *decoder.Flow) {
	for rec, err := range f.Sample.Records() {
		if err != nil {
			return // the decoder has counted it
		}
		r.owe(debtFlow, rec.Format)
	}
}
