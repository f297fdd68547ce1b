package incident

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// log records what a Board tells.
type log struct{ lines []string }

func (l *log) Show(it *Item[string]) {
	if it.Incident == "" {
		it.Incident = it.Key
	}
	l.lines = append(l.lines, "show "+it.Key)
}

func (l *log) Absorbed(it, root *Item[string], shown bool) {
	l.lines = append(l.lines, fmt.Sprintf("absorb %s by %s shown=%v", it.Key, root.Key, shown))
}
func (l *log) Grown(*Item[string])              {}
func (l *log) Explains(_, _ *Item[string]) bool { return true }

func (l *log) take() []string {
	out := l.lines
	l.lines = nil
	return out
}

func node(n string, onset int64) *Item[string] {
	return &Item[string]{Key: "node_down " + n, Kind: "node_down", Entity: "node/" + n, Onset: onset}
}

func bridge(n string, onset, wait int64) *Item[string] {
	return &Item[string]{Key: "bridge_down " + n, Kind: "bridge_down", Entity: "bridge/" + n, Above: []string{"node/" + n}, Onset: onset, Wait: wait}
}

func vm(n string, i int, onset, wait int64) *Item[string] {
	return &Item[string]{
		Key: fmt.Sprintf("vm %s/%d", n, i), Kind: "instance_unreachable", Entity: fmt.Sprintf("vm/%s/%d", n, i),
		Above: []string{"bridge/" + n, "node/" + n}, Onset: onset, Wait: wait,
	}
}

const second = int64(1e9)

func TestCauseIsToldInPlaceOfEffects(t *testing.T) {
	var l log
	b := NewBoard[string](&l)
	b.Raise(10*second, vm("a", 1, 9*second, 2*second))
	b.Raise(10*second, vm("a", 2, 9*second, 2*second))
	b.Raise(11*second, bridge("a", 9*second, 0))
	b.Raise(12*second, vm("a", 3, 9*second, 2*second))
	b.Tick(20 * second)
	want := []string{"absorb vm a/1 by bridge_down a shown=false", "absorb vm a/2 by bridge_down a shown=false", "show bridge_down a", "absorb vm a/3 by bridge_down a shown=false"}
	if diff := cmp.Diff(want, l.take()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b.Raise(21*second, node("a", 9*second))
	want = []string{"absorb bridge_down a by node_down a shown=true", "show node_down a"}
	if diff := cmp.Diff(want, l.take()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := b.Find("node_down a").Incident; got != "bridge_down a" {
		t.Errorf("incident %q, want that of its first member", got)
	}
	if n := len(b.Find("bridge_down a").Children()); n != 3 {
		t.Errorf("%d effects under the bridge, want 3", n)
	}
}

func TestEffectsThatAreNotExplainedGoOut(t *testing.T) {
	var l log
	b := NewBoard[string](&l)
	b.Raise(100*second, node("a", 99*second))
	b.Raise(100*second, vm("a", 1, 60*second, 0)) // long before
	b.Raise(100*second, vm("b", 1, 99*second, 0)) // elsewhere
	b.Raise(100*second, &Item[string]{Key: "flush", Kind: "rules_flushed", Entity: "filter/a", Above: []string{"node/a"}, Onset: 99 * second})
	want := []string{"show node_down a", "show vm a/1", "show vm b/1", "show flush"}
	if diff := cmp.Diff(want, l.take()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEffectsOutliveTheirCause(t *testing.T) {
	var l log
	b := NewBoard[string](&l)
	b.Raise(0, bridge("a", 0, 0))
	b.Raise(0, vm("a", 1, 0, second))
	b.Raise(0, vm("a", 2, 0, second))
	l.take()
	b.Clear(5*second, "bridge_down a", 10*second)
	b.Clear(6*second, "vm a/2", 0)
	b.Tick(14 * second)
	if got := l.take(); len(got) != 0 {
		t.Errorf("told %q while effects may end too", got)
	}
	b.Tick(15 * second)
	if diff := cmp.Diff([]string{"show vm a/1"}, l.take()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if b.Len() != 1 || len(b.pending) != 0 {
		t.Errorf("%d findings, %d wait", b.Len(), len(b.pending))
	}
}

// TestStormIsOneIncident: a rack of 20 nodes with 50 instances each, in any
// order, is told once; clearing it leaves nothing behind.
func TestStormIsOneIncident(t *testing.T) {
	var l log
	b := NewBoard[string](&l)
	for n := range 20 {
		name := fmt.Sprint(n)
		for i := range 50 {
			it := vm(name, i, second, 3*second)
			it.Above = append(it.Above, "switch")
			b.Raise(second, it)
		}
		it := node(name, second)
		it.Wait, it.Above = 2*second, []string{"switch"}
		b.Raise(2*second, it)
	}
	b.Raise(3*second, &Item[string]{Key: "node_down switch", Kind: "node_down", Entity: "switch", Onset: second})
	b.Tick(60 * second)
	shown := slices.DeleteFunc(l.take(), func(s string) bool { return s[:4] != "show" })
	if diff := cmp.Diff([]string{"show node_down switch"}, shown); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, it := range b.All() {
		b.Clear(61*second, it.Key, second)
	}
	b.Tick(70 * second)
	if b.Len() != 0 || len(b.byEntity) != 0 || len(b.below) != 0 || len(b.pending) != 0 {
		t.Errorf("left behind: %d findings, %d, %d, %d", b.Len(), len(b.byEntity), len(b.below), len(b.pending))
	}
}

// TestEffectsAreHandedOn: what was under a finding that is taken back goes under
// another cause at once, where there is one.
func TestEffectsAreHandedOn(t *testing.T) {
	var l log
	b := NewBoard[string](&l)
	silent := node("a", 9*second)
	silent.Key, silent.Kind = "telemetry_silent a", "telemetry_silent"
	below := node("b", 9*second)
	below.Key, below.Kind, below.Above = "telemetry_silent b", "telemetry_silent", []string{"node/a"}
	b.Raise(10*second, silent)
	b.Raise(11*second, below)
	b.Raise(12*second, node("a", 9*second))
	b.Clear(12*second, silent.Key, 15*second)
	want := []string{"show telemetry_silent a", "absorb telemetry_silent b by telemetry_silent a shown=false", "absorb telemetry_silent a by node_down a shown=true", "show node_down a", "absorb telemetry_silent b by node_down a shown=false"}
	if diff := cmp.Diff(want, l.take()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := b.Find("node_down a"); len(got.Children()) != 1 || got.Incident != silent.Key {
		t.Errorf("%d effects in incident %q", len(got.Children()), got.Incident)
	}
}

// TestHeldFindings: what waits does so for longer when it is held, never for shorter.
func TestHeldFindings(t *testing.T) {
	var l log
	b := NewBoard[string](&l)
	it := bridge("a", 9*second, 2*second)
	b.Raise(10*second, it)
	b.Hold(it, 11*second)
	b.Tick(11 * second)
	b.Hold(it, 13*second)
	b.Tick(12 * second)
	if got := l.take(); len(got) != 0 {
		t.Errorf("told %v", got)
	}
	b.Tick(13 * second)
	if diff := cmp.Diff([]string{"show bridge_down a"}, l.take()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
