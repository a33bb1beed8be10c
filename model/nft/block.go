package nft

import (
	"strconv"
	"strings"

	"nfscope/model"
)

// Block is what stands in a table besides its chains: a set, a map, a stateful object,
// a flowtable, the table's comment. Its elements are read only when asked for.
type Block struct {
	// Kind is set, map, counter, quota, limit, synproxy, secmark, tunnel, ct helper, ct
	// timeout, ct expectation, flowtable or comment; "" where it is not understood.
	Kind string
	Name string
	// Handle is nf_tables' number, 0 where the text has none.
	Handle uint64

	// Key and Data are the types of a set's elements, part by part; Data is nil in a set,
	// VerdictType in a verdict map. KeyText and DataText are as printed: "ipv4_addr .
	// inet_service", after typeof "ip saddr . tcp dport".
	Key, Data         []Type
	KeyText, DataText string
	// Object is the kind of the objects that a map holds: counter, ct helper, ...
	Object string
	// Typeof is true where fields are named in the place of types.
	Typeof bool
	// Flags are constant, interval, timeout, dynamic.
	Flags []string
	// Timeout and GC are those of the set, nil where none is printed.
	Timeout, GC *Duration
	// Size is the most elements that fit, 0 where none is printed.
	Size      uint64
	Policy    string
	AutoMerge bool

	// Statements are what each new element of a set gets, or what a stateful object
	// holds: *Counter, *Limit, *Quota, *ConnLimit, *Last, *Synproxy.
	Statements []Statement
	// Props are the other lines, of a helper, a timeout, an expectation, a flowtable.
	Props []Prop
	// Comment is the text of the comment.
	Comment string
	// Unknown lists what was not understood.
	Unknown []*Unknown

	text string
	// elements are text[from:to]; to is 0 where there are none.
	from, to int
}

// Prop is a line of an object: protocol tcp, hook ingress priority filter.
type Prop struct{ Name, Value string }

// String gives the text that was read, byte for byte.
func (b *Block) String() string { return b.text }

// Prop gives the value of a property, "" where it is not there.
func (b *Block) Prop(name string) string {
	for _, p := range b.Props {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// ParseSet reads a block as ruleset.ParseNFT keeps it in Table.Extra: a set, a map, an
// object, a flowtable, a comment, with or without "# handle N".
func ParseSet(text string, f model.Family) *Block {
	b := &Block{text: text}
	p := &parser{lexer: lexer{s: text}, family: f}
	word := p.next()
	b.Kind = word.text
	switch {
	case word.is("comment"):
		if s := p.next(); s.kind == kindString {
			b.Comment = s.text[1 : len(s.text)-1]
			return b
		}
		b.unknown(text, "a comment without its text in quotes")
		return b
	case word.is("ct"):
		k, _ := p.takeOne("helper", "timeout", "expectation")
		b.Kind += " " + k
	}
	if !blockKinds[b.Kind] {
		b.Kind = ""
		b.unknown(text, `"`+clip(word.text)+`" is no kind of object`)
		return b
	}
	name := p.next()
	b.Name = strings.Trim(name.text, `"`)
	if (name.kind != kindWord && name.kind != kindString) || !p.take("{") {
		b.unknown(text, `expected a name and "{"`)
		return b
	}
	b.body(p)
	return b
}

var blockKinds = map[string]bool{"set": true, "map": true, "counter": true, "quota": true, "limit": true, "synproxy": true,
	"secmark": true, "tunnel": true, "ct helper": true, "ct timeout": true, "ct expectation": true, "flowtable": true}

func (b *Block) unknown(text, why string) {
	b.Unknown = append(b.Unknown, &Unknown{strings.TrimSpace(text), why})
}

// body reads the lines up to the closing brace.
func (b *Block) body(p *parser) {
	i := p.i
	for {
		for i < len(b.text) && strings.IndexByte(blanks+";", b.text[i]) >= 0 {
			i++
		}
		if i == len(b.text) {
			b.unknown(b.text[len(b.text):], `the text ends, expected "}"`)
			return
		}
		switch b.text[i] {
		case '#':
			end := lineEnd(b.text, i)
			if n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(b.text[i:end]), "# handle "), 10, 64); err == nil {
				b.Handle = n
			}
			i = end
			continue
		case '}':
			rest := strings.TrimSpace(b.text[i+1:])
			if n, err := strconv.ParseUint(strings.TrimPrefix(rest, "# handle "), 10, 64); err == nil {
				b.Handle = n
			} else if rest != "" && rest != ";" && rest[0] != '#' {
				b.unknown(rest, `stands behind "}"`)
			}
			return
		}
		end := propEnd(b.text, i)
		if end == i { // a brace that nothing opened
			end++
		}
		b.line(p, i, end)
		i = end
	}
}

func lineEnd(s string, i int) int {
	if n := strings.IndexByte(s[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(s)
}

// propEnd finds where a line ends: at a line's end or a semicolon, or before the brace
// that closes the block.
func propEnd(s string, i int) int { return outside(s, i, "\n;}") }

// outside finds the first of some characters that stands outside of braces and quotes.
func outside(s string, i int, ends string) int {
	depth := 0
	for ; i < len(s); i++ {
		c := s[i]
		if depth <= 0 && strings.IndexByte(ends, c) >= 0 {
			return i
		}
		switch c {
		case '"':
			n := strings.IndexByte(s[i+1:], '"')
			if n < 0 {
				return len(s)
			}
			i += n + 1
		case '{':
			depth++
		case '}':
			depth--
		}
	}
	return i
}

func (b *Block) line(p *parser, begin, end int) {
	text := strings.TrimRight(b.text[begin:end], blanks)
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	if strings.HasPrefix(text, "elements") {
		if i := strings.IndexByte(text, '{'); i > 0 && strings.TrimSpace(strings.Trim(text[len("elements"):i], "= ")) == "" &&
			strings.HasSuffix(text, "}") && (b.Kind == "set" || b.Kind == "map") {
			b.from, b.to = begin+i+1, begin+len(text)-1
			return
		}
	}
	p.lexer, p.why, p.depth = lexer{s: b.text[:begin+len(text)], i: begin}, "", 0
	if word == "comment" {
		if s := p.at(begin + len(word)); s.kind == kindString {
			b.Comment = s.text[1 : len(s.text)-1]
			return
		}
	}
	ok := false
	switch b.Kind {
	case "set", "map":
		ok = b.setLine(p, word, rest)
	case "counter":
		c := &Counter{Numbers: true}
		p.expect("packets")
		c.Packets = p.number()
		p.expect("bytes")
		c.Bytes = p.number()
		b.Statements, ok = append(b.Statements, c), true
	case "quota":
		b.Statements, ok = append(b.Statements, p.size()), true
	case "limit":
		p.expect("rate")
		b.Statements, ok = append(b.Statements, p.rate()), true
	case "synproxy":
		if len(b.Statements) == 0 {
			b.Statements = append(b.Statements, &Synproxy{})
		}
		p.synOptions(b.Statements[0].(*Synproxy))
		ok = true
	default:
		b.prop(word, rest)
		return
	}
	if ok && p.why == "" && p.peek().kind == kindEnd {
		return
	}
	why := p.why
	if why == "" {
		why = "no such line in a " + b.Kind
	}
	b.unknown(text, why)
}

// props are the lines that objects have.
var props = map[string]map[string]bool{
	"ct helper":      set("type protocol l3proto"),
	"ct timeout":     set("protocol l3proto policy"),
	"ct expectation": set("protocol dport timeout size l3proto"),
	"flowtable":      set("hook devices flags counter"),
}

func (b *Block) prop(word, rest string) {
	switch {
	case b.Kind == "secmark" && strings.HasPrefix(word, `"`):
		word, rest = "context", strings.TrimSpace(words(word, rest))
	case b.Kind == "tunnel":
	case !props[b.Kind][word]:
		b.unknown(words(word, rest), "no such line in a "+b.Kind)
		return
	}
	if w, more, ok := strings.Cut(rest, " protocol "); ok && b.Kind == "ct helper" { // type "ftp" protocol tcp
		b.Props = append(b.Props, Prop{word, w}, Prop{"protocol", more})
		return
	}
	b.Props = append(b.Props, Prop{word, strings.TrimSpace(strings.TrimPrefix(rest, "="))})
}

// setLine reads a line of a set or a map.
func (b *Block) setLine(p *parser, word, rest string) bool {
	switch word {
	case "type", "typeof":
		p.next()
		b.Typeof = word == "typeof"
		b.Key, b.KeyText, _ = b.types(p)
		if !p.take(":") {
			return b.Kind == "set"
		}
		b.Data, b.DataText, b.Object = b.types(p)
		return b.Kind == "map"
	case "flags":
		b.Flags = strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || r == ' ' })
	case "timeout", "gc-interval":
		d, ok := parseSpan(rest)
		if word == "timeout" {
			b.Timeout = &d
		} else {
			b.GC = &d
		}
		if !ok {
			return false
		}
	case "size":
		rest, _, _ = strings.Cut(rest, "\t#") // nft 1.1.2 says how many there are
		n, err := strconv.ParseUint(rest, 10, 64)
		if b.Size = n; err != nil {
			return false
		}
	case "policy":
		b.Policy = rest
	case "auto-merge":
		b.AutoMerge = true
	default:
		for p.peek().kind != kindEnd {
			s := p.elemOption()
			if s == nil || p.why != "" {
				return false
			}
			b.Statements = append(b.Statements, s)
		}
		return true
	}
	p.i = len(p.s)
	return true
}

// types reads the types of a key or of what a map holds.
func (b *Block) types(p *parser) (l []Type, text, object string) {
	p.take("interval")
	begin := p.peek().begin
	if k := p.peek(); k.kind == kindWord && (k.is("ct") || blockKinds[k.text]) {
		at := p.i
		p.next()
		name := k.text
		if k.is("ct") {
			w, ok := p.takeOne("helper", "timeout", "expectation")
			if end := p.peek().kind == kindEnd; !ok || !end {
				p.i, name = at, ""
			}
			name = words(name, w)
		}
		if name != "" && p.i != at {
			return []Type{Text}, name, name
		}
	}
	if t := p.peek(); t.is("verdict") {
		p.next()
		return []Type{VerdictType}, t.text, ""
	}
	if b.Typeof {
		e := p.expr(want{field: true})
		l = typesOf(e)
		return l, strings.TrimSpace(p.s[min(begin, p.i):p.i]), ""
	}
	for p.why == "" {
		t := p.peek()
		typ, ok := parseType(t.text)
		if !ok || t.kind != kindWord {
			p.unexpected("the name of a type")
			break
		}
		p.next()
		l = append(l, typ)
		if !p.take(".") {
			break
		}
	}
	return l, strings.TrimSpace(p.s[min(begin, p.i):p.i]), ""
}
