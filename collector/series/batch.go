package series

// Batch is points on their way out, with the values of all of them in one
// array. It belongs to whoever holds it.
type Batch struct {
	Points []Point
	values []Value
}

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

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.Points)
	clear(b.values[:cap(b.values)])
	b.Points, b.values = b.Points[:0], b.values[:0]
}
