package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"weir/collector/web"
	"weir/detect"
)

// liveModel is the state of `weir top`. It draws and decides; what it shows
// comes in messages.
type liveModel struct {
	ask   func(web.TopQuery) liveAnswer
	every time.Duration

	names  []string // of the definitions there are; empty where that is to be asked
	name   int      // of the definition shown
	want   string   // its name, or its key at first; "" is the first there is
	window int      // of detect.TopWindows
	order  liveOrder
	turned bool // the smallest first
	filter string
	typing bool // the filter is being written
	held   bool // nothing new is asked for
	help   bool
	detail string // key of the row whose all is shown; "" none
	alerts alertPane

	status web.Status
	table  topTable // as it came; its Items are as they are shown
	all    []rankedRow
	rows   []rankedRow // of all, those shown
	err    error       // of the last look; nil where it was answered
	look   int         // the last that was sent; answers to others are late

	width, height int
	cursor, top   int    // of rows: where it stands, and the first on the screen
	at            string // key of the row under the cursor
}

// rankedRow is a row with its place by rate.
type rankedRow struct {
	topRow
	rank int
	key  string // the fields' values, to tell rows apart and to search
}

// liveOrder says what rows are ordered by.
type liveOrder int

const (
	byRate liveOrder = iota
	byLow
	bySamples
	byDistinct
	byKey
	orders
)

func (o liveOrder) String() string {
	return [...]string{"rate", "lower bound", "samples", "distinct", "key"}[o]
}

// tickMsg says that it is time to look again, if look was the last.
type tickMsg struct{ look int }

func newLiveModel(ask func(web.TopQuery) liveAnswer, f *liveFlags) *liveModel {
	m := &liveModel{ask: ask, every: f.every, filter: f.filter, width: 80, height: 24}
	m.window = max(0, slices.Index(detect.TopWindows[:], f.q.Window))
	m.want = f.q.Key
	return m
}

// begin takes the first answer. The error is that there is no definition of the
// key wanted.
func (m *liveModel) begin(a liveAnswer) error {
	if !m.takeNames(a.tops) {
		return fmt.Errorf("--key %q: is not counted; write one of %s, or list it in top.keys", m.want, strings.Join(m.names, "; "))
	}
	m.take(a)
	return nil
}

// takeNames learns which definitions there are, and goes to the one wanted or,
// where there is none, to the first.
func (m *liveModel) takeNames(tops []topTable) (found bool) {
	m.names, m.name = m.names[:0], 0
	for i := range tops {
		name := tops[i].name()
		if !found && (m.want == name || m.want == tops[i].Key) {
			m.name, found = i, true
		}
		m.names = append(m.names, name)
	}
	return found || m.want == ""
}

// name is the definition in the words of top.keys.
func (t *topTable) name() string {
	s := t.Key + ": " + t.Value
	if t.DistinctOf != "" {
		s += " distinct(" + t.DistinctOf + ")"
	}
	return s
}

// Init implements tea.Model.
func (m *liveModel) Init() tea.Cmd { return m.later() }

// now looks at once; an answer under way is not waited for.
func (m *liveModel) now() tea.Cmd {
	m.look++
	q := web.TopQuery{Window: detect.TopWindows[m.window], N: detect.MaxTop}
	if len(m.names) > 0 {
		q.Key = m.names[m.name]
	}
	ask, look, alerts := m.ask, m.look, m.alerts.ask
	if !m.alerts.shown {
		alerts = nil
	}
	return func() tea.Msg {
		a := ask(q)
		a.look = look
		if alerts != nil {
			a.alerts, a.alertsErr = alerts()
		}
		return a
	}
}

// later looks after a while.
func (m *liveModel) later() tea.Cmd {
	look := m.look
	return tea.Tick(m.every, func(time.Time) tea.Msg { return tickMsg{look} })
}

// Update implements tea.Model.
func (m *liveModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.follow()
	case liveAnswer:
		if msg.look != m.look {
			return m, nil
		}
		m.take(msg)
		if m.alerts.shown {
			m.alerts.take(msg.alerts, msg.alertsErr)
		}
		return m, m.later()
	case tickMsg:
		switch {
		case msg.look != m.look:
		case m.held:
			return m, m.later()
		default:
			return m, m.now()
		}
	case tea.PasteMsg:
		if m.typing {
			m.setFilter(m.filter + msg.Content)
		}
	case tea.KeyPressMsg:
		return m, m.press(msg)
	}
	return m, nil
}

// take shows an answer. What was shown stays where there is none.
func (m *liveModel) take(a liveAnswer) {
	m.err = a.err
	if a.err != nil {
		if a.status.PID != 0 { // it runs, and has other definitions
			m.names = m.names[:0]
		}
		return
	}
	m.status = a.status
	if len(m.names) == 0 {
		m.takeNames(a.tops)
	}
	for i := range a.tops {
		if a.tops[i].name() != m.names[m.name] {
			continue
		}
		m.want, m.table = m.names[m.name], a.tops[i]
		m.all = m.all[:0]
		fields, _ := m.table.columns()
		for j := range m.table.Items {
			m.all = append(m.all, newRankedRow(&m.table.Items[j], j+1, fields))
		}
	}
	m.choose()
}

func newRankedRow(r *topRow, rank int, fields []string) rankedRow {
	key := make([]string, 0, len(fields)+1)
	for _, f := range fields {
		key = append(key, r.value(f))
	}
	return rankedRow{*r, rank, strings.Join(append(key, r.Domain), " ")}
}

// value is a field of the key, for a terminal.
func (r *topRow) value(field string) string {
	return printable(strings.Trim(string(r.Key[field]), `"`))
}

// choose filters and orders what is shown, and keeps the cursor on its row.
func (m *liveModel) choose() {
	m.rows = m.rows[:0]
	text := strings.ToLower(m.filter)
	for _, r := range m.all {
		if strings.Contains(strings.ToLower(r.key), text) {
			m.rows = append(m.rows, r)
		}
	}
	slices.SortStableFunc(m.rows, func(a, b rankedRow) int {
		c := m.order.compare(&a, &b)
		if m.turned {
			return -c
		}
		return c
	})
	m.table.Items = make([]topRow, 0, len(m.rows)) // the answer's is not ours
	for i := range m.rows {
		m.table.Items = append(m.table.Items, m.rows[i].topRow)
	}
	if i := slices.IndexFunc(m.rows, func(r rankedRow) bool { return r.key == m.at }); i >= 0 && m.at != "" {
		m.cursor = i
	}
	m.follow()
}

// compare has the greater first, and keys in their order.
func (o liveOrder) compare(a, b *rankedRow) int {
	distinct := func(r *rankedRow) float64 {
		if r.Distinct == nil {
			return 0
		}
		return max(r.Distinct.Estimate, r.Distinct.Low)
	}
	switch o {
	case byLow:
		return cmp.Compare(b.Low, a.Low)
	case bySamples:
		return cmp.Compare(b.Samples, a.Samples)
	case byDistinct:
		return cmp.Compare(distinct(b), distinct(a))
	case byKey:
		return strings.Compare(a.key, b.key)
	}
	return cmp.Compare(a.rank, b.rank)
}

// follow keeps the cursor on a row, and the row on the screen.
func (m *liveModel) follow() {
	m.cursor = max(0, min(m.cursor, len(m.rows)-1))
	room := m.room()
	m.top = max(0, min(m.top, m.cursor, len(m.rows)-room))
	m.top = max(m.top, m.cursor-room+1)
	m.at = ""
	if len(m.rows) > 0 && m.cursor > 0 { // at the top it stays there
		m.at = m.rows[m.cursor].key
	}
}
