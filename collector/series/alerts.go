package series

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"weir/detect"
)

var alertEvents = &Class{
	Name: "alert_events", Tags: []string{"kind", "severity", "change", "state"}, Help: "each change of an alert",
	Fields: []Field{
		{Name: "count", Unit: Count, Help: "always 1, to be summed"}, {Name: "seq", Unit: Count, Help: "of the change within its alert"},
		gauge("flapping", Flag), gauge("id", Text), gauge("key", Text), gauge("subject", Text), gauge("text", Text),
		{Name: "reason", Unit: Text, Help: "why it ended, where that is not the data"},
		{Name: "incident", Unit: Text, Help: "id of the incident that it belongs to"},
	},
}

var alertState = &Class{
	Name: "alert_state", Tags: []string{"kind", "severity", "slot"}, Help: "each open alert, every interval, the oldest " + strconv.Itoa(maxShown) + " of them",
	Fields: []Field{
		{Name: "count", Unit: Count, Help: "always 1, to be summed"}, gauge("age_seconds", Seconds), gauge("flapping", Flag),
		gauge("id", Text), gauge("key", Text), gauge("state", Text), gauge("subject", Text), gauge("text", Text),
		{Name: "since", Unit: Text, Help: "RFC 3339, UTC"},
		{Name: "incident", Unit: Text, Help: "id of the incident that it belongs to"},
	},
}

var alertsOpen = &Class{
	Name: "alerts_open", Tags: []string{"kind", "severity", "state"}, Help: "how many alerts are open; 0 is written too, once there was one",
	Fields: gauges(Count, "count"),
}

// maxShown bounds the open alerts that are told one by one.
const maxShown = 200

// Alerts follows the alerts that are open. It is not safe for concurrent use.
type Alerts struct {
	open map[string]*openAlert // by id
	seen map[group]bool
	last int64 // ns, time of the last event
}

type openAlert struct {
	detect.Alert
	since time.Time
	slot  int // -1 none
}

// group is what alerts are counted by.
type group struct{ kind, severity, state string }

// maxText bounds texts that follow from what agents send, in octets.
const maxText = 1024

// Change adds a change of an alert.
func (s *Alerts) Change(b *Batch, a *detect.Alert) {
	if s.open == nil {
		s.open, s.seen = map[string]*openAlert{}, map[group]bool{}
	}
	// Two changes of one kind at one time would be one point. A clock that was
	// set back is followed.
	at := a.At.UnixNano()
	if d := s.last - at; d >= 0 && d < int64(time.Second) {
		at = s.last + 1
	}
	s.last = at
	p, v := b.Add(alertEvents, s.last)
	p.Tags[0], p.Tags[1], p.Tags[2], p.Tags[3] = string(a.Kind), string(a.Severity), string(a.Change), string(a.State)
	b.Done(append(v, Whole(1), Whole(a.Seq), Yes(a.Flapping), Words(a.ID), Words(a.Key),
		Words(cut(a.Subject.Line())), Words(cut(a.Line())), Words(a.Reason), Words(a.Incident)))
	if a.Change == detect.End {
		delete(s.open, a.ID)
		return
	}
	o := s.open[a.ID]
	if o == nil {
		o = &openAlert{since: a.At, slot: -1}
		s.open[a.ID] = o
	}
	o.Alert = *a
	s.seen[groupOf(a)] = true
}

func groupOf(a *detect.Alert) group {
	return group{string(a.Kind), string(a.Severity), string(a.State)}
}

func cut(s string) string {
	if len(s) > maxText {
		return s[:maxText]
	}
	return s
}

// State adds the alerts that are open now.
func (s *Alerts) State(b *Batch, now time.Time) {
	at := now.UnixNano()
	counts := map[group]uint64{}
	all := make([]*openAlert, 0, len(s.open))
	for _, o := range s.open {
		counts[groupOf(&o.Alert)]++
		all = append(all, o)
	}
	for g := range s.seen {
		p, v := b.Add(alertsOpen, at)
		p.Tags[0], p.Tags[1], p.Tags[2] = g.kind, g.severity, g.state
		b.Done(append(v, Whole(counts[g])))
	}
	slices.SortFunc(all, func(x, y *openAlert) int { return cmp.Or(x.since.Compare(y.since), cmp.Compare(x.ID, y.ID)) })
	all = all[:min(len(all), maxShown)]
	assignSlots(all)
	for _, o := range all {
		p, v := b.Add(alertState, at)
		p.Tags[0], p.Tags[1], p.Tags[2] = string(o.Kind), string(o.Severity), strconv.Itoa(o.slot)
		b.Done(append(v, Whole(1), Number(max(now.Sub(o.since).Seconds(), 0)), Yes(o.Flapping), Words(o.ID), Words(o.Key),
			Words(string(o.State)), Words(cut(o.Subject.Line())), Words(cut(o.Line())), Words(o.since.UTC().Format(time.RFC3339)), Words(o.Incident)))
	}
}

// assignSlots gives those without a slot the lowest free one.
func assignSlots(all []*openAlert) {
	var taken [maxShown]bool
	for _, o := range all {
		if o.slot >= 0 {
			taken[o.slot] = true
		}
	}
	next := 0
	for _, o := range all {
		if o.slot >= 0 {
			continue
		}
		for taken[next] {
			next++
		}
		o.slot, taken[next] = next, true
	}
}
