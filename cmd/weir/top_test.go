package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"weir/cmd/internal/commandline"
	"weir/collector/web"
	"weir/detect"
)

// watched is a collector that `weir top` looks at.
type watched struct {
	defs   []string // keys of its definitions, all by bytes
	rows   int
	alerts []web.Count
	err    error
	asked  []web.TopQuery
}

func (w *watched) look(q web.TopQuery) (a liveAnswer) {
	w.asked = append(w.asked, q)
	at := time.Unix(100000, 0)
	a.status = web.Status{Version: "1.2.3", PID: 1, At: at, Started: at.Add(-time.Hour), DatagramsPerSecond: 81.25, Agents: 2, AlertsOpen: w.alerts}
	if a.err = w.err; a.err != nil {
		return a
	}
	for _, key := range w.defs {
		t := topTable{Key: key, Value: "bytes", Unit: "bits_per_second", Window: q.Window.Seconds(), Seconds: 10, To: at, Total: 10e9, Absent: 1e6, Exact: true}
		if q.Key != "" && q.Key != t.name() {
			continue
		}
		for i := range w.rows {
			fields, _ := t.columns()
			r := topRow{Key: map[string]json.RawMessage{}, Rate: float64(w.rows-i) * 1e8, Low: float64(i) * 1e7, High: float64(w.rows-i) * 2e8, Samples: uint64(i)}
			for _, f := range fields {
				r.Key[f] = json.RawMessage(fmt.Sprintf(`"10.0.0.%d"`, i+1))
			}
			t.Items = append(t.Items, r)
		}
		a.tops = append(a.tops, t)
	}
	if len(a.tops) == 0 {
		a.err = errors.New("key " + q.Key + ": is not counted")
	}
	return a
}

// view begins to watch.
func view(t *testing.T, w *watched, f liveFlags) *liveModel {
	t.Helper()
	if f.q.Window == 0 {
		f.q.Window = web.DefaultTopWindow
	}
	f.every = time.Millisecond
	m := newLiveModel(w.look, &f)
	if err := m.begin(w.look(web.TopQuery{Window: f.q.Window, N: detect.MaxTop})); err != nil {
		t.Fatal(err)
	}
	m.Update(tea.WindowSizeMsg{Width: 100, Height: 14})
	return m
}

// special are what a terminal sends beside letters.
var special = map[string]tea.KeyPressMsg{
	"tab": {Code: tea.KeyTab}, "left": {Code: tea.KeyLeft}, "enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "space": {Code: tea.KeySpace, Text: " "},
	"down": {Code: tea.KeyDown}, "up": {Code: tea.KeyUp}, "pgdown": {Code: tea.KeyPgDown}, "end": {Code: tea.KeyEnd}, "backspace": {Code: tea.KeyBackspace},
	"ctrl+c": {Code: 'c', Mod: tea.ModCtrl},
}

// press sends keys, does what they ask for, and reports whether that was to end.
func press(m *liveModel, names ...string) (quit bool) {
	for _, name := range names {
		k, is := special[name]
		if !is {
			k = tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
		}
		_, cmd := m.Update(k)
		if cmd == nil {
			continue
		}
		msg := cmd()
		if _, quit := msg.(tea.QuitMsg); quit {
			return true
		}
		m.Update(msg)
	}
	return false
}

// screen is what is seen, without attributes.
func screen(m *liveModel) []string {
	lines := m.lines()
	for i := range lines {
		lines[i] = strings.TrimRight(ansi.Strip(lines[i]), " ")
	}
	return lines
}

func hasLine(t *testing.T, m *liveModel, what string) {
	t.Helper()
	if text := strings.Join(screen(m), "\n"); !strings.Contains(text, what) {
		t.Errorf("%q is not shown:\n%s", what, text)
	}
}

// firsts are the first key fields of the rows on the screen.
func firsts(m *liveModel) (all []string) {
	for _, line := range screen(m)[linesAbove : m.height-linesBelow] {
		if f := strings.Fields(line); len(f) > 1 {
			all = append(all, f[1])
		}
	}
	return all
}

func TestTopShowsTheTable(t *testing.T) {
	m := view(t, &watched{defs: []string{"src,dst", "dst"}, rows: 3, alerts: []web.Count{{Key: "scan"}, {Key: "bridge_down", Count: 1}, {Key: "large_flow", Count: 2}}}, liveFlags{})
	want := `weir 1.2.3  up 1h0m0s  81.2 datagrams/s  0.000 % lost  2 agents
3 alerts open: 2 large_flow, 1 bridge_down
src,dst: bytes  1 of 2  window 10s  by rate ↓
10s to 03:46:40Z, 10.0Gbit/s in all; what is not listed has at most 1.00Mbit/s

#  SRC       DST       BIT/S  95 %          SAMPLES
1  10.0.0.1  10.0.0.1  300M   [0.0–600M]    0
2  10.0.0.2  10.0.0.2  200M   [10.0M–400M]  1
3  10.0.0.3  10.0.0.3  100M   [20.0M–200M]  2




tab definition   w window   s order   / filter   enter a row   a alerts   ? help   q ends`
	if diff := cmp.Diff(want, strings.Join(screen(m), "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if v := m.View(); !v.AltScreen || !strings.Contains(v.Content, "\x1b[7m1  10.0.0.1") {
		t.Errorf("the first row is not under the cursor: %q", v.Content)
	}
}

func TestTopTurnsToDefinitionsAndWindows(t *testing.T) {
	w := &watched{defs: []string{"src,dst", "dst", "src"}, rows: 3}
	m := view(t, w, liveFlags{q: web.TopQuery{Key: "dst", Window: time.Minute}})
	hasLine(t, m, "dst: bytes  2 of 3  window 1m  by rate ↓")
	for _, c := range []struct {
		key    string
		want   string
		asked  string
		window time.Duration
	}{
		{"tab", "src: bytes  3 of 3  window 1m", "src: bytes", time.Minute},
		{"tab", "src,dst: bytes  1 of 3  window 1m", "src,dst: bytes", time.Minute},
		{"left", "src: bytes  3 of 3  window 1m", "src: bytes", time.Minute},
		{"w", "src: bytes  3 of 3  window 5m", "src: bytes", 5 * time.Minute},
		{"w", "src: bytes  3 of 3  window 1s", "src: bytes", time.Second},
		{"W", "src: bytes  3 of 3  window 5m", "src: bytes", 5 * time.Minute},
		{"2", "src: bytes  3 of 3  window 10s", "src: bytes", 10 * time.Second},
	} {
		press(m, c.key)
		hasLine(t, m, c.want)
		if last := w.asked[len(w.asked)-1]; last.Key != c.asked || last.Window != c.window || last.Check() != nil {
			t.Errorf("%s asks for %+v", c.key, last)
		}
		if got := firsts(m); len(got) != 3 {
			t.Errorf("%s: rows %v", c.key, got)
		}
	}
	err := newLiveModel(w.look, &liveFlags{q: web.TopQuery{Key: "vlan"}}).begin(w.look(web.TopQuery{}))
	if err == nil || err.Error() != `--key "vlan": is not counted; write one of src,dst: bytes; dst: bytes; src: bytes, or list it in top.keys` {
		t.Errorf("a key that is not counted: %v", err)
	}
}

func TestTopOrdersAndFilters(t *testing.T) {
	m := view(t, &watched{defs: []string{"dst"}, rows: 3}, liveFlags{})
	for _, c := range []struct {
		name string
		keys []string
		want []string
		line string
	}{
		{"turned", []string{"r"}, []string{"10.0.0.3", "10.0.0.2", "10.0.0.1"}, "by rate ↑"},
		{"lower bound", []string{"r", "s"}, []string{"10.0.0.3", "10.0.0.2", "10.0.0.1"}, "by lower bound ↓"},
		{"samples", []string{"s"}, []string{"10.0.0.3", "10.0.0.2", "10.0.0.1"}, "by samples ↓"},
		{"key", []string{"s", "s"}, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, "by key ↓"},
		{"filter while it is written", []string{"s", "/", "0", ".", "2"}, []string{"10.0.0.2"}, "filter 0.2▏"},
		{"letters of commands belong to the filter", []string{"q"}, nil, "filter 0.2q▏"},
		{"taken back", []string{"backspace", "enter"}, []string{"10.0.0.2"}, "2 rows filtered out"},
		{"cleared", []string{"esc"}, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, "by rate ↓"},
	} {
		t.Run(c.name, func(t *testing.T) {
			press(m, c.keys...)
			if diff := cmp.Diff(c.want, firsts(m)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			hasLine(t, m, c.line)
		})
	}
	m.typing = true
	m.Update(tea.PasteMsg{Content: "\x1b[2J0.3\n"})
	if m.filter != "[2J0.3" {
		t.Errorf("pasted %q", m.filter)
	}
	m.Update(tea.PasteMsg{Content: strings.Repeat("x", 10*maxFilter)})
	if len(m.filter) > maxFilter {
		t.Errorf("a filter of %d octets", len(m.filter))
	}
}

func TestTopKeepsTheCursorOnItsRow(t *testing.T) {
	w := &watched{defs: []string{"dst"}, rows: 20}
	m := view(t, w, liveFlags{}) // seven rows fit
	under := func() string { return m.rows[m.cursor].key }
	press(m, "down", "down")
	if got := under(); strings.TrimSpace(got) != "10.0.0.3" {
		t.Errorf("cursor on %s", got)
	}
	press(m, "r")
	if got := under(); strings.TrimSpace(got) != "10.0.0.3" || firsts(m)[6] != "10.0.0.3" && firsts(m)[0] != "10.0.0.9" {
		t.Errorf("turned, cursor on %s of %v", got, firsts(m))
	}
	for _, k := range []string{"up", "pgdown", "end", "end", "G", "g", "up", "k", "j"} {
		press(m, k)
		if i := m.cursor - m.top; i < 0 || i >= m.room() || len(firsts(m)) != 7 {
			t.Errorf("%s: line %d of %d, rows %v", k, i, m.room(), firsts(m))
		}
	}
	w.rows = 1
	press(m, "end", "w")
	if len(firsts(m)) != 1 || m.cursor != 0 {
		t.Errorf("of one row: %v, cursor %d", firsts(m), m.cursor)
	}
	w.rows = 0
	press(m, "w", "enter", "down")
	if len(firsts(m)) != 0 || m.detail != "" {
		t.Errorf("of no rows: %v", firsts(m))
	}
}

func TestTopShowsAllOfARow(t *testing.T) {
	m := view(t, &watched{defs: []string{"src,dst"}, rows: 3}, liveFlags{})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 30})
	press(m, "down", "enter")
	for _, want := range []string{
		"src      10.0.0.2", "95 %     10.0Mbit/s to 400Mbit/s", "share    2.0 % of all",
		"history  weir query flows --from -1h --filter 'src = 10.0.0.2 and dst = 10.0.0.2'", "any key goes back",
	} {
		hasLine(t, m, want)
	}
	m.all = m.all[:1]
	m.choose()
	hasLine(t, m, "10.0.0.2 10.0.0.2  is not among the heaviest now")
	press(m, "esc")
	hasLine(t, m, "1  10.0.0.1")
	press(m, "?")
	hasLine(t, m, "hold still")
	if press(m, "x") || !press(m, "?", "q") {
		t.Error("q does not end over the help, or x does")
	}
}

func TestTopLooksOnAndEnds(t *testing.T) {
	w := &watched{defs: []string{"dst", "src"}, rows: 1}
	m := view(t, w, liveFlags{})
	tick := m.Init()()
	_, cmd := m.Update(tick)
	answer := cmd()
	w.rows = 2
	if _, next := m.Update(answer); next == nil || len(firsts(m)) != 1 {
		t.Errorf("%v after the first look", firsts(m))
	}
	press(m, "tab") // now the answer and the tick before are late
	hasLine(t, m, "src: bytes  2 of 2")
	for _, late := range []tea.Msg{answer, tick} {
		if _, next := m.Update(late); next != nil {
			t.Errorf("%T of before is heeded", late)
		}
	}
	hasLine(t, m, "src: bytes  2 of 2")

	press(m, "space")
	hasLine(t, m, "by rate ↓   held\n")
	asked := len(w.asked)
	_, cmd = m.Update(tickMsg{m.look})
	m.Update(cmd())
	if len(w.asked) != asked {
		t.Error("held, and asks")
	}
	press(m, "space")

	// The collector goes, and comes again with other definitions.
	look := func() {
		_, cmd := m.Update(tickMsg{m.look})
		m.Update(cmd())
	}
	w.err = errors.New("no weir runs\x1b")
	look()
	hasLine(t, m, "no weir runs?")
	w.err, w.defs = nil, []string{"agent", "src"}
	look()
	look()
	hasLine(t, m, "src: bytes  2 of 2")
	w.defs = []string{"agent"}
	look()
	hasLine(t, m, "is not counted")
	look()
	hasLine(t, m, "agent: bytes  1 of 1")
	if !press(m, "q") || !press(m, "ctrl+c") {
		t.Error("does not end")
	}
}

func TestTopShowsTheOpenAlerts(t *testing.T) {
	w := &watched{defs: []string{"dst"}, rows: 2, alerts: []web.Count{{Key: "bridge_down", Count: 1}}}
	m := view(t, w, liveFlags{})
	hasLine(t, m, "1 alert open: 1 bridge_down")
	at := time.Unix(100000, 0)
	m.alerts.ask = func() ([]*web.AlertView, error) {
		return []*web.AlertView{
			{ID: "a-1", Incident: "a-1", Severity: "critical", State: "confirmed", Kind: "bridge_down", Started: at.Add(-time.Minute), Affected: 6, Line: "bridge down br-int on hv3\x1b[2J: switched off"},
			{ID: "b-1", Severity: "info", State: "confirmed", Kind: "large_flow", Started: at.Add(-2 * time.Second), Line: "large flow 1.0 Gbit/s"},
		}, nil
	}
	press(m, "a")
	hasLine(t, m, "critical  1m0s         bridge down br-int on hv3?[2J: switched off")
	hasLine(t, m, "info      2s           large flow 1.0 Gbit/s")
	press(m, "down", "down", "enter")
	hasLine(t, m, "weir explain large_flow")
	press(m, "x", "up", "enter")
	hasLine(t, m, "weir incident show a-1")
	hasLine(t, m, "affected  6")
	press(m, "x", "a")
	hasLine(t, m, "1  10.0.0.1")
	m.alerts.ask = func() ([]*web.AlertView, error) { return nil, errors.New("gone") }
	press(m, "a")
	hasLine(t, m, "gone")
	if press(m, "esc") || !press(m, "a", "q") {
		t.Error("q does not end over the alerts, or esc does")
	}
}

// No screen is too small, and no line is wider than it.
func TestTopFitsAnyScreen(t *testing.T) {
	m := view(t, &watched{defs: []string{"src,dst"}, rows: 50, alerts: []web.Count{{Key: strings.Repeat("长", 100), Count: 1}}}, liveFlags{})
	for _, size := range []tea.WindowSizeMsg{{Width: 1, Height: 1}, {Width: 10, Height: 3}, {Width: 0, Height: 0}, {Width: 300, Height: 100}} {
		m.Update(size)
		for _, over := range []string{"x", "enter", "?", "a"} {
			press(m, "x", over)
			lines := m.lines()
			if len(lines) > max(2, size.Height) {
				t.Errorf("%+v: %d lines", size, len(lines))
			}
			for _, l := range lines {
				if ansi.StringWidth(l) > size.Width {
					t.Errorf("%+v: %d columns: %q", size, ansi.StringWidth(l), l)
				}
			}
			press(m, "x", "esc")
		}
	}
}

func TestTopRefusesWhatIsNoTerminal(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no terminal", nil, 1, "weir: top needs a terminal that can move its cursor; `weir status --top` prints the same once\n"},
		{"window", []string{"--window", "2s"}, commandline.ExitUsage, "weir: --window 2s: is not kept; write 1s, 10s, 1m or 5m\n"},
		{"every", []string{"--every", "1ms"}, commandline.ExitUsage, "weir: --every 1ms: out of range; write 200ms to 1m0s\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, stderr := weir(t, append([]string{"top"}, c.args...)...)
			if code != c.code || out != "" || stderr != c.want {
				t.Errorf("code %d, %q, errors %q, want %q", code, out, stderr, c.want)
			}
		})
	}
}

// The same over a control socket.
func TestTopAsksACollector(t *testing.T) {
	r := &running{status: web.Status{Version: "7", PID: 1}, tops: []detect.Top{{Key: "dst", Value: "bytes", Unit: "bits_per_second", Items: []detect.TopItem{}}}}
	dir := t.TempDir()
	c, err := web.ListenControl(dir, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	go c.Serve()
	t.Cleanup(func() { c.Close(t.Context()) })
	a := askLive(t.Context(), dir, web.TopQuery{Key: "dst: bytes", Window: time.Minute, N: 64})
	if a.err != nil || a.status.Version != "7" || len(a.tops) != 1 || a.tops[0].name() != "dst: bytes" || r.asked.Key != "dst: bytes" {
		t.Errorf("%+v, asked %+v", a, r.asked)
	}
	if a := askLive(t.Context(), t.TempDir(), web.TopQuery{}); a.err == nil || !strings.Contains(a.err.Error(), "no weir runs") {
		t.Errorf("nobody there: %v", a.err)
	}
}
