package nft

import (
	"strings"

	"nfscope/model"
)

// Parse reads a rule of a table of a family. It never fails: what is not understood is
// in the rule as an *Unknown.
func Parse(text string, f model.Family) *Rule {
	p := &parser{lexer: lexer{s: text}, family: f}
	r := p.rule(false)
	if r.Canonical() != text {
		r.written = text
	}
	return r
}

// parser reads one rule. The first thing not understood is noted in why; from then on
// all readers give up, and the statement becomes an Unknown.
type parser struct {
	lexer
	family model.Family
	why    string
	// depth counts brackets and braces, so that a hostile text ends in a sentence.
	depth int
}

const maxDepth = 32

func (p *parser) fail(why string) {
	if p.why == "" {
		p.why = why
	}
}

// unexpected fails with what comes next.
func (p *parser) unexpected(expected string) {
	t := p.peek()
	if t.kind == kindEnd {
		p.fail("the text ends, expected " + expected)
		return
	}
	p.fail(`"` + clip(t.text) + `" is not understood, expected ` + expected)
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:37], "") + "..."
	}
	return s
}

// expect goes over a sign or a word.
func (p *parser) expect(s string) {
	if p.why == "" && !p.take(s) {
		p.unexpected(`"` + s + `"`)
	}
}

// rule reads statements up to the end, inside of braces up to a semicolon or the
// closing brace.
func (p *parser) rule(inside bool) *Rule {
	r := &Rule{Family: p.family}
	for {
		t := p.peek()
		if t.kind == kindEnd || inside && (t.is(";") || t.is("}")) {
			return r
		}
		begin := t.begin
		s := p.statement()
		if p.why == "" {
			if v, ok := s.(*Verdict); ok {
				for _, in := range v.Rules {
					r.Unknown = append(r.Unknown, in.Unknown...)
				}
			}
			r.Statements = append(r.Statements, s)
			continue
		}
		p.i = begin
		p.skip(inside)
		u := &Unknown{Text: p.s[begin:p.i], Why: p.why}
		p.why, p.depth = "", 0
		r.Unknown = append(r.Unknown, u)
		r.Statements = append(r.Statements, u)
	}
}

// skip goes over at least one word and on to one that can only begin a statement.
func (p *parser) skip(inside bool) {
	open, last := 0, p.i
	for first := true; ; first = false {
		t := p.peek()
		switch {
		case t.kind == kindEnd, inside && open == 0 && !first && (t.is(";") || t.is("}")):
			p.i = last
			return
		case !first && open == 0 && t.kind == kindWord && resume[t.text]:
			p.i = last
			return
		case t.is("{"):
			open++
		case t.is("}"):
			open = max(0, open-1)
		}
		p.i, last = t.end, t.end
	}
}

var resume = set("accept drop continue return jump goto counter log comment notrack masquerade")

// statement reads one statement.
func (p *parser) statement() Statement {
	t := p.peek()
	if t.kind == kindWord {
		if read := reader(t.text); read != nil {
			at := p.i
			p.next()
			if s := read(p); s != nil || p.why != "" {
				return s
			}
			p.i = at // a field that begins with the same word
		}
	}
	return p.relation()
}

// reader finds what reads a statement by its first word, which it stands behind. It
// gives nil without a reason where the words are no such statement.
func reader(word string) func(p *parser) Statement {
	switch word {
	case "accept", "drop", "continue", "return", "jump", "goto":
		return func(p *parser) Statement { p.i -= len(word); return p.verdict() }
	case "counter":
		return (*parser).counter
	case "limit":
		return (*parser).limit
	case "quota":
		return (*parser).quota
	case "last":
		return (*parser).last
	case "ct":
		return (*parser).connStatement
	case "comment":
		return (*parser).comment
	case "notrack":
		return func(*parser) Statement { return &Notrack{} }
	case "log":
		return (*parser).log
	case "reject":
		return (*parser).reject
	case "queue":
		return (*parser).queue
	case "snat", "dnat", "masquerade", "redirect":
		return func(p *parser) Statement { return p.nat(word) }
	case "tproxy":
		return (*parser).tproxy
	case "dup":
		return (*parser).dup
	case "fwd":
		return (*parser).fwd
	case "synproxy":
		return (*parser).synproxy
	case "add", "update", "delete":
		return func(p *parser) Statement { return p.setUpdate(word) }
	case "set":
		return (*parser).setOld
	case "meter":
		return (*parser).meter
	case "flow":
		return (*parser).flow
	case "reset":
		return (*parser).strip
	case "tunnel":
		return (*parser).tunnel
	case "xt":
		return (*parser).xt
	}
	return nil
}

func (p *parser) verdict() *Verdict {
	t := p.next()
	v := &Verdict{Name: t.text}
	if t.kind != kindWord || !verdicts[t.text] {
		p.i = t.begin
		p.unexpected("a verdict")
		return v
	}
	if v.Name != "jump" && v.Name != "goto" {
		return v
	}
	if p.take("{") {
		v.Rules = p.rules()
		return v
	}
	if p.peek().kind != kindWord {
		p.unexpected("a chain")
		return v
	}
	v.Chain = p.next().text
	return v
}

var verdicts = set("accept drop continue return jump goto")

// rules reads what stands in braces after jump.
func (p *parser) rules() []*Rule {
	var l []*Rule
	depth := p.depth + 1
	for p.depth = depth; p.why == ""; {
		switch t := p.peek(); {
		case depth > maxDepth:
			p.fail("too many braces")
		case t.is(";"):
			p.next()
		case t.is("}"):
			p.next()
			p.depth = depth - 1
			return l
		case t.kind == kindEnd:
			p.unexpected(`"}"`)
		default:
			l = append(l, p.rule(true))
			p.depth = depth
		}
	}
	return l
}

// relation reads a statement that begins with an expression: a match, a verdict map, a
// change.
func (p *parser) relation() Statement {
	at := p.peek()
	left := p.expr(want{field: true, only: true})
	if p.why != "" {
		return nil
	}
	if p.take("vmap") {
		return &VerdictMap{Key: left, In: p.table(typesOf(left), []Type{VerdictType})}
	}
	if f, ok := left.(Field); ok && p.take("set") {
		return p.assign(f)
	}
	m := &Match{Left: left}
	op, explicit := p.takeOne("==", "eq", "!=", "ne", "<", "lt", ">", "gt", "<=", "le", ">=", "ge", "!")
	if _, ok := left.(Field); !ok && !explicit {
		if _, ok := left.(*MapLookup); ok {
			p.i = at.begin
			p.unexpected("a statement")
			return nil
		}
	}
	m.Op = ops[op]
	m.Right = p.right(typesOf(left))
	switch m.Right.(type) {
	case Set, SetRef:
		switch m.Op {
		case Eq:
			m.Op = In
		case Ne:
			m.Op = NotIn
		default:
			p.fail("a set is compared with == or != only")
		}
	case Masked:
	default:
		if !explicit && typeOf(left).Flags() {
			if _, ok := left.(Field); ok {
				m.Op = Has
			}
		}
	}
	return m
}

var ops = map[string]Op{"": Eq, "==": Eq, "eq": Eq, "!=": Ne, "ne": Ne, "<": Lt, "lt": Lt, ">": Gt, "gt": Gt, "<=": Le, "le": Le,
	">=": Ge, "ge": Ge, "!": Lacks}

// assign reads what stands after "set".
func (p *parser) assign(f Field) Statement {
	t := f.Type()
	if m, ok := f.(*Meta); ok && m.Key == "secmark" {
		if v := p.value(want{types: []Type{AnyType}, field: true}); v != nil {
			switch v.(type) {
			case Quoted, *MapLookup:
				return &Object{Kind: "secmark", Name: v}
			}
			return &Assign{f, v}
		}
		return nil
	}
	if t == Bool {
		p.fail(f.String() + " cannot be set")
	}
	return &Assign{f, p.value(want{types: []Type{t}, field: true, list: t.Flags()})}
}
