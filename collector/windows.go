package collector

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/detect"
	"weir/detect/site"
)

// Bounds of maintenance windows.
const (
	maxWindows = 1000
	longWindow = 31 * 24 * time.Hour
	keepWindow = 24 * time.Hour // listed for so long after its end
)

// windows are the maintenance windows of the configuration and those added
// while running, which outlive a restart.
type windows struct {
	mu    sync.Mutex
	fixed []site.Window
	added []site.Window
	next  int
}

// load takes what was saved.
func (w *windows) load(body []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, &w.added); err != nil {
		return fmt.Errorf("maintenance windows cannot be read: %w", err)
	}
	return nil
}

// save returns what outlives a restart.
func (w *windows) save() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := json.Marshal(w.added)
	if err != nil { // times within four digits of a year always marshal
		return nil
	}
	return b
}

// set takes the windows of the configuration.
func (w *windows) set(fixed []site.Window) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fixed = slices.Clone(fixed)
	for i := range w.fixed {
		w.fixed[i].ID = "config-" + strconv.Itoa(i+1)
	}
}

// hold reports whether some window lets the alert wait.
func (w *windows) hold(a *detect.Alert, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, list := range [...][]site.Window{w.fixed, w.added} {
		for i := range list {
			if list[i].Holds(a, now) {
				return true
			}
		}
	}
	return false
}

func (w *windows) list(now time.Time) []site.Window {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.added = slices.DeleteFunc(w.added, func(x site.Window) bool { return now.Sub(x.To) > keepWindow })
	return append(slices.Clone(w.fixed), w.added...)
}

// add takes a window that somebody asks for.
func (w *windows) add(x site.Window, now time.Time) (site.Window, error) {
	switch {
	case strings.TrimSpace(x.Subject) == "":
		return x, errors.New(`subject "": names nothing; write a node's name or address, NODE/PART, or *`)
	case strings.TrimSpace(x.Owner) == "":
		return x, errors.New("owner: is missing; name who does the work with --owner")
	case strings.TrimSpace(x.Reason) == "":
		return x, errors.New("reason: is missing; say what is done with --reason")
	case !x.From.Before(x.To):
		return x, fmt.Errorf("window from %s to %s: ends before it begins", x.From.Format(time.RFC3339), x.To.Format(time.RFC3339))
	case !now.Before(x.To):
		return x, fmt.Errorf("window to %s: is over already", x.To.Format(time.RFC3339))
	case x.To.Sub(x.From) > longWindow:
		return x, fmt.Errorf("window of %s: is longer than %s; planned work has an end", x.To.Sub(x.From), longWindow)
	}
	if len(x.Subject)+len(x.Owner)+len(x.Reason) > 1024 {
		return x, errors.New("subject, owner and reason: have more than 1024 octets together; write less")
	}
	w.list(now) // drops those long over
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.added) >= maxWindows {
		return x, fmt.Errorf("there are %d windows already; end some", len(w.added))
	}
	w.next++
	x.ID = fmt.Sprintf("%s-%d", strconv.FormatInt(now.Unix(), 36), w.next)
	w.added = append(w.added, x)
	return x, nil
}

// end ends a window now.
func (w *windows) end(id string, now time.Time) (site.Window, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.added {
		x := &w.added[i]
		if x.ID != id {
			continue
		}
		if x.To.After(now) {
			x.To = now
			if x.From.After(now) {
				x.From = now
			}
		}
		return *x, nil
	}
	for i := range w.fixed {
		if w.fixed[i].ID == id {
			return site.Window{}, fmt.Errorf("window %s: stands in the configuration; remove it there and reload", id)
		}
	}
	return site.Window{}, fmt.Errorf("window %q: is none; `weir window list` shows them", id)
}

// Windows implements web.SiteSource.
func (a *app) Windows() []site.Window { return a.windows.list(time.Now()) }

// AddWindow implements web.SiteSource.
func (a *app) AddWindow(x site.Window) (site.Window, error) {
	x, err := a.windows.add(x, time.Now())
	if err == nil {
		a.log.Info().Str("id", x.ID).Str("subject", x.Subject).Time("from", x.From).Time("to", x.To).Str("owner", x.Owner).Str("reason", x.Reason).Msg("maintenance window added")
	}
	return x, err
}

// EndWindow implements web.SiteSource.
func (a *app) EndWindow(id string) (site.Window, error) {
	x, err := a.windows.end(id, time.Now())
	if err == nil {
		a.log.Info().Str("id", x.ID).Str("subject", x.Subject).Msg("maintenance window ended")
	}
	return x, err
}
