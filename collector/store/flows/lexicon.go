package flows

import "sync"

// lexicon gives texts numbers, which all goroutines of a query share.
type lexicon struct {
	mu    sync.Mutex
	at    map[string]uint32
	texts []string
}

func newLexicon() *lexicon { return &lexicon{at: map[string]uint32{}} }

// number returns the number of a text. The lock is the caller's.
func (l *lexicon) number(text []byte) uint32 {
	n, ok := l.at[string(text)]
	if !ok {
		n = uint32(len(l.texts))
		s := string(text)
		l.at[s] = n
		l.texts = append(l.texts, s)
	}
	return n
}
