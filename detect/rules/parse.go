package rules

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"weir/detect/keys"
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

// Resolver returns the addresses that an instance has, by its name or identity; the
// problem says why there are none, and what fits there.
type Resolver func(name string) (addresses []netip.Addr, problem string, fits []string)

// ParseFilterNaming is ParseFilterOf where the instance may be asked for too, by what
// resolve knows: a packet is an instance's that has one of its addresses as source or
// destination.
func ParseFilterNaming(text string, fields []Field, otherwise string, resolve Resolver) (*Filter, error) {
	only := append(slices.Clone(fields), Instance)
	return (&filterParser{lexer: newLexer(text), only: only, otherwise: otherwise, resolve: resolve}).filter()
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
	if field == Instance && p.resolve != nil {
		return p.named()
	}
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
	n.compile()
	return n
}

// named reads a comparison with instances that are known by their addresses.
func (p *filterParser) named() *node {
	not, many := false, false
	switch {
	case p.accept("=", "=="):
	case p.accept("!="):
		not = true
	case p.accept("in"):
		many = true
	case p.accept("not"):
		if !p.accept("in") {
			p.unexpected(`"in"`, "in")
		}
		not, many = true, true
	default:
		p.unexpected("a comparison", operators...)
	}
	var all []literal
	if !many || !p.is("(") {
		all = p.addressesOf()
	} else {
		open := p.tok
		for p.next(); ; {
			all = append(all, p.addressesOf()...)
			if p.err != nil || p.accept(")") {
				break
			}
			if p.end() {
				p.fail(open.from, open.to, "the list is not closed", ")")
			} else if !p.accept(",") {
				p.unexpected("the next value", "a comma", ")")
			}
		}
	}
	n := &node{op: opOr}
	for _, f := range []Field{Src, Dst} {
		k := &node{op: opIn, field: f, literals: all}
		k.compile()
		n.kids = append(n.kids, k)
	}
	if not {
		return &node{op: opNot, kids: []*node{n}}
	}
	return n
}

// addressesOf reads the name of an instance and returns its addresses.
func (p *filterParser) addressesOf() (all []literal) {
	t := p.tok
	if p.err != nil || t.sign || p.end() {
		p.unexpected("the name of an instance", "its name in the model of the site, its UUID, or the UUID of a port of it")
		return nil
	}
	addresses, problem, fits := p.resolve(t.text)
	if problem != "" {
		p.fail(t.from, t.to, strconv.Quote(t.text)+" "+problem, fits...)
		return nil
	}
	p.next()
	for _, a := range addresses {
		v := address(a.As16())
		all = append(all, literal{span: span{v, v}})
	}
	return all
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
		if v, ok := p.literal(f); ok {
			return []literal{v}
		}
		return nil
	}
	if !many {
		p.fail(p.tok.from, p.tok.to, "a list needs the word in", "in (…)")
		return nil
	}
	open := p.tok
	p.next()
	var all []literal
	for {
		v, ok := p.literal(f)
		if !ok {
			return nil
		}
		all = append(all, v)
		switch {
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

// literal reads one value.
func (p *filterParser) literal(f Field) (literal, bool) {
	t := p.tok
	if t.sign || t.quoted || p.end() {
		p.unexpected("a value", f.example()...)
		return literal{}, false
	}
	v, problem := f.parse(t.text)
	if problem != "" {
		p.fail(t.from, t.to, strconv.Quote(t.text)+" "+problem, f.fits(t.text)...)
		return literal{}, false
	}
	p.next()
	return v, true
}

// example shows how values of the field are written.
func (f Field) example() []string {
	switch fieldInfo[f].kind {
	case kindAddr:
		return []string{"an address or a network such as 10.0.0.0/8"}
	case kindMAC:
		return []string{"a MAC address such as 02:00:5e:10:00:01"}
	case kindProto:
		return []string{"a protocol such as udp"}
	case kindFlags:
		return []string{"flags such as syn+ack"}
	case kindUUID:
		return []string{"the UUID of an instance, or none"}
	case kindYesNo:
		return []string{"yes", "no"}
	}
	return []string{"a number from 0 to " + strconv.FormatUint(fieldInfo[f].most, 10), "or a range such as 1-9"}
}

// fits is example, or the words near what was written.
func (f Field) fits(word string) []string {
	var all []string
	switch fieldInfo[f].kind {
	case kindProto:
		for _, p := range protoWords {
			all = append(all, p.name)
		}
		return append(near(word, all), "or a number from 0 to 255")
	case kindFlags:
		return append(flagWords[:len(flagWords):len(flagWords)], "joined by +", "or none")
	}
	return f.example()
}

// parse reads one value of the field; problem says what is wrong with it.
func (f Field) parse(s string) (v literal, problem string) {
	switch fieldInfo[f].kind {
	case kindAddr:
		return parseNetwork(s)
	case kindMAC:
		m, ok := parseMAC(s)
		if !ok {
			return v, "is no MAC address"
		}
		return literal{span: span{number(m), number(m)}}, ""
	case kindProto:
		for _, p := range protoWords {
			if strings.EqualFold(p.name, s) {
				return literal{span: span{number(uint64(p.n)), number(uint64(p.n))}}, ""
			}
		}
		if n, err := strconv.ParseUint(s, 10, 8); err == nil {
			return literal{span: span{number(n), number(n)}}, ""
		}
		return v, "is no protocol"
	case kindFlags:
		n, ok := parseFlags(s)
		if !ok {
			return v, "are no TCP flags"
		}
		return literal{span: span{number(uint64(n)), number(uint64(n))}}, ""
	case kindUUID:
		u, ok := keys.ParseUUID(s)
		if !ok && !strings.EqualFold(s, "none") && s != keys.NoInstance {
			return v, "is no UUID"
		}
		x := address(u)
		return literal{span: span{x, x}}, ""
	case kindYesNo:
		switch strings.ToLower(s) {
		case "yes", "true", "1":
			return literal{span: span{number(1), number(1)}}, ""
		case "no", "false", "0":
			return literal{span: span{}}, ""
		}
		return v, "is neither yes nor no"
	}
	return f.parseRange(s)
}

func (f Field) parseRange(s string) (v literal, problem string) {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	a, err1 := strconv.ParseUint(from, 0, 64)
	b, err2 := strconv.ParseUint(to, 0, 64)
	switch most := fieldInfo[f].most; {
	case err1 != nil || err2 != nil || a > most || b > most:
		return v, "is no " + f.String()
	case b < a:
		return v, "is a range that ends before it begins"
	}
	return literal{span: span{number(a), number(b)}}, ""
}

func parseNetwork(s string) (v literal, problem string) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		v := address(a.As16())
		return literal{span: span{v, v}}, ""
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return v, "is no address or network"
	}
	if p != p.Masked() {
		return v, "has bits set beyond its length: " + p.Masked().String() + " is the network"
	}
	return literal{span: spanOf(p), network: p}, ""
}

// parseMAC reads six pairs of hexadecimal digits with colons or dashes.
func parseMAC(s string) (uint64, bool) {
	if len(s) != 17 {
		return 0, false
	}
	var m uint64
	for i := 0; i < 17; i += 3 {
		b, err := strconv.ParseUint(s[i:i+2], 16, 8)
		if err != nil || i < 15 && s[i+2] != ':' && s[i+2] != '-' {
			return 0, false
		}
		m = m<<8 | b
	}
	return m, true
}

func parseFlags(s string) (flags uint8, ok bool) {
	if n, err := strconv.ParseUint(s, 0, 8); err == nil {
		return uint8(n), true
	}
	if strings.EqualFold(s, "none") {
		return 0, true
	}
	for word := range strings.SplitSeq(strings.ToLower(s), "+") {
		found := false
		for bit, w := range flagWords {
			if w == word {
				flags, found = flags|1<<bit, true
			}
		}
		if !found {
			return 0, false
		}
	}
	return flags, true
}
