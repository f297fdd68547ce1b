package main

import (
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"weir/detect"
)

// maxFilter bounds the filter, in octets.
const maxFilter = 200

// press does what a key asks for.
func (m *liveModel) press(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if name == "ctrl+c" {
		return tea.Quit
	}
	if m.typing {
		m.write(name, k.Text)
		return nil
	}
	if m.help || m.detail != "" { // over the table: any key takes it away, and q ends
		m.help, m.detail = false, ""
		if name != "q" {
			return nil
		}
	}
	if m.alerts.shown {
		if cmd, taken := m.alerts.press(name, m.room()); taken {
			return cmd
		}
	}
	if m.move(name) {
		return nil
	}
	switch name {
	case "q":
		return tea.Quit
	case "?":
		m.help = true
	case "enter":
		if len(m.rows) > 0 {
			m.detail = m.rows[m.cursor].key
		}
	case "a":
		m.alerts.shown = true
		return m.now()
	case "/":
		m.typing = true
	case "esc":
		m.setFilter("")
	case "space":
		m.held = !m.held
	case "s":
		m.order = (m.order + 1) % orders
		m.choose()
	case "r":
		m.turned = !m.turned
		m.choose()
	default:
		return m.turn(name)
	}
	return nil
}

// turn chooses another definition or window.
func (m *liveModel) turn(name string) tea.Cmd {
	windows := len(detect.TopWindows)
	switch name {
	case "tab", "right":
		return m.definition(1)
	case "shift+tab", "left":
		return m.definition(-1)
	case "w":
		m.window = (m.window + 1) % windows
	case "W", "shift+w":
		m.window = (m.window + windows - 1) % windows
	case "1", "2", "3", "4":
		m.window = min(int(name[0]-'1'), windows-1)
	default:
		return nil
	}
	return m.now()
}

// definition goes to another definition, whose rows are not here yet.
func (m *liveModel) definition(step int) tea.Cmd {
	if len(m.names) == 0 {
		return nil
	}
	m.name = (m.name + step + len(m.names)) % len(m.names)
	m.want = m.names[m.name]
	m.table, m.all, m.cursor, m.top, m.at = topTable{}, nil, 0, 0, ""
	m.choose()
	return m.now()
}

// move moves the cursor, false where the key does not.
func (m *liveModel) move(name string) bool {
	switch name {
	case "up", "k":
		m.cursor--
	case "down", "j":
		m.cursor++
	case "pgup", "ctrl+b":
		m.cursor -= m.room()
	case "pgdown", "ctrl+f":
		m.cursor += m.room()
	case "home", "g":
		m.cursor = 0
	case "end", "G", "shift+g":
		m.cursor = len(m.rows) - 1
	default:
		return false
	}
	m.follow()
	return true
}

// write edits the filter.
func (m *liveModel) write(name, text string) {
	switch name {
	case "enter":
		m.typing = false
	case "esc":
		m.typing = false
		m.setFilter("")
	case "backspace":
		_, n := utf8.DecodeLastRuneInString(m.filter)
		m.setFilter(m.filter[:len(m.filter)-n])
	case "ctrl+u":
		m.setFilter("")
	default:
		m.setFilter(m.filter + text)
	}
}

func (m *liveModel) setFilter(text string) {
	clean := make([]rune, 0, len(text))
	for _, r := range text {
		if unicode.IsPrint(r) {
			clean = append(clean, r)
		}
	}
	if len(string(clean)) > maxFilter {
		return
	}
	m.filter = string(clean)
	m.choose()
}
