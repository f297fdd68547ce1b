package scenario

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Alert is one change of an alert as it arrived at the sink.
type Alert struct {
	Arrived  time.Time `json:"arrived"`
	At       time.Time `json:"at"`
	ID       string    `json:"id"`
	Change   string    `json:"change"`
	Kind     string    `json:"kind"`
	State    string    `json:"state"`
	Severity string    `json:"severity"`
	Reason   string    `json:"reason,omitempty"`
	Subject  struct {
		Type  string `json:"type"`
		Node  string `json:"node,omitempty"`
		Agent string `json:"agent,omitempty"`
		Name  string `json:"name,omitempty"`
	} `json:"subject"`
	Evidence struct {
		Summary  string    `json:"summary,omitempty"`
		Cause    string    `json:"cause,omitempty"`
		Witness  string    `json:"witness,omitempty"`
		Affected int       `json:"affected,omitempty"`
		Since    time.Time `json:"since,omitzero"`
		Facts    []Fact    `json:"facts,omitempty"`
	} `json:"evidence"`
}

// Fact is a piece of evidence.
type Fact struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	From string    `json:"from,omitempty"`
}

// ParseAlert reads an alert line of weir.
func ParseAlert(line []byte, arrived time.Time) (Alert, error) {
	a := Alert{}
	if err := json.Unmarshal(line, &a); err != nil {
		return a, fmt.Errorf("an alert line that is not JSON: %w: %q", err, line)
	}
	a.Arrived = arrived
	return a, nil
}

// Class is what an alert says, for a confusion matrix.
func (a *Alert) Class() string {
	t := strings.ReplaceAll(a.Kind, "_", " ")
	if a.Subject.Type != "" {
		t += " of " + a.Subject.Type
	}
	return t + ", " + a.Severity
}

// Is reports whether an alert is the one expected; fill replaces the names of a
// run in what is expected. The name of a node as a whole is the node's.
func (e *Expect) Is(a *Alert, fill func(string) string) bool {
	return a.Change == "start" && a.Kind == e.Kind && (e.Type == "" || a.Subject.Type == e.Type) &&
		(e.Name == "" || cmp.Or(a.Subject.Name, a.Subject.Node) == fill(e.Name)) && (e.Severity == "" || a.Severity == e.Severity) &&
		(e.Cause == "" || strings.Contains(a.Evidence.Summary+" "+a.Evidence.Cause, fill(e.Cause)))
}

// Run is one time that a scenario was played.
type Run struct {
	Scenario string    `json:"scenario"`
	Loss     string    `json:"loss"`
	Node     string    `json:"node"`
	Subject  string    `json:"subject,omitempty"`
	Began    time.Time `json:"began"` // just before the event's first command was started
	Done     time.Time `json:"done"`  // when its last had ended
	Undone   time.Time `json:"undone,omitzero"`
	Failed   string    `json:"failed,omitempty"` // the lab could not play it
	Alerts   []Alert   `json:"alerts,omitempty"` // all changes about the node meanwhile
	Hit      int       `json:"hit"`              // index of the expected alert; -1 none
}

// Delay is the time from before the event to the alert at the sink.
func (r *Run) Delay() time.Duration { return r.Alerts[r.Hit].Arrived.Sub(r.Began) }

// Starts are the alerts that began in the run.
func (r *Run) Starts() (n int) {
	for i := range r.Alerts {
		if r.Alerts[i].Change == "start" {
			n++
		}
	}
	return n
}

// recorded are those of them that are an information, for the record.
func (r *Run) recorded() (n int) {
	for i := range r.Alerts {
		if a := &r.Alerts[i]; a.Change == "start" && a.Severity == "info" {
			n++
		}
	}
	return n
}

// Affected is how many effects the expected alert listed at most, within a time from
// before the event.
func (r *Run) Affected(within time.Duration) (n int) {
	for i := range r.Alerts {
		if a := &r.Alerts[i]; a.ID == r.Alerts[r.Hit].ID && a.Arrived.Sub(r.Began) <= within {
			n = max(n, a.Evidence.Affected)
		}
	}
	return n
}

// listsWithin is for how long after the event the list of effects may grow.
func (e *Expect) listsWithin() time.Duration { return max(time.Duration(e.Within), 10*time.Second) }

// First is the class of the first alert of the run.
func (r *Run) First() string {
	for i := range r.Alerts {
		if r.Alerts[i].Change == "start" {
			return r.Alerts[i].Class()
		}
	}
	return "nothing"
}

// Score is what became of a scenario at one loss.
type Score struct {
	Scenario string   `json:"scenario"`
	File     string   `json:"file"`
	Class    string   `json:"class"`
	Group    string   `json:"group"`
	Loss     string   `json:"loss"`
	Runs     int      `json:"runs"`
	Unplayed int      `json:"unplayed"` // the lab's own failures, left out of everything else
	Told     int      `json:"told"`     // expected alerts that came
	P50      Duration `json:"p50"`
	P99      Duration `json:"p99"`
	Max      Duration `json:"max"`
	Target50 Duration `json:"target_p50,omitzero"`
	Target99 Duration `json:"target_p99,omitzero"`
	Whole    int      `json:"whole,omitempty"` // expected alerts that listed as many effects in time as were asked for
	Right    int      `json:"right"`           // runs whose first alert is the one expected, or that stayed quiet
	False    int      `json:"false"`           // alerts of quiet scenarios
	PerRun50 int      `json:"per_run_p50"`     // alerts that began in a run
	PerRun99 int      `json:"per_run_p99"`
	Met      bool     `json:"met"`
	Missed   []string `json:"missed,omitempty"` // which target, and by what
}

// NewScore counts the runs of one scenario at one loss.
func NewScore(s *Scenario, loss string, runs []Run) Score {
	c := Score{Scenario: s.Name, File: s.File, Class: s.Class, Group: s.Group, Loss: loss}
	var delays []time.Duration
	var starts []int
	for i := range runs {
		r := &runs[i]
		if r.Failed != "" {
			c.Unplayed++
			continue
		}
		c.Runs++
		starts = append(starts, r.Starts())
		if s.Expect == nil {
			n := r.Starts()
			if s.Records {
				n -= r.recorded()
			}
			c.False += n
			if n == 0 {
				c.Right++
			}
			continue
		}
		if r.Hit < 0 {
			continue
		}
		c.Told++
		if r.Affected(s.Expect.listsWithin()) >= s.Expect.Effects {
			c.Whole++
		}
		delays = append(delays, r.Delay())
		if r.firstIs(r.Hit) {
			c.Right++
		}
	}
	c.P50, c.P99, c.Max = Duration(rank(delays, 50)), Duration(rank(delays, 99)), Duration(rank(delays, 100))
	c.PerRun50, c.PerRun99 = rank(starts, 50), rank(starts, 99)
	if s.Expect != nil {
		c.Target50, c.Target99 = s.Expect.P50, s.Expect.Within
	}
	c.judge(s)
	return c
}

func (r *Run) firstIs(hit int) bool {
	return slices.IndexFunc(r.Alerts, func(a Alert) bool { return a.Change == "start" }) == hit
}

// judge holds the counts against the targets.
func (c *Score) judge(s *Scenario) {
	miss := func(format string, args ...any) { c.Missed = append(c.Missed, fmt.Sprintf(format, args...)) }
	switch {
	case c.Runs == 0:
		miss("not played")
	case s.Expect == nil:
		if c.False > 0 {
			miss("%d false alarms", c.False)
		}
	default:
		if c.Told < c.Runs {
			miss("%d of %d not told", c.Runs-c.Told, c.Runs)
		}
		if c.Whole < c.Told {
			miss("%d of %d list fewer than %d effects within %v", c.Told-c.Whole, c.Told, s.Expect.Effects, s.Expect.listsWithin())
		}
		if c.Told > 0 && c.Target50 > 0 && c.P50 > c.Target50 {
			miss("p50 %v above %v", round(c.P50), time.Duration(c.Target50))
		}
		if c.Told > 0 && c.P99 > c.Target99 {
			miss("p99 %v above %v", round(c.P99), time.Duration(c.Target99))
		}
		if c.PerRun50 > 1 || c.PerRun99 > 2 {
			miss("alerts per incident %d, %d above 1, 2", c.PerRun50, c.PerRun99)
		}
	}
	c.Met = len(c.Missed) == 0
}

// rank returns a percentile, the zero value of none.
func rank[T int | time.Duration](all []T, percent int) T {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return all[max(0, (len(all)*percent+99)/100-1)]
}

func round(d Duration) time.Duration {
	switch v := time.Duration(d); {
	case v < time.Second:
		return v.Round(time.Millisecond)
	default:
		return v.Round(10 * time.Millisecond)
	}
}
