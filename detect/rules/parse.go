package rules

import (
	"slices"
	"strconv"
	"strings"
)

// maxDepth bounds how deep parentheses and "not" go.
const maxDepth = 64

// ParseFilter reads an expression such as
//
//	proto = udp and dst_port in (53, 123, 8000-8100) and not src in 10.0.0.0/8
//
// "not" binds closest, then "and", then "or". Comparisons are =, !=, <, <=, >,
// >=, in, not in, and for tcp_flags has (all of the flags). A comparison with
// what a packet does not have is false; != and not in are true then. The error
// is a *SyntaxError. An empty text is the filter that lets everything pass.
func ParseFilter(text string) (*Filter, error) {
	return (&filterParser{lexer: newLexer(text)}).filter()
}

// ParseFilterOf is ParseFilter where only some fields can be asked for; otherwise
// says why the others cannot.
func ParseFilterOf(text string, fields []Field, otherwise string) (*Filter, error) {
	return (&filterParser{lexer: newLexer(text), only: fields, otherwise: otherwise}).filter()
}

func (p *filterParser) filter() (*Filter, error) {
	f := &Filter{root: &node{op: opAll}}
	if p.err == nil && !p.end() {
		f.root = p.or(0)
		if p.err == nil && !p.end() {
			p.unexpected("the next condition", "and", "or")
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	f.records, f.instances = f.root.records(), f.root.instances()
	return f, nil
}

type filterParser struct {
	*lexer
	only      []Field // nil is all
	otherwise string
	resolve   Resolver // nil: instances are compared as packets have them
}

// names are the fields that fit.
func (p *filterParser) names() []string {
	if p.only == nil {
		return fieldNames()
	}
	var all []string
	for _, name := range fieldNames() { // in their order
		if f, ok := fieldOf(name); ok && slices.Contains(p.only, f) {
			all = append(all, name)
		}
	}
	return all
}

func (p *filterParser) or(depth int) *node {
	return p.chain(opOr, depth, p.and, "or", "||")
}

func (p *filterParser) and(depth int) *node {
	return p.chain(opAnd, depth, p.not, "and", "&&")
}

// chain reads operands between the same words.
func (p *filterParser) chain(op op, depth int, operand func(int) *node, words ...string) *node {
	first := operand(depth)
	if !p.is(words...) {
		return first
	}
	n := &node{op: op, kids: []*node{first}}
	for p.accept(words...) {
		n.kids = append(n.kids, operand(depth))
	}
	return n
}

func (p *filterParser) not(depth int) *node {
	if depth > maxDepth {
		p.fail(p.tok.from, p.tok.to, "the expression is nested too deep")
		return &node{op: opAll}
	}
	switch {
	case p.accept("not", "!"):
		return &node{op: opNot, kids: []*node{p.not(depth + 1)}}
	case p.is("("):
		open := p.tok
		p.next()
		n := p.or(depth + 1)
		if p.err == nil && !p.accept(")") {
			if p.end() {
				p.fail(open.from, open.to, "the parenthesis is not closed", ")")
			} else {
				p.unexpected("the end of the condition", "and", "or", ")")
			}
		}
		return n
	}
	return p.comparison()
}

var operators = []string{"=", "!=", "in", "not in"}
var numberOperators = []string{"=", "!=", "<", "<=", ">", ">=", "in", "not in"}

func (p *filterParser) comparison() *node {
	t := p.tok
	if t.sign || t.quoted || p.end() {
		p.unexpected("a field", p.names()...)
		return nil
	}
	field, ok := fieldOf(strings.ToLower(t.text))
	if !ok {
		p.fail(t.from, t.to, strconv.Quote(t.text)+" is no field", near(t.text, p.names())...)
		return nil
	}
	if p.only != nil && !slices.Contains(p.only, field) {
		p.fail(t.from, t.to, strconv.Quote(t.text)+": "+p.otherwise, p.names()...)
		return nil
	}
	p.next()
	n := &node{op: opIn, field: field}
	fits := operators
	ordered := fieldInfo[field].kind == kindNumber
	if ordered {
		fits = numberOperators
	}
	if fieldInfo[field].kind == kindFlags {
		fits = append(fits[:len(fits):len(fits)], "has")
	}
	at := p.tok
	switch {
	case p.accept("=", "=="):
		n.literals = p.literals(field, false)
	case p.accept("!="):
		n.op, n.literals = opNotIn, p.literals(field, false)
	case p.accept("in"):
		n.literals = p.literals(field, true)
	case p.accept("not"):
		if !p.accept("in") {
			p.unexpected(`"in"`, "in")
		}
		n.op, n.literals = opNotIn, p.literals(field, true)
	case fieldInfo[field].kind == kindFlags && p.accept("has"):
		n.op, n.literals = opHas, p.literals(field, false)
	case p.is("<", "<=", ">", ">=") && !ordered:
		p.fail(at.from, at.to, strconv.Quote(at.text)+" compares numbers, "+field.String()+" is none", fits...)
	case p.is("<", "<=", ">", ">="):
		return p.order(n)
	default:
		p.unexpected("a comparison", fits...)
	}
	if p.resolves(field) {
		return n.ofEither()
	}
	n.compile()
	return n
}

// order reads what follows <, <=, > or >=.
func (p *filterParser) order(n *node) *node {
	sign := p.tok.text
	p.next()
	t := p.tok
	v, ok := p.number(n.field)
	if !ok {
		return n
	}
	n.op, n.sign, n.literals = opOrder, sign, []literal{{span: span{v, v}}}
	if n.compile(); len(n.set) == 0 {
		p.fail(t.from, t.to, "nothing is "+sign+" "+t.text)
	}
	return n
}

// number reads one number of a field.
func (p *filterParser) number(f Field) (u128, bool) {
	t := p.tok
	if t.sign || t.quoted || p.end() {
		p.unexpected("a number")
		return u128{}, false
	}
	v, err := strconv.ParseUint(t.text, 0, 64)
	if err != nil || v > fieldInfo[f].most {
		p.fail(t.from, t.to, strconv.Quote(t.text)+" is no "+f.String(), "a number from 0 to "+strconv.FormatUint(fieldInfo[f].most, 10))
		return u128{}, false
	}
	p.next()
	return number(v), true
}

// literals reads one value, or with many also a list of them in parentheses.
func (p *filterParser) literals(f Field, many bool) []literal {
	if !p.is("(") {
		return p.value(f)
	}
	if !many {
		p.fail(p.tok.from, p.tok.to, "a list needs the word in", "in (…)")
		return nil
	}
	open := p.tok
	p.next()
	var all []literal
	for {
		all = append(all, p.value(f)...)
		switch {
		case p.err != nil:
			return nil
		case p.accept(","):
		case p.accept(")"):
			return all
		case p.end():
			p.fail(open.from, open.to, "the list is not closed", ")")
			return nil
		default:
			p.unexpected("the next value", "a comma", ")")
			return nil
		}
	}
}

// value reads one value, which is of several literals where it is resolved.
func (p *filterParser) value(f Field) []literal {
	if p.resolves(f) {
		return p.addressesOf()
	}
	t := p.tok
	if t.sign || t.quoted || p.end() {
		p.unexpected("a value", f.example()...)
		return nil
	}
	v, problem := f.parse(t.text)
	if problem != "" {
		p.fail(t.from, t.to, strconv.Quote(t.text)+" "+problem, f.fits(t.text)...)
		return nil
	}
	p.next()
	return []literal{v}
}
