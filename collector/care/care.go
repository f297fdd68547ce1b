// Package care is what people did about alerts and incidents: acknowledged, muted,
// marked, held. It knows the present; what was done when is in the history.
package care

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// What can be done.
const (
	Ack     = "ack"
	Unack   = "unack"
	Mute    = "mute"
	Unmute  = "unmute"
	Mark    = "mark"
	Hold    = "hold"    // an incident, from retention
	Release = "release" // a held incident
	Export  = "export"  // an incident, as an archive
)

// Deeds are all of them.
func Deeds() []string { return []string{Ack, Unack, Mute, Unmute, Mark, Hold, Release, Export} }

// Verdicts of a mark.
const (
	Useful = "useful"
	Noise  = "noise"
)

// Deed is what somebody did.
type Deed struct {
	Do      string    `json:"do"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Note    string    `json:"note,omitempty"`
	Until   time.Time `json:"until,omitzero"`    // of a mute
	Verdict string    `json:"verdict,omitempty"` // of a mark
}

// Bounds of a deed.
const (
	maxNote = 500 // letters
	longest = 31 * 24 * time.Hour
)

// Check says what is wrong with a deed that somebody asks for now.
func (d *Deed) Check(now time.Time) error {
	switch {
	case !slices.Contains(Deeds(), d.Do):
		return fmt.Errorf("%q: write one of %s", d.Do, strings.Join(Deeds(), ", "))
	case !utf8.ValidString(d.Note) || utf8.RuneCountInString(d.Note) > maxNote:
		return fmt.Errorf("note: is longer than %d letters; write less", maxNote)
	case strings.ContainsFunc(d.Note, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("note: has control characters; write one line")
	case d.Do == Mark && d.Verdict != Useful && d.Verdict != Noise:
		return fmt.Errorf("verdict %q: write useful or noise", d.Verdict)
	case d.Do != Mark && d.Verdict != "":
		return errors.New("verdict: belongs to a mark")
	case d.Do == Mute && !d.Until.After(now):
		return errors.New("until: a mute needs an end that is still to come")
	case d.Do == Mute && d.Until.Sub(now) > longest:
		return fmt.Errorf("until: is more than %d days away; what is never wanted is a matter of thresholds", int(longest.Hours()/24))
	case d.Do != Mute && !d.Until.IsZero():
		return errors.New("until: belongs to a mute")
	}
	return nil
}

// Line says in words what was done.
func (d *Deed) Line() string {
	text := map[string]string{
		Ack: "acknowledged", Unack: "no longer acknowledged", Unmute: "no longer muted", Mark: "marked as " + d.Verdict,
		Mute: "muted until " + d.Until.UTC().Format("2006-01-02 15:04 UTC"), Hold: "held", Release: "no longer held", Export: "exported",
	}[d.Do] + " by " + d.By
	if d.Note != "" {
		text += ": " + d.Note
	}
	return text
}

// Care is what holds of one alert. What nobody did is nil.
type Care struct {
	Ack  *Deed `json:"ack,omitempty"`
	Mute *Deed `json:"mute,omitempty"` // in force
	Mark *Deed `json:"mark,omitempty"`
}

// Short is the care in a few words, "" where there is none.
func (c *Care) Short() string {
	if c == nil {
		return ""
	}
	var parts []string
	if c.Ack != nil {
		parts = append(parts, "ack "+c.Ack.By)
	}
	if c.Mute != nil {
		parts = append(parts, "muted until "+c.Mute.Until.UTC().Format("01-02 15:04 UTC"))
	}
	if c.Mark != nil {
		parts = append(parts, c.Mark.Verdict)
	}
	return strings.Join(parts, ", ")
}

// Key returns the key of an alert's identity: what it has in common with the same
// trouble at other times.
func Key(id string) string {
	if i := strings.LastIndexByte(id, '-'); i > 0 {
		return id[:i]
	}
	return id
}

// MaxKept bounds the alerts and incidents whose care is known; the oldest make
// room.
const MaxKept = 20000

// Book knows the care of all. An acknowledgement and a mark are of one alert; a
// mute is of its key, so that the same trouble stays muted when it comes back.
// Its methods may be called by any goroutine, and on nil, which knows nothing.
type Book struct {
	mu    sync.Mutex
	acks  map[string]*Deed // by identity
	marks map[string]*Deed // by identity
	mutes map[string]*Deed // by key
	held  map[string]*Deed // by incident
	last  map[string]int   // deeds counted when the identity or incident had its last
	order []string         // of all deeds, the oldest first
	gone  int              // deeds that are no longer in order
}

// NewBook returns an empty one.
func NewBook() *Book {
	return &Book{acks: map[string]*Deed{}, marks: map[string]*Deed{}, mutes: map[string]*Deed{}, held: map[string]*Deed{}, last: map[string]int{}}
}

// Read adds a deed as history has it; what cannot be read changes nothing.
func (b *Book) Read(id string, body []byte) {
	var d Deed
	if json.Unmarshal(body, &d) == nil {
		b.Add(id, d)
	}
}

// Add takes a deed about an alert or incident. It keeps d.
func (b *Book) Add(id string, d Deed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch d.Do {
	case Ack:
		b.acks[id] = &d
	case Unack:
		delete(b.acks, id)
	case Mark:
		b.marks[id] = &d
	case Mute:
		b.mutes[Key(id)] = &d
	case Unmute:
		delete(b.mutes, Key(id))
	case Hold:
		b.held[id] = &d
	case Release:
		delete(b.held, id)
	}
	b.order = append(b.order, id)
	b.last[id] = b.gone + len(b.order)
	for len(b.order) > MaxKept {
		old := b.order[0]
		b.order, b.gone = b.order[1:], b.gone+1
		if b.last[old] != b.gone { // it had another since
			continue
		}
		delete(b.last, old)
		delete(b.acks, old)
		delete(b.marks, old)
		delete(b.mutes, Key(old))
	}
}

// Of returns the care of an alert at a time, nil where there is none.
func (b *Book) Of(id string, now time.Time) *Care {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := Care{Ack: b.acks[id], Mark: b.marks[id]}
	if m := b.mutes[Key(id)]; m != nil && now.Before(m.Until) {
		c.Mute = m
	}
	if c == (Care{}) {
		return nil
	}
	return &c
}

// Muted reports whether alerts with a key are muted at a time.
func (b *Book) Muted(key string, now time.Time) bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.mutes[key]
	return m != nil && now.Before(m.Until)
}

// Held returns who holds an incident.
func (b *Book) Held(incident string) (Deed, bool) {
	if b == nil {
		return Deed{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.held[incident]
	if d == nil {
		return Deed{}, false
	}
	return *d, true
}

// Mutes returns those in force by key, and forgets those that are over.
func (b *Book) Mutes(now time.Time) map[string]Deed {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string]Deed{}
	for key, d := range b.mutes {
		if !now.Before(d.Until) {
			delete(b.mutes, key)
			continue
		}
		all[key] = *d
	}
	return all
}
