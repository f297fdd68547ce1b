package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"weir/collector/web"
)

// alertPane is the list of open alerts that `a` shows in place of the table.
type alertPane struct {
	ask         func() ([]*web.AlertView, error) // nil where there is nobody to ask
	shown       bool
	all         []*web.AlertView
	err         error
	cursor, top int
	detail      string // id of the alert whose all is shown; "" none
}

// askAlerts returns the open alerts, the gravest first and of these the newest.
func askAlerts(ctx context.Context, stateDir string) (open []*web.AlertView, err error) {
	if err := web.Ask(ctx, stateDir, "api/v1/alerts", &open); err != nil {
		return nil, err
	}
	open = slices.DeleteFunc(open, func(a *web.AlertView) bool { return a.Ended != nil })
	slices.SortStableFunc(open, func(a, b *web.AlertView) int {
		return slices.Index(gravest, a.Severity) - slices.Index(gravest, b.Severity)
	})
	return open, nil
}

// gravest are the severities in the order of the list; one that is unknown is
// before them.
var gravest = []string{"critical", "warning", "info"}

// take shows an answer; what was shown stays where there is none.
func (p *alertPane) take(all []*web.AlertView, err error) {
	if p.err = err; err == nil {
		p.all = all
	}
	p.cursor = max(0, min(p.cursor, len(p.all)-1))
}

// press does what a key asks for while the list is shown, false where it is for
// the table.
func (p *alertPane) press(name string, room int) (cmd tea.Cmd, taken bool) {
	if p.detail != "" && name != "q" {
		p.detail = ""
		return nil, true
	}
	switch name {
	case "a", "esc":
		p.shown, p.detail = false, ""
	case "q":
		return tea.Quit, true
	case "enter":
		if len(p.all) > 0 {
			p.detail = p.all[p.cursor].ID
		}
	case "up", "k":
		p.cursor--
	case "down", "j":
		p.cursor++
	case "pgup", "ctrl+b":
		p.cursor -= room
	case "pgdown", "ctrl+f":
		p.cursor += room
	case "home", "g":
		p.cursor = 0
	case "end", "G", "shift+g":
		p.cursor = len(p.all) - 1
	default:
		return nil, name != "space" && name != "?"
	}
	p.cursor = max(0, min(p.cursor, len(p.all)-1))
	p.top = max(0, min(p.top, p.cursor, len(p.all)-room))
	p.top = max(p.top, p.cursor-room+1)
	return nil, true
}

// lines are the list, or all of one alert.
func (p *alertPane) lines(now time.Time, width, room int) []string {
	if p.err != nil {
		return []string{alarm(printable(p.err.Error()))}
	}
	if i := slices.IndexFunc(p.all, func(a *web.AlertView) bool { return a.ID == p.detail }); p.detail != "" && i >= 0 {
		return alertLines(p.all[i], width)
	}
	if len(p.all) == 0 {
		return []string{"no alert is open; `weir query alerts --from -1d` has those that ended"}
	}
	lines := []string{bold(fmt.Sprintf("%-9s %-12s ALERT", "SEVERITY", "SINCE"))}
	for i := p.top; i < min(len(p.all), p.top+room); i++ {
		a := p.all[i]
		line := fmt.Sprintf("%-9s %-12s %s", printable(a.Severity), ago(a.Started, now), printable(a.Line))
		if short := a.Care.Short(); short != "" {
			line += " [" + printable(short) + "]"
		}
		switch {
		case i == p.cursor:
			line = reverse(line + strings.Repeat(" ", max(0, width-ansi.StringWidth(line))))
		case a.Severity == gravest[0]:
			line = alarm(line)
		}
		lines = append(lines, line)
	}
	return lines
}

// alertLines are all of an alert, and how to go on from it.
func alertLines(a *web.AlertView, width int) []string {
	lines := []string{bold(printable(a.Line)), ""}
	add := func(name, value string) { lines = append(lines, fmt.Sprintf("%-9s ", name)+value) }
	add("severity", printable(a.Severity)+", "+printable(a.State))
	add("since", a.Started.UTC().Format("2006-01-02 15:04:05Z"))
	if a.Affected > 0 {
		add("affected", commas(uint64(a.Affected)))
	}
	if people := a.Care.Short(); people != "" {
		add("people", printable(people))
	}
	lines = append(lines, "")
	if a.Incident != "" {
		add("order", "weir incident show "+printable(a.Incident))
	}
	add("meaning", "weir explain "+printable(a.Kind))
	add("ack", "weir alert ack "+printable(a.ID))
	return strings.Split(ansi.Wrap(strings.Join(lines, "\n"), max(width, 1), " "), "\n")
}
