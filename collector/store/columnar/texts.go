package columnar

// Texts is a list of texts in one piece of memory.
type Texts struct {
	all  []byte
	ends []uint32
}

// Len returns how many there are.
func (t *Texts) Len() int { return len(t.ends) }

// At returns a text, which is valid until Reset.
func (t *Texts) At(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = t.ends[i-1]
	}
	return t.all[from:t.ends[i]:t.ends[i]]
}

// Add adds the text that write appends.
func (t *Texts) Add(write func(b []byte) []byte) {
	t.all = write(t.all)
	t.ends = append(t.ends, uint32(len(t.all)))
}

// Reset forgets the texts and keeps the memory.
func (t *Texts) Reset() { t.all, t.ends = t.all[:0], t.ends[:0] }
