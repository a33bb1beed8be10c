package nft

import (
	"fmt"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/jsontree"
)

// valueType is how a value is printed.
type valueType struct {
	t   Type
	hex bool // integers in hexadecimal
}

// typed gives the text of an expression and the types of its values.
func (d *jsonReader) typed(v *jsontree.Value) (string, []valueType) {
	text := d.expr(v)
	if d.why != "" {
		return "", nil
	}
	p := &parser{lexer: lexer{s: text}, family: d.family}
	e := p.expr(want{field: true, only: true})
	if p.why != "" || p.peek().kind != kindEnd {
		d.fail(v, `"`+clip(text)+`" is no expression that is known`)
		return text, []valueType{{}}
	}
	parts := []Expr{e}
	if c, ok := e.(Concat); ok {
		parts = c
	}
	var l []valueType
	for _, e := range parts {
		l = append(l, valueType{typeOf(e), hexInts(e)})
	}
	return text, l
}

// hexInts tells expressions whose numbers nft prints in hexadecimal.
func hexInts(e Expr) bool {
	switch e := e.(type) {
	case *Raw:
		return true
	case *Payload:
		return e.Header == "comp" && e.Name == "flags"
	case *Binary:
		return hexInts(e.Left)
	}
	return false
}

// binary gives operator and operands of a bitwise expression.
func (d *jsonReader) binary(v *jsontree.Value) (string, bool) {
	op, in := v.Only()
	switch op {
	case "&", "|", "^", "<<", ">>":
		return op, in.Is(jsontree.Array) && len(in.Items) >= 2
	}
	return op, false
}

// maxJSONDepth bounds how deep expressions may stand inside of each other.
const maxJSONDepth = maxDepth

// expr gives the text of an expression that a packet gives a value to.
func (d *jsonReader) expr(v *jsontree.Value) string {
	if d.depth++; d.depth > maxJSONDepth {
		d.fail(v, "too many expressions inside of each other")
	}
	defer func() { d.depth-- }()
	if d.why != "" {
		return ""
	}
	if op, ok := d.binary(v); ok {
		l := v.Get(op).Items
		left := d.operand(&l[0], op, nil)
		_, types := d.typed(first(&l[0]))
		if op == "<<" || op == ">>" {
			types = []valueType{{t: Integer}}
		}
		for i := 1; i < len(l); i++ {
			left += " " + op + " " + d.operand(&l[i], op, types)
		}
		return left
	}
	if c := v.Get("concat"); c.Is(jsontree.Array) {
		var parts []string
		for i := range c.Items {
			parts = append(parts, d.expr(&c.Items[i]))
		}
		return strings.Join(parts, " . ")
	}
	if m := v.Get("map"); m.Is(jsontree.Object) {
		return d.lookup(m, []valueType{{t: AnyType}})
	}
	return d.field(v)
}

// first goes down the left of bitwise expressions to what they begin with.
func first(v *jsontree.Value) *jsontree.Value {
	for range maxJSONDepth {
		op, in := v.Only()
		if len(op) > 2 || !strings.Contains("&|^<<>>", op) || !in.Is(jsontree.Array) || len(in.Items) == 0 {
			break
		}
		v = &in.Items[0]
	}
	return v
}

// operand gives an operand, in brackets where it binds less than op.
func (d *jsonReader) operand(v *jsontree.Value, op string, types []valueType) string {
	s := ""
	if types != nil {
		s = d.value(v, types)
		if in, ok := d.binary(v); !ok || rank(in) <= rank(op) {
			return s
		}
		return "(" + s + ")"
	}
	s = d.expr(v)
	if in, ok := d.binary(v); ok && rank(in) > rank(op) {
		return "(" + s + ")"
	}
	return s
}

// lookup gives the text of "KEY map TABLE".
func (d *jsonReader) lookup(v *jsontree.Value, data []valueType) string {
	d.known(v, "key", "data")
	key, types := d.typed(v.Get("key"))
	return key + " map " + d.table(v.Get("data"), types, data)
}

// field gives the text of a single expression.
func (d *jsonReader) field(v *jsontree.Value) string {
	kind, in := v.Only()
	if kind == "" {
		d.fail(v, "expected an expression")
		return ""
	}
	opt := func(name string) string {
		if m := in.Get(name); m != nil {
			return d.word(m, "a word")
		}
		return ""
	}
	switch kind {
	case "payload":
		d.known(in, "protocol", "field", "base", "offset", "len", "tunnel")
		if in.Get("base") != nil {
			return "@" + d.name(in.Get("base"), "ll, nh, th or ih") + "," + d.num(in.Get("offset"), "bits") + "," + d.num(in.Get("len"), "bits")
		}
		return words(opt("tunnel"), d.word(in.Get("protocol"), "a protocol"), d.word(in.Get("field"), "a field"))
	case "exthdr", "tcp option", "ip option", "sctp chunk", "dccp option":
		return d.option(kind, in, opt)
	case "meta":
		d.known(in, "key")
		return "meta " + d.word(in.Get("key"), "a key")
	case "ct":
		d.known(in, "key", "family", "dir")
		key, family := d.word(in.Get("key"), "a key"), opt("family")
		if (key == "saddr" || key == "daddr") && family == "" { // nft prints the family of the table
			family = map[model.Family]string{model.FamilyIPv4: "ip", model.FamilyIPv6: "ip6"}[d.family]
		}
		return words("ct", opt("dir"), family, key)
	case "fib":
		d.known(in, "result", "flags")
		return words("fib", strings.Join(d.list(in.Get("flags"), "what is looked up"), " . "), d.word(in.Get("result"), "a result"))
	case "rt":
		d.known(in, "key", "family")
		return words("rt", opt("family"), d.word(in.Get("key"), "a key"))
	case "socket":
		d.known(in, "key", "level")
		if l := in.Get("level"); l != nil {
			return words("socket", d.word(in.Get("key"), "a key"), "level", d.num(l, "a level"))
		}
		return "socket " + d.word(in.Get("key"), "a key")
	case "osf":
		d.known(in, "key", "ttl")
		ttl := opt("ttl")
		if ttl != "" {
			ttl = "ttl " + ttl
		}
		return words("osf", ttl, d.word(in.Get("key"), "a key"))
	case "ipsec":
		d.known(in, "key", "family", "dir", "spnum")
		num := ""
		if n := in.Get("spnum"); n != nil && d.num(n, "a number") != "0" {
			num = "spnum " + n.Text
		}
		return words("ipsec", d.word(in.Get("dir"), "in or out"), num, opt("family"), d.word(in.Get("key"), "a key"))
	case "numgen":
		d.known(in, "mode", "mod", "offset")
		return "numgen " + d.word(in.Get("mode"), "inc or random") + d.modulus(in, "")
	case "symhash":
		d.known(in, "mod", "offset")
		return "symhash" + d.modulus(in, "")
	case "jhash":
		d.known(in, "mod", "seed", "offset", "expr")
		seed := ""
		if s := in.Get("seed"); s != nil && d.num(s, "a seed") != "0" {
			n, _ := strconv.ParseUint(s.Text, 10, 64)
			seed = fmt.Sprintf(" seed 0x%x", n)
		}
		return "jhash " + d.expr(in.Get("expr")) + d.modulus(in, seed)
	}
	d.fail(v, `the expression "`+clip(kind)+`" is not known`)
	return ""
}

func (d *jsonReader) modulus(v *jsontree.Value, seed string) string {
	s := " mod " + d.num(v.Get("mod"), "a modulus") + seed
	if o := v.Get("offset"); o != nil && d.num(o, "an offset") != "0" {
		s += " offset " + o.Text
	}
	return s
}

// option gives an extension header, an option or a chunk.
func (d *jsonReader) option(kind string, v *jsontree.Value, opt func(string) string) string {
	d.known(v, "name", "field", "base", "offset", "len", "type")
	switch {
	case v.Get("base") != nil:
		return kind + " @" + d.num(v.Get("base"), "a number") + "," + d.num(v.Get("offset"), "bits") + "," + d.num(v.Get("len"), "bits")
	case kind == "dccp option":
		return kind + " " + d.num(v.Get("type"), "the option's number")
	case kind == "exthdr" && v.Get("field") == nil:
		return kind + " " + d.word(v.Get("name"), "a header")
	case kind == "exthdr":
		field := d.word(v.Get("field"), "a field")
		if o := v.Get("offset"); o != nil && !strings.Contains(field, "[") {
			field += "[" + d.num(o, "a number") + "]"
		}
		return d.word(v.Get("name"), "a header") + " " + field
	}
	return words(kind, d.word(v.Get("name"), "a name"), opt("field"))
}
