package collector

import (
	"cmp"
	"context"
	"slices"
	"time"

	"weir/collector/config"
	"weir/detect"
)

// Comparison is what two configurations make of the same captures.
type Comparison struct {
	OnlyOld []Compared `json:"only_old"`
	OnlyNew []Compared `json:"only_new"`
	Both    []Compared `json:"both"`
}

// Compared is one alert, under one configuration or both.
type Compared struct {
	Key     string      `json:"key"` // of the alert
	Kind    detect.Kind `json:"kind"`
	Subject string      `json:"subject"`
	Old     *Outcome    `json:"old,omitempty"`
	New     *Outcome    `json:"new,omitempty"`
}

// Outcome is what became of an alert.
type Outcome struct {
	First    detect.Time     `json:"first"` // its first record
	Times    int             `json:"times"` // how often it was raised
	State    detect.State    `json:"state"` // confirmed if it ever was
	Severity detect.Severity `json:"severity"`
	Peak     float64         `json:"peak"`
	PeakText string          `json:"peak_text"`
}

// Compare replays the files under both configurations. Nothing is written but
// the log.
func Compare(ctx context.Context, before, after config.Config, files []string, io IO) (Comparison, error) {
	old, err := outcomes(ctx, before, files, io)
	if err != nil {
		return Comparison{}, err
	}
	fresh, err := outcomes(ctx, after, files, io)
	if err != nil {
		return Comparison{}, err
	}
	c := Comparison{OnlyOld: []Compared{}, OnlyNew: []Compared{}, Both: []Compared{}} // lists in JSON, not null
	for key, o := range old {
		a := o.Compared
		a.Old = &o.Outcome
		if n := fresh[key]; n != nil {
			a.New = &n.Outcome
			c.Both = append(c.Both, a)
		} else {
			c.OnlyOld = append(c.OnlyOld, a)
		}
	}
	for key, n := range fresh {
		if old[key] == nil {
			a := n.Compared
			a.New = &n.Outcome
			c.OnlyNew = append(c.OnlyNew, a)
		}
	}
	for _, list := range [][]Compared{c.OnlyOld, c.OnlyNew, c.Both} {
		slices.SortFunc(list, func(a, b Compared) int {
			return cmp.Or(a.first().Compare(b.first()), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Key, b.Key))
		})
	}
	return c, nil
}

func (c *Compared) first() time.Time {
	if c.Old != nil {
		return time.Time(c.Old.First)
	}
	return time.Time(c.New.First)
}

// seen is an alert and its outcome under one configuration.
type seen struct {
	Compared
	Outcome
}

// outcomes returns the alerts of a replay by their keys.
func outcomes(ctx context.Context, cfg config.Config, files []string, io IO) (map[string]*seen, error) {
	all := map[string]*seen{}
	r := newReplay(cfg, io)
	if err := labelsFromFiles(&cfg, r.shared); err != nil {
		return nil, err
	}
	severity := cfg.Severity.Table()
	r.emit = func(a *detect.Alert) {
		severity.Apply(a)
		r.alerts++
		s := all[a.Key]
		if s == nil {
			s = &seen{Compared{Key: a.Key, Kind: a.Kind, Subject: a.Subject.Line()}, Outcome{First: detect.Time(a.At), State: a.State}}
			all[a.Key] = s
		}
		s.Severity = a.Severity
		if a.Change == detect.Start {
			s.Times++
		}
		if a.State == detect.Confirmed {
			s.State = detect.Confirmed
		}
		if m, ok := a.Evidence.(detect.Measured); ok {
			if v, text := m.Measure(); s.PeakText == "" || v > s.Peak {
				s.Peak, s.PeakText = v, text
			}
		}
	}
	return all, r.run(ctx, files, io)
}
