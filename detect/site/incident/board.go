// Package incident puts findings under the one that caused them: a node above
// its bridges, a bridge above its ports, a port above its instance. Of a cause
// and its effects only the cause is told; effects found first wait for it.
package incident

import (
	"cmp"
	"slices"
)

// lookBack is how much earlier than its cause an effect may have begun, in ns.
const lookBack = int64(30e9)

// Item is one finding on a Board. Key to Wait are the caller's.
type Item[T any] struct {
	Key    string
	Kind   string
	Entity string   // what it is about
	Above  []string // what could be its cause, nearest first
	Onset  int64    // ns
	Wait   int64    // how long it waits for its cause, ns; 0 not at all
	Value  T

	// Incident is the id that the item's incident goes by: that of its first
	// member. The caller sets it when it shows an item that has none.
	Incident string

	due      int64
	shown    bool // told alone
	parent   *Item[T]
	children []*Item[T]
}

// Parent is the cause that the item was put under, nil without.
func (i *Item[T]) Parent() *Item[T] { return i.parent }

// Children are the effects put under the item, in the order they were found.
func (i *Item[T]) Children() []*Item[T] { return i.children }

// Root is the item's cause at the top, itself without.
func (i *Item[T]) Root() *Item[T] {
	for i.parent != nil {
		i = i.parent
	}
	return i
}

// Events is what a Board tells its owner.
type Events[T any] interface {
	// Show: the item is a cause of its own, and is to be told.
	Show(*Item[T])
	// Absorbed: the item is told no more as of now: it is an effect of root.
	// shown tells whether it was told before.
	Absorbed(it, root *Item[T], shown bool)
	// Explains reports whether cause may be that of effect, where their kinds and
	// entities say so.
	Explains(cause, effect *Item[T]) bool
	// Grown: root has other effects than before.
	Grown(root *Item[T])
}

// absorbs reports whether a finding of kind cause, about something above,
// explains one of kind effect.
func absorbs(cause, effect string) bool { return slices.Contains(effects[cause], effect) }

// effects are the kinds that each kind explains. What an intruder does is never
// explained by a fault.
var effects = map[string][]string{
	"node_down":            {"node_down", "bridge_down", "interface_down", "interface_errors", "instance_unreachable", "instance_stopped", "telemetry_silent", "service_changed", "log_silent", "drops_rising"},
	"bridge_down":          {"bridge_down", "interface_down", "instance_unreachable", "telemetry_silent", "drops_rising"},
	"interface_down":       {"bridge_down", "interface_down", "instance_unreachable", "drops_rising"},
	"instance_stopped":     {"instance_unreachable", "interface_down"},
	"instance_unreachable": {"interface_down", "instance_unreachable"},
	"telemetry_silent":     {"telemetry_silent"},
	"telemetry_tampered":   {"telemetry_silent"},
	"collector_deaf":       {"node_down", "telemetry_silent", "bridge_down"},
	"rules_flushed":        {"instance_unreachable", "rules_flushed"},
	"host_restarted":       {"instance_stopped", "instance_unreachable", "interface_down", "service_changed"},
}

// Board holds all findings that are true.
type Board[T any] struct {
	items    map[string]*Item[T]
	byEntity map[string][]*Item[T]
	below    map[string][]*Item[T] // by every entity above
	pending  []*Item[T]
	events   Events[T]
}

// NewBoard returns an empty Board.
func NewBoard[T any](e Events[T]) *Board[T] {
	return &Board[T]{items: map[string]*Item[T]{}, byEntity: map[string][]*Item[T]{}, below: map[string][]*Item[T]{}, events: e}
}

// Find returns the finding with this key, nil without.
func (b *Board[T]) Find(key string) *Item[T] { return b.items[key] }

// Len is how many findings there are.
func (b *Board[T]) Len() int { return len(b.items) }

// All returns every finding in the order of their keys.
func (b *Board[T]) All() []*Item[T] {
	all := make([]*Item[T], 0, len(b.items))
	for _, it := range b.items {
		all = append(all, it)
	}
	slices.SortFunc(all, func(x, y *Item[T]) int { return cmp.Compare(x.Key, y.Key) })
	return all
}

// Below returns the findings of a kind about what is below entity.
func (b *Board[T]) Below(entity, kind string) (all []*Item[T]) {
	for _, it := range b.below[entity] {
		if it.Kind == kind {
			all = append(all, it)
		}
	}
	return all
}

// Raise adds a finding at now: under its cause where that is known, else it
// waits, or is shown. A finding that is there already is left alone.
func (b *Board[T]) Raise(now int64, it *Item[T]) {
	if b.items[it.Key] != nil {
		return
	}
	b.items[it.Key] = it
	b.byEntity[it.Entity] = append(b.byEntity[it.Entity], it)
	for _, e := range it.Above {
		b.below[e] = append(b.below[e], it)
	}
	b.adopt(it)
	if cause := b.cause(it); cause != nil {
		b.attach(it, cause)
		b.events.Grown(it.Root())
	} else if it.due = now + it.Wait; it.Wait <= 0 {
		b.show(it)
	} else {
		b.pending = append(b.pending, it)
	}
}

// Restore adds a finding that was told before a restart.
func (b *Board[T]) Restore(it *Item[T]) {
	it.shown = true
	b.items[it.Key] = it
	b.byEntity[it.Entity] = append(b.byEntity[it.Entity], it)
	for _, e := range it.Above {
		b.below[e] = append(b.below[e], it)
	}
}

// cause returns the nearest finding that explains it.
func (b *Board[T]) cause(it *Item[T]) *Item[T] {
	// Of the same thing: an instance that crashed is not reachable either.
	for _, c := range b.byEntity[it.Entity] {
		if c != it && absorbs(c.Kind, it.Kind) && c.Kind != it.Kind && !b.within(c, it) && b.events.Explains(c, it) {
			return c
		}
	}
	for _, e := range it.Above {
		for _, c := range b.byEntity[e] {
			if c != it && absorbs(c.Kind, it.Kind) && it.Onset >= c.Onset-lookBack && !b.within(c, it) && b.events.Explains(c, it) {
				return c
			}
		}
	}
	return nil
}

// within reports whether c is under it.
func (b *Board[T]) within(c, it *Item[T]) bool {
	for ; c != nil; c = c.parent {
		if c == it {
			return true
		}
	}
	return false
}

// attach puts it under cause. The incident keeps the id of its first member.
func (b *Board[T]) attach(it, cause *Item[T]) {
	b.wake(it)
	it.parent = cause
	cause.children = append(cause.children, it)
	root := it.Root()
	if root.Incident == "" {
		root.Incident = it.Incident
	}
	b.events.Absorbed(it, root, it.shown)
	it.shown = false
}

// adopt puts what it explains under it.
func (b *Board[T]) adopt(it *Item[T]) {
	grown := false
	take := func(c *Item[T]) {
		if c != it && c.parent != it && !b.within(it, c) && absorbs(it.Kind, c.Kind) && c.Onset >= it.Onset-lookBack && (c.parent == nil || !b.nearer(c, c.parent, it)) && b.events.Explains(it, c) {
			b.leave(c)
			b.attach(c, it)
			grown = true
		}
	}
	for _, c := range slices.Clone(b.byEntity[it.Entity]) {
		if c.Kind != it.Kind {
			take(c)
		}
	}
	for _, c := range slices.Clone(b.below[it.Entity]) {
		take(c)
	}
	if grown {
		b.events.Grown(it.Root())
	}
}

// nearer reports whether x is nearer to c than y.
func (b *Board[T]) nearer(c, x, y *Item[T]) bool {
	ix, iy := slices.Index(c.Above, x.Entity), slices.Index(c.Above, y.Entity)
	return ix <= iy // -1 is the thing itself
}

// leave takes c from its parent.
func (b *Board[T]) leave(c *Item[T]) {
	if p := c.parent; p != nil {
		p.children = slices.DeleteFunc(p.children, func(o *Item[T]) bool { return o == c })
		c.parent = nil
	}
}

// wake takes it from those that wait.
func (b *Board[T]) wake(it *Item[T]) {
	b.pending = slices.DeleteFunc(b.pending, func(o *Item[T]) bool { return o == it })
}

func (b *Board[T]) show(it *Item[T]) {
	it.shown = true
	b.events.Show(it)
}

// Clear removes a finding that is no longer true. What it explained is put under
// another cause, or waits for one, or for its own end, for wait ns.
func (b *Board[T]) Clear(now int64, key string, wait int64) *Item[T] {
	it := b.items[key]
	if it == nil {
		return nil
	}
	root := it.Root()
	b.wake(it)
	b.leave(it)
	delete(b.items, key)
	drop := func(m map[string][]*Item[T], e string) {
		if m[e] = slices.DeleteFunc(m[e], func(o *Item[T]) bool { return o == it }); len(m[e]) == 0 {
			delete(m, e)
		}
	}
	drop(b.byEntity, it.Entity)
	for _, e := range it.Above {
		drop(b.below, e)
	}
	left := it.children
	it.children = nil
	for _, c := range left {
		c.parent = nil
		if cause := b.cause(c); cause != nil {
			b.attach(c, cause)
			b.events.Grown(c.Root())
			continue
		}
		c.due = now + wait
		b.pending = append(b.pending, c)
	}
	if root != it {
		b.events.Grown(root)
	}
	return it
}

// Hold lets a finding that waits do so until a time at least: what could be its cause
// will soon be known.
func (b *Board[T]) Hold(it *Item[T], until int64) { it.due = max(it.due, until) }

// Hurry lets a finding wait no longer: what could be its cause is known to be
// well.
func (b *Board[T]) Hurry(it *Item[T]) { it.due = 0 }

// Tick shows what has waited long enough.
func (b *Board[T]) Tick(now int64) {
	for _, it := range slices.Clone(b.pending) {
		if it.parent != nil || now < it.due {
			continue
		}
		b.wake(it)
		if cause := b.cause(it); cause != nil {
			b.attach(it, cause)
			b.events.Grown(it.Root())
			continue
		}
		b.show(it)
	}
}
