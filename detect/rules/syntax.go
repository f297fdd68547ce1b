package rules

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SyntaxError is a mistake in an expression, with its place.
type SyntaxError struct {
	Text    string
	From    int // bytes of Text that are meant; From == To where something is missing
	To      int
	Problem string
	Fits    []string // words that would be right there
}

// Error is one line.
func (e *SyntaxError) Error() string {
	s := "column " + strconv.Itoa(utf8.RuneCountInString(e.Text[:e.From])+1) + ": " + e.Problem
	if fix := e.Fix(); fix != "" {
		s += "; " + fix
	}
	return s
}

// Fix names the words that would fit.
func (e *SyntaxError) Fix() string {
	if len(e.Fits) == 0 {
		return ""
	}
	return "write " + strings.Join(e.Fits, ", ")
}

// Caret shows the place, in two lines.
func (e *SyntaxError) Caret() string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, e.Text)
	before := utf8.RuneCountInString(e.Text[:e.From])
	marks := max(utf8.RuneCountInString(e.Text[e.From:e.To]), 1)
	return clean + "\n" + strings.Repeat(" ", before) + strings.Repeat("^", marks)
}

// token is a word, a quoted text or a sign.
type token struct {
	text     string // of a quoted text without its quotes
	from, to int
	sign     bool
	quoted   bool
}

// lexer cuts an expression into tokens.
type lexer struct {
	text string
	tok  token // the one to be read next; empty text and from == len(text) at the end
	at   int
	err  *SyntaxError
}

const signs = "()=!<>,&|"

// maxExpression bounds an expression, in bytes.
const maxExpression = 8192

func newLexer(text string) *lexer {
	l := &lexer{text: text}
	if len(text) > maxExpression {
		l.fail(0, 0, "the expression is longer than 8192 bytes")
	}
	l.next()
	return l
}

// fail keeps the first mistake; everything after it is the end of the text.
func (l *lexer) fail(from, to int, problem string, fits ...string) {
	if l.err == nil {
		l.err = &SyntaxError{l.text, from, to, problem, fits}
	}
	l.at = len(l.text)
	l.tok = token{from: l.at, to: l.at}
}

// unexpected fails at the next token.
func (l *lexer) unexpected(what string, fits ...string) {
	t := l.tok
	if l.end() {
		l.fail(len(l.text), len(l.text), what+" is missing at the end", fits...)
		return
	}
	l.fail(t.from, t.to, strconv.Quote(t.text)+" stands where "+what+" should", fits...)
}

func (l *lexer) end() bool { return l.tok.from == len(l.text) && !l.tok.quoted }

// next reads on.
func (l *lexer) next() {
	for l.at < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.at]) >= 0 {
		l.at++
	}
	from := l.at
	if l.err != nil || from == len(l.text) {
		l.at = len(l.text)
		l.tok = token{from: len(l.text), to: len(l.text)}
		return
	}
	switch c := l.text[from]; {
	case c == '"':
		end := strings.IndexByte(l.text[from+1:], '"')
		if end < 0 {
			l.fail(from, len(l.text), "a quoted text does not end", `"`)
			return
		}
		l.at = from + end + 2
		l.tok = token{text: l.text[from+1 : l.at-1], from: from, to: l.at, quoted: true}
	case strings.IndexByte(signs, c) >= 0:
		l.at++
		if l.at < len(l.text) && slices.Contains([]string{"!=", "<=", ">=", "==", "&&", "||"}, l.text[from:l.at+1]) {
			l.at++
		}
		l.tok = token{text: l.text[from:l.at], from: from, to: l.at, sign: true}
	default:
		for l.at < len(l.text) && strings.IndexByte(signs+" \t\r\n\"", l.text[l.at]) < 0 {
			l.at++
		}
		l.tok = token{text: l.text[from:l.at], from: from, to: l.at}
	}
}

// is reports whether the next token is this word or sign.
func (l *lexer) is(words ...string) bool {
	if l.tok.quoted || l.end() {
		return false
	}
	t := l.tok.text
	if !l.tok.sign {
		t = strings.ToLower(t)
	}
	return slices.Contains(words, t)
}

// accept reads the next token where it is one of these.
func (l *lexer) accept(words ...string) bool {
	if !l.is(words...) {
		return false
	}
	l.next()
	return true
}

// near returns the words that were probably meant by word, else all.
func near(word string, all []string) []string {
	const most = 64
	if len(word) > most {
		return all
	}
	best, at := len(word)/3+2, []string(nil)
	for _, w := range all {
		switch d := distance(strings.ToLower(word), w); {
		case d < best:
			best, at = d, []string{w}
		case d == best && at != nil:
			at = append(at, w)
		}
	}
	if at == nil {
		return all
	}
	return at
}

// nearMetrics is near for metrics, of which the part after the dot is a name too;
// where none is near it names one of each kind.
func nearMetrics(word string) []string {
	all := metricNames()
	for _, name := range metricNames() {
		_, short, _ := strings.Cut(name, ".")
		all = append(all, short)
	}
	slices.Sort(all)
	if at := near(word, slices.Compact(all)); len(at) <= 8 {
		return at
	}
	return []string{"one such as if_in_errors, host_cpu.load_one", "rtmetric.NAME"}
}

// distance counts the letters to insert, remove or replace to make a of b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		corner := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := corner
			if a[i-1] != b[j-1] {
				cost++
			}
			corner = row[j]
			row[j] = min(row[j]+1, row[j-1]+1, cost)
		}
	}
	return row[len(b)]
}
