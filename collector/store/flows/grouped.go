package flows

// spot is what was sampled of a key at a vantage point in a minute.
type spot struct {
	key     uint32
	point   uint32 // the agent's place, twice, and one more where it was leaving
	samples uint32
	next    uint32 // spot of the same key, and one; 0 is none

	bytes, packets, squares float64 // squares of the bytes of each sample
}

func (s *spot) add(o *spot) {
	s.samples += o.samples
	s.bytes, s.packets, s.squares = s.bytes+o.bytes, s.packets+o.packets, s.squares+o.squares
}

func (s *spot) row() rollRow {
	return rollRow{bytes: s.bytes, packets: s.packets, samples: float64(s.samples), squares: s.squares}
}

// grouped are spots by key and vantage point. Both are places in dictionaries, so
// nothing need be hashed: few keys have a cell for each point, many a short chain,
// since most are seen at few points; only what is seen at many is looked for in a
// table.
type grouped struct {
	spots  []spot
	points int
	cells  []uint32 // by key and point the spot, and one; of no more than maxCells
	heads  []uint32 // by key its first spot, and one
	celled bool
	far    places   // behind a chain of maxChain
	farAt  []uint32 // spots of them
}

const (
	maxCells = 1 << 18 // 1 MB
	maxChain = 8
)

// begin forgets the spots. What is added has keys and points below these.
func (g *grouped) begin(keys, points int) {
	for i := range g.spots {
		if s := &g.spots[i]; g.celled {
			g.cells[int(s.key)*g.points+int(s.point)] = 0
		} else {
			g.heads[s.key] = 0
		}
	}
	g.spots, g.farAt, g.points = g.spots[:0], g.farAt[:0], points
	g.far.reset()
	if g.celled = keys*points <= maxCells; g.celled && len(g.cells) < keys*points {
		g.cells = make([]uint32, min(max(keys*points, 2*len(g.cells)), maxCells))
	} else if !g.celled && len(g.heads) < keys {
		g.heads = make([]uint32, max(keys, 2*len(g.heads)))
	}
}

// add adds what was seen of a key at the point of o.
func (g *grouped) add(key uint32, o *spot) {
	at := &g.heads
	i := int(key)
	if g.celled {
		at, i = &g.cells, i*g.points+int(o.point)
	}
	n := 0
	first := (*at)[i]
	for next := first; next > 0; n++ {
		s := &g.spots[next-1]
		switch {
		case s.point == o.point:
			s.add(o)
			return
		case n == maxChain:
			g.addFar(key, o)
			return
		}
		next = s.next
	}
	g.spots = append(g.spots, spot{key, o.point, o.samples, first, o.bytes, o.packets, o.squares})
	(*at)[i] = uint32(len(g.spots))
}

func (g *grouped) addFar(key uint32, o *spot) {
	n, fresh := g.far.of(uint64(key), uint64(o.point))
	if !fresh {
		g.spots[g.farAt[n]].add(o)
		return
	}
	g.farAt = append(g.farAt, uint32(len(g.spots)))
	g.spots = append(g.spots, spot{key, o.point, o.samples, 0, o.bytes, o.packets, o.squares})
}
