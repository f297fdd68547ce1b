package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"weir/collector/web"
	"weir/detect"
	"weir/detect/rules"
)

// Lines of the view beside the rows.
const (
	linesAbove = 6 // weir, alerts, what is shown, totals, empty, words above the columns
	linesBelow = 1
)

// room is how many rows fit.
func (m *liveModel) room() int { return max(1, m.height-linesAbove-linesBelow) }

// View implements tea.Model.
func (m *liveModel) View() tea.View {
	v := tea.NewView(strings.Join(m.lines(), "\n"))
	v.AltScreen, v.WindowTitle = true, "weir top"
	return v
}

// Attributes, which hold on terminals without colours too.
func bold(s string) string    { return "\x1b[1m" + s + "\x1b[m" }
func faint(s string) string   { return "\x1b[2m" + s + "\x1b[m" }
func reverse(s string) string { return "\x1b[7m" + s + "\x1b[m" }
func alarm(s string) string   { return "\x1b[1;31m" + s + "\x1b[m" }

// lines is the screen, each line as wide as it at most.
func (m *liveModel) lines() []string {
	lines := []string{m.statusLine(), m.alertLine(), m.chosenLine(), m.totalLine(), ""}
	switch {
	case m.help:
		lines = append(lines, helpLines...)
	case m.alerts.shown:
		lines = append(lines, m.alerts.lines(m.status.At, m.width, m.room())...)
	case m.detail != "":
		lines = append(lines, m.detailLines()...)
	default:
		lines = append(lines, m.tableLines()...)
	}
	most := max(1, m.height-linesBelow)
	lines = lines[:min(len(lines), most)]
	for len(lines) < most {
		lines = append(lines, "")
	}
	lines = append(lines, m.footer())
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], m.width, "")
	}
	return lines
}

func (m *liveModel) statusLine() string {
	s := &m.status
	line := bold("weir "+printable(s.Version)) + fmt.Sprintf("  up %v  %s datagrams/s  %s lost  %d agents", s.At.Sub(s.Started).Truncate(time.Second),
		strconv.FormatFloat(s.DatagramsPerSecond, 'f', 1, 64), percent(s.LossPercent), s.Agents)
	if s.SocketDropped > 0 {
		line += "  " + alarm(commas(s.SocketDropped)+" dropped by the kernel")
	}
	return line
}

func (m *liveModel) alertLine() string {
	if m.err != nil {
		return alarm(printable(m.err.Error()))
	}
	open := slices.DeleteFunc(slices.Clone(m.status.AlertsOpen), func(c web.Count) bool { return c.Count == 0 })
	slices.SortFunc(open, func(a, b web.Count) int { return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Key, b.Key)) })
	total, kinds := uint64(0), []string{}
	for _, c := range open {
		total += c.Count
		kinds = append(kinds, commas(c.Count)+" "+printable(c.Key))
	}
	if total == 0 {
		return "no alert is open"
	}
	noun := " alerts open: "
	if total == 1 {
		noun = " alert open: "
	}
	return alarm(commas(total)+noun) + strings.Join(kinds, ", ")
}

// chosenLine says what is shown, and in which order.
func (m *liveModel) chosenLine() string {
	if len(m.names) == 0 {
		return "no keys are counted"
	}
	arrow := "↓"
	if m.turned {
		arrow = "↑"
	}
	line := fmt.Sprintf("%s  %d of %d  window %v  by %v %s", bold(printable(m.names[m.name])), m.name+1, len(m.names), shortTime(detect.TopWindows[m.window]), m.order, arrow)
	if m.filter != "" || m.typing {
		line += "  filter " + reverse(m.filter)
		if m.typing {
			line += "▏"
		}
	}
	if m.held {
		line += "  " + reverse(" held ")
	}
	return line
}

// shortTime writes a window as its flag does: 1m, not 1m0s.
func shortTime(d time.Duration) string {
	if d < time.Minute {
		return d.String()
	}
	return strings.TrimSuffix(d.String(), "0s")
}

func (m *liveModel) totalLine() string {
	t := &m.table
	if t.To.IsZero() {
		return faint("nothing sampled yet")
	}
	line := fmt.Sprintf("%v to %s, %s in all", time.Duration(t.Seconds*1e9), t.To.UTC().Format("15:04:05Z"), t.rate(t.Total))
	if t.Absent > 0 {
		line += "; what is not listed has at most " + t.rate(t.Absent)
	}
	if n := len(m.all) - len(m.rows); n > 0 {
		line += fmt.Sprintf("; %d rows filtered out", n)
	}
	return line
}

// tableLines are the words above the columns and the rows that fit.
func (m *liveModel) tableLines() []string {
	if len(m.rows) == 0 {
		return nil
	}
	var b strings.Builder
	fields, domain := m.table.columns()
	w := newTable(&b, m.table.head(fields, domain)...)
	last := min(len(m.rows), m.top+m.room())
	for i := m.top; i < last; i++ {
		row := m.table.row(i, fields, domain)
		row[0] = strconv.Itoa(m.rows[i].rank)
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // into memory
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	lines[0] = bold(lines[0])
	if at := 1 + m.cursor - m.top; at < len(lines) {
		lines[at] = reverse(lines[at] + strings.Repeat(" ", max(0, m.width-ansi.StringWidth(lines[at]))))
	}
	return lines
}

// detailLines are all of one row.
func (m *liveModel) detailLines() []string {
	i := 0
	for i < len(m.rows) && m.rows[i].key != m.detail {
		i++
	}
	if i == len(m.rows) {
		return []string{printable(m.detail) + " is not among the heaviest now"}
	}
	r, t := &m.rows[i], &m.table
	var b strings.Builder
	w := newTable(&b)
	line := func(name, value string) { w.row(name, value) }
	fields, _ := t.columns()
	for _, f := range fields {
		line(f, shownField(f, r.value(f)))
	}
	line("domain", printable(r.domain()))
	line("rate", t.rate(r.Rate))
	line("95 %", t.rate(r.Low)+" to "+t.rate(r.High))
	line("samples", commas(r.Samples))
	if t.Total > 0 {
		line("share", percent(100*r.Rate/t.Total)+" of all")
	}
	if t.DistinctOf != "" {
		line("distinct "+t.DistinctOf, r.distinct()+" in the samples")
	}
	if r.TableLower != nil && r.TableUpper != nil {
		line("table", t.rate(*r.TableLower)+" to "+t.rate(*r.TableUpper)+" for certain, the table had more keys than places")
	}
	if expr := r.expr(fields); expr != "" {
		line("history", "weir query flows --from -1h --filter '"+expr+"'")
	}
	_ = w.Flush() // into memory
	return strings.Split(ansi.Wrap(strings.TrimSuffix(b.String(), "\n"), max(m.width, 1), " "), "\n")
}

// domain names the network of the row's addresses.
func (r *topRow) domain() string {
	if r.Domain == "" {
		return "underlay"
	}
	return r.Domain
}

// expr selects the row's key from the history; "" where it cannot.
func (r *topRow) expr(fields []string) string {
	var all []string
	for _, f := range fields {
		value, is := r.value(f), " = "
		if strings.Contains(value, "/") {
			is = " in "
		}
		all = append(all, f+is+value)
	}
	text := strings.Join(all, " and ")
	if _, err := rules.ParseFilter(text); err != nil {
		return ""
	}
	return text
}

func (m *liveModel) footer() string {
	if m.typing {
		return faint("enter keeps the filter   esc clears it")
	}
	if m.alerts.shown && !m.help && m.alerts.detail == "" {
		return faint("a the table   enter an alert   ? help   q ends")
	}
	if m.help || m.detail != "" || m.alerts.detail != "" {
		return faint("any key goes back   q ends")
	}
	return faint("tab definition   w window   s order   / filter   enter a row   a alerts   ? help   q ends")
}

// helpLines are what ? shows.
var helpLines = []string{
	"tab, shift-tab, ← →   the next or previous definition in top.keys",
	"w, W, 1 to 4          another window: 1s, 10s, 1m, 5m",
	"s                     order by rate, lower bound, samples, distinct, key",
	"r                     turn the order round",
	"/                     show only rows in which a text stands; esc clears it",
	"↑ ↓ j k, page keys    move; g and G go to the first and the last row",
	"enter                 all of a row, and how to ask the history for it",
	"a                     the alerts that are open; enter shows all of one",
	"space                 hold still",
	"q, ctrl-c             end",
	"",
	"95 %      interval of the rate, for what sampling may have missed",
	"TABLE     bounds where the table had more keys than places; they always hold",
	"A packet sampled at several switches counts once, where it enters, once ports are known.",
}
