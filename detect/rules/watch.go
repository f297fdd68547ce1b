package rules

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// test is what a watch rule asks of a number.
type test uint8

const (
	level test = iota
	rate
	absent
)

// watch is the compiled part of a rule that watches.
type watch struct {
	metric     int    // of metrics; -1 for an rtmetric
	rtmetric   string // its name
	test       test
	sign       string // >, >=, < or <=
	limit      float64
	hold       time.Duration // how long it must last
	agents     []netip.Prefix
	agentNames []string
	interfaces []string
}

// name returns the metric as it is written.
func (w *watch) name() string {
	if w.metric < 0 {
		return "rtmetric." + w.rtmetric
	}
	return metrics[w.metric].name
}

// counter reports that what is watched counts up, so that only its rate tells.
func (w *watch) counter() bool { return w.metric >= 0 && metrics[w.metric].bits > 0 }

// over reports that a value is beyond the limit.
func (w *watch) over(v float64) bool {
	switch w.sign {
	case ">":
		return v > w.limit
	case ">=":
		return v >= w.limit
	case "<":
		return v < w.limit
	}
	return v <= w.limit
}

// Least absence: agents export counters every 20 to 30 s.
const (
	minAbsence = time.Second
	maxHold    = 24 * time.Hour
)

// watchRule reads "NAME rate > 10/s", "NAME > 16 for 30s" or "NAME absent for
// 1m".
func (c *compiler) watchRule(s *Spec) {
	for _, x := range [][2]string{{"filter", s.Filter}, {"value", s.Value}, {"window", s.Window}, {"threshold", s.Threshold}, {"at", s.At}, {"keys", s.Keys}} {
		if x[1] != "" {
			c.add(x[0], x[1], "belongs to a rule without watch", "remove it, or watch")
		}
	}
	if len(s.Key) > 0 || len(s.Groups) > 0 || len(s.Never) > 0 {
		c.add("watch", s.Watch, "key, groups and never belong to a rule without watch", "remove them, or watch")
	}
	w, err := parseWatch(s.Watch)
	if err != nil {
		c.problems = append(c.problems, Problem{Key: "watch", Value: s.Watch, Problem: firstPart(err), Fix: err.Fix(), Caret: err.Caret()})
	}
	for i, text := range s.Agents {
		if p, ok := c.prefix(fmt.Sprintf("agents[%d]", i), text); ok {
			w.agents = append(w.agents, p)
		}
	}
	w.agentNames, w.interfaces = s.AgentNames, s.Interfaces
	if len(w.interfaces) > 0 && w.metric >= 0 && !strings.HasPrefix(w.name(), "if_") {
		c.add("interfaces", "", w.name()+" is no counter of an interface", "remove it")
	}
	c.r.watch = &w
}

func parseWatch(text string) (w watch, _ *SyntaxError) {
	l := newLexer(text)
	w.metric = -1
	if l.end() {
		l.unexpected("the name of a metric", "rtmetric.NAME", "if_in_errors", "host_cpu.load_one")
	}
	t := l.tok
	if name, ok := strings.CutPrefix(t.text, "rtmetric."); ok && name != "" {
		w.rtmetric = name
	} else if t.quoted && t.text != "" {
		w.rtmetric = strings.TrimPrefix(t.text, "rtmetric.")
	} else if at, ok := metricOf(t.text); ok {
		w.metric = at
	} else if l.err == nil {
		l.fail(t.from, t.to, strconv.Quote(t.text)+" is no metric", nearMetrics(t.text)...)
	}
	l.next()
	switch {
	case l.accept("absent"):
		w.test = absent
		if !l.is("for") {
			l.unexpected(`"for"`, "for 1m")
		}
	case l.accept("rate"):
		w.test = rate
		w.comparison(l)
	case w.counter() && !l.end():
		l.fail(l.tok.from, l.tok.to, w.name()+" is a counter, which only rises", "rate before the comparison", "absent")
	default:
		w.comparison(l)
	}
	if l.accept("for") {
		w.duration(l)
	}
	if l.err == nil && !l.end() {
		l.unexpected("the end", "for 30s", "nothing")
	}
	return w, l.err
}

func (w *watch) comparison(l *lexer) {
	if !l.is("<", "<=", ">", ">=") {
		fits := []string{">", ">=", "<", "<="}
		if w.test == level {
			fits = append(fits, "rate", "absent")
		}
		l.unexpected("a comparison", fits...)
		return
	}
	w.sign = l.tok.text
	l.next()
	t := l.tok
	number := t.text
	if w.test == rate {
		number = strings.TrimSuffix(number, "/s")
	}
	v, err := strconv.ParseFloat(number, 64)
	if m, ok := parseMagnitude(number); err != nil && ok {
		v, err = m, nil
	}
	if t.sign || t.quoted || err != nil || v != v || v-v != 0 {
		if l.end() {
			l.unexpected("a number")
			return
		}
		l.fail(t.from, t.to, strconv.Quote(t.text)+" is no number", "a number such as 10")
		return
	}
	w.limit = v
	l.next()
}

func (w *watch) duration(l *lexer) {
	t := l.tok
	d, err := time.ParseDuration(t.text)
	switch {
	case l.end():
		l.unexpected("a length of time", "a time such as 1m")
		return
	case err != nil:
		l.fail(t.from, t.to, strconv.Quote(t.text)+" is no length of time", "a time such as 1m")
		return
	case d < 0, d > maxHold, d < minAbsence && w.test == absent:
		l.fail(t.from, t.to, t.text+" is out of range", "1s to 24h")
		return
	}
	w.hold = d
	l.next()
}

// String writes the watch so that it reads the same.
func (w *watch) String() string {
	name := w.name()
	if w.metric < 0 && strings.ContainsAny(name, signs+" \t\r\n\"") {
		name = `"` + w.rtmetric + `"`
	}
	s := name
	switch w.test {
	case absent:
		return s + " absent for " + w.hold.String()
	case rate:
		s += " rate " + w.sign + " " + strconv.FormatFloat(w.limit, 'g', -1, 64) + "/s"
	default:
		s += " " + w.sign + " " + strconv.FormatFloat(w.limit, 'g', -1, 64)
	}
	if w.hold > 0 {
		s += " for " + w.hold.String()
	}
	return s
}

// glob reports whether text is what the pattern says: * is any text, ? any
// letter.
func glob(pattern, text string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(text) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == text[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}
