package flows

// sums are sums by key, vantage point and step.
type sums struct {
	chain []pairs // for keys of several columns: the key so far and the next column
	at    places
	all   []sum
	// cells are where sums of the first step are, by key and, of so many, vantage
	// point: where these have small numbers nothing need be hashed. 0 is not known.
	cells  []uint32
	points uint32
	// Of rollups, by step: what keys that were left out may have, and what they
	// had together.
	floors map[uint32]float64
	rests  map[uint32]*sum
}

// left adds what a rollup left out of a step.
func (s *sums) left(step uint32, floor float64, rest *sum) {
	if s.floors == nil {
		s.floors, s.rests = map[uint32]float64{}, map[uint32]*sum{}
	}
	s.floors[step] += floor
	if s.rests[step] == nil {
		s.rests[step] = &sum{}
	}
	s.rests[step].add(rest)
}

// pairs give a pair of numbers one.
type pairs struct {
	at  places
	all [][2]uint32
}

func (p *pairs) of(a, b uint32) uint32 {
	n, fresh := p.at.of(0, uint64(a)<<32|uint64(b))
	if fresh {
		p.all = append(p.all, [2]uint32{a, b})
	}
	return uint32(n)
}

// sum is what was sampled of a key at a vantage point in a step.
type sum struct {
	key, point, step        uint32
	samples                 uint64
	bytes, packets, squares float64 // squares of the bytes of each sample
	first, last             int64   // µs
	covered                 float64 // of the floor of a rollup
}

func newSums(columns int) *sums {
	s := &sums{chain: make([]pairs, max(columns-1, 0))}
	s.reset()
	return s
}

// reset forgets all sums and keeps the memory.
func (s *sums) reset() {
	for i := range s.chain {
		s.chain[i].at.reset()
		s.chain[i].all = s.chain[i].all[:0]
	}
	s.at.reset()
	s.all = s.all[:0]
	clear(s.cells)
}

// manyCells are so many that they take 2 MB.
const manyCells = 1 << 19

// expect makes cells for vantage points below a number.
func (s *sums) expect(points uint32) {
	if points <= s.points || points > manyCells/256 {
		return
	}
	s.points = max(2*s.points, points)
	if s.cells == nil {
		s.cells = make([]uint32, manyCells)
	}
	clear(s.cells) // they are by other points now
}

// place returns where the sum of a key is.
func (s *sums) place(key, point, step uint32) int32 {
	cell := uint64(key)*uint64(s.points) + uint64(point)
	if step > 0 || point >= s.points || cell >= uint64(len(s.cells)) {
		return s.find(key, point, step)
	}
	if n := s.cells[cell]; n > 0 {
		return int32(n - 1)
	}
	n := s.find(key, point, step)
	s.cells[cell] = uint32(n) + 1
	return n
}

func (s *sums) find(key, point, step uint32) int32 {
	n, fresh := s.at.of(uint64(step), uint64(key)<<32|uint64(point))
	if fresh {
		s.all = append(s.all, sum{key: key, point: point, step: step})
	}
	return n
}

// count counts a sample of so many packets, each of so many octets.
func (s *sum) count(at int64, packets, length float64) {
	if s.samples == 0 {
		s.first, s.last = at, at
	} else {
		s.first, s.last = min(s.first, at), max(s.last, at)
	}
	bytes := packets * length
	s.samples++
	s.packets += packets
	s.bytes += bytes
	s.squares += bytes * bytes
}

func (s *sum) add(o *sum) {
	if s.last == 0 || o.first < s.first {
		s.first = o.first
	}
	s.last = max(s.last, o.last)
	s.samples += o.samples
	s.bytes, s.packets, s.squares = s.bytes+o.bytes, s.packets+o.packets, s.squares+o.squares
	s.covered += o.covered
}

// merge adds the sums of another goroutine, whose texts have the same numbers.
func (s *sums) merge(o *sums) error {
	var same []uint32 // our number of their key
	for i := range o.chain {
		next := make([]uint32, len(o.chain[i].all))
		for n, p := range o.chain[i].all {
			if i > 0 {
				p[0] = same[p[0]]
			}
			next[n] = s.chain[i].of(p[0], p[1])
		}
		same = next
	}
	for i := range o.all {
		x := &o.all[i]
		key := x.key
		if same != nil {
			key = same[key]
		}
		s.all[s.place(key, x.point, x.step)].add(x)
	}
	for step, floor := range o.floors {
		s.left(step, floor, o.rests[step])
	}
	return s.bounded()
}

// bounded returns an error where there are too many keys.
func (s *sums) bounded() error {
	most := len(s.all)
	for i := range s.chain {
		most = max(most, len(s.chain[i].all))
	}
	if most > MaxKeys {
		return errTooMany
	}
	return nil
}

// parts returns the numbers of the texts of a key's columns.
func (s *sums) parts(key uint32, columns int) []uint32 {
	all := make([]uint32, columns)
	for i := columns - 1; i > 0; i-- {
		p := s.chain[i-1].all[key]
		all[i], key = p[1], p[0]
	}
	if columns > 0 {
		all[0] = key
	}
	return all
}
