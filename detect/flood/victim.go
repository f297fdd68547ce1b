package flood

import "time"

// victim is a host or a prefix that the tracker follows.
type victim struct {
	key        Key
	scale      float64 // loads of this key per load of a host
	lastSeen   int64
	block      int64 // the newest block that the baselines know
	dirty      bool
	prev, next *victim // by lastSeen
	tracks     [lanes][]*track
	spread     [Kinds]*spread
	base       [lanes]*baseline
	ports      []portUse
	alert      *alert
}

// portUse is how much of the suspicious traffic enters at one port.
type portUse struct {
	portID
	speed  uint64
	second int64
	now    float64 // octets in this second, and the one before
	before float64
	load   float64 // of all time, halved every second
}

const maxPortUses = 32

// use counts what entered at a port.
func (v *victim) use(r *Record) {
	id := portID{r.Agent, r.Port}
	second := r.Slot / 10
	var u *portUse
	for i := range v.ports {
		if v.ports[i].portID == id {
			u = &v.ports[i]
		}
	}
	if u == nil {
		if len(v.ports) >= maxPortUses {
			return
		}
		v.ports = append(v.ports, portUse{portID: id, second: second})
		u = &v.ports[len(v.ports)-1]
	}
	if second > u.second {
		u.before = u.now
		if second > u.second+1 {
			u.before = 0
		}
		for range min(second-u.second, 16) {
			u.load /= 2
		}
		u.now, u.second = 0, second
	}
	u.now += r.Octets
	u.load += r.Load
	u.speed = r.Speed
}

// saturates reports whether the flood fills a link that it enters by.
func (v *victim) saturates(now int64) bool {
	second := now / int64(time.Second)
	for i := range v.ports {
		u := &v.ports[i]
		rate := u.before
		if u.second != second {
			rate = 0
			if u.second == second-1 {
				rate = u.now
			}
		}
		if u.speed > 0 && 8*rate >= 0.9*float64(u.speed) {
			return true
		}
	}
	return false
}

// track returns the victim's track of a kind on a basis.
func (v *victim) track(k Kind, agent uint32) *track {
	for _, tr := range v.tracks[k] {
		if tr.agent == agent {
			return tr
		}
	}
	return nil
}

// threshold returns the load from which a kind is a flood: 1, or more where
// more is usual.
func (v *victim) threshold(k Kind, factor float64) float64 {
	if load, ok := v.base[k].load(); ok {
		return max(1, factor*load)
	}
	return 1
}

// learn closes the blocks of ten seconds that are over.
func (v *victim) learn(now int64) {
	block := now / (blockSlots * slotNs)
	if v.block == 0 || block <= v.block {
		v.block = max(v.block, block)
		return
	}
	for k := range v.base {
		if len(v.tracks[k]) > 0 && v.base[k] == nil {
			v.base[k] = &baseline{}
		}
		b := v.base[k]
		if b == nil {
			continue
		}
		if v.alert != nil {
			b.forget()
			continue
		}
		var load float64
		for _, tr := range v.tracks[k] {
			s := tr.between(v.block*blockSlots, (v.block+1)*blockSlots)
			if Kind(k) >= Kinds {
				load = max(load, s.w/10)
			} else {
				load = max(load, s.load/10)
			}
		}
		b.push(load)
		if block > v.block+1 {
			b.idle(block - v.block - 1)
		}
	}
	v.block = block
}

// between adds up the slots from first up to, not including, end.
func (k *track) between(first, end int64) (s sum) {
	s = k.since(first)
	if o := k.since(end); o.n > 0 {
		s.n -= o.n
		s.w -= o.w
		s.w2 -= o.w2
		s.load -= o.load
		s.octets -= o.octets
	}
	return s
}
