package sampler

import "slices"

// demand is one interface that shares the budget.
type demand struct {
	packets  float64 // a second, estimated
	floor    float64 // samples a second kept free for it
	rate     uint32  // in: of now; out: of the next second
	coarsest uint32
	share    float64 // out: samples a second it may make
}

// headroom is the part of the budget that is planned: the rest lets a rate stay
// as it is while the traffic moves a little. A rate that changes every second
// would be hard to read at the collector.
const headroom = 0.8

// plan divides budget samples a second: first the floors, then what is left in
// equal parts, where those that need less than their part leave the rest to the
// others. order is scratch, returned for the next call.
func plan(budget float64, d []demand, order []int) []int {
	left := budget * headroom
	order = order[:0]
	for i := range d {
		d[i].share = min(d[i].floor, d[i].packets)
		left -= d[i].share
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int {
		switch x, y := d[a].packets-d[a].share, d[b].packets-d[b].share; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return a - b
	})
	for k, i := range order {
		part := max(left, 0) / float64(len(order)-k)
		more := min(part, d[i].packets-d[i].share)
		d[i].share += more
		left -= more
	}
	for i := range d {
		d[i].settle()
	}
	return order
}

// minShare keeps an interface that is silent now, or starved by many others,
// from a rate that would never find out.
const minShare = 0.05

// settle turns a share into a rate, and keeps the rate there is where that does
// as well.
func (d *demand) settle() {
	d.share = max(d.share, minShare)
	want := max(d.packets/d.share, 1)
	now := float64(d.rate)
	keep := now >= want*headroom && now <= want/headroom
	if !keep {
		d.rate = uint32(min(want+0.999, maxRate))
	}
	d.rate = max(1, min(d.rate, d.coarsest))
}
