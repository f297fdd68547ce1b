package series

// Batch is points on their way out, with the values of all of them in one
// array. It belongs to whoever holds it.
type Batch struct {
	Points []Point
	values []Value
	recent int // values of the last times it was full, of the fullest the most
}

// idleValues is how many values a batch has room for though few come.
const idleValues = 4096

// Add adds a point and returns where its values are appended: pass what that
// becomes to Done.
func (b *Batch) Add(c *Class, at int64) (*Point, []Value) {
	b.Points = append(b.Points, Point{Class: c, At: at})
	return &b.Points[len(b.Points)-1], b.values[len(b.values):]
}

// Done ends the point of the last Add. A point that knows nothing is left out.
func (b *Batch) Done(v []Value) {
	p := &b.Points[len(b.Points)-1]
	known := false
	for i := range v {
		known = known || v[i].kind != Unknown
	}
	if !known {
		b.Points = b.Points[:len(b.Points)-1]
		return
	}
	p.Values = v
	// Where v still lies in the array, the next values go behind it; where it
	// outgrew the array, it is the array from now on.
	if n := len(b.values); cap(b.values) >= n+len(v) {
		b.values = b.values[:n+len(v)]
		return
	}
	b.values = v
}

// Reset empties the batch and keeps its memory, unless that is much more than the
// last times took: agents that all speak at once do so once.
func (b *Batch) Reset() {
	if b.recent = max(len(b.values), b.recent-b.recent/8); cap(b.values) > 4*b.recent+idleValues {
		*b = Batch{recent: b.recent}
		return
	}
	clear(b.Points)
	clear(b.values[:cap(b.values)])
	b.Points, b.values = b.Points[:0], b.values[:0]
}
