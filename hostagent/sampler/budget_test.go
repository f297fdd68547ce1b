package sampler

import (
	"testing"
)

func TestPlanKeepsTheBudget(t *testing.T) {
	many := func(n int, d demand) (list []demand) {
		for range n {
			list = append(list, d)
		}
		return list
	}
	const wide = maxRate
	for _, c := range []struct {
		name string
		d    []demand
		want []uint32 // rates, of the first ones
		over bool     // the uplinks' bound goes before the budget
	}{
		{"nobody", nil, nil, false},
		{"idle", []demand{{packets: 0, rate: 1000, coarsest: wide}}, []uint32{1}, false},
		{"little traffic is seen whole", []demand{{packets: 50, rate: 9, coarsest: wide}}, []uint32{1}, false},
		{"one", []demand{{packets: 160_000, rate: 1, coarsest: wide}}, []uint32{1000}, false},
		{"a rate that does is kept", []demand{{packets: 160_000, rate: 900, coarsest: wide}}, []uint32{900}, false},
		{"two share", []demand{{packets: 80_000, rate: 1, coarsest: wide}, {packets: 8_000, rate: 1, coarsest: wide}}, []uint32{1000, 100}, false},
		{"the small one leaves its rest", []demand{{packets: 150_000, rate: 1, coarsest: wide}, {packets: 10, rate: 1, coarsest: wide}}, []uint32{1000, 1}, false},
		{"an uplink beside a hundred taps keeps its floor",
			append([]demand{{packets: 1_000_000, floor: 25, rate: 1, coarsest: wide}}, many(100, demand{packets: 1000, rate: 1, coarsest: wide})...),
			[]uint32{37_970, 749}, false},
		{"never coarser than the speed allows", []demand{{packets: 14_000_000, floor: 25, rate: 1, coarsest: 10_000}}, []uint32{10_000}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan(DefaultBudget, c.d, nil)
			sum := 0.0
			for i, d := range c.d {
				if i < len(c.want) && d.rate != c.want[i] {
					t.Errorf("rate %d of interface %d, want %d", d.rate, i, c.want[i])
				}
				if d.floor > 0 && d.packets > d.floor && d.packets/float64(d.rate) < uplinkFloor {
					t.Errorf("uplink at 1:%d makes %.1f samples a second, want %d", d.rate, d.packets/float64(d.rate), uplinkFloor)
				}
				sum += d.packets / float64(d.rate)
			}
			if sum > DefaultBudget && !c.over {
				t.Errorf("%.1f samples a second, budget %d", sum, DefaultBudget)
			}
		})
	}
}
