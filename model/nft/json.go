package nft

import (
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/jsontree"
)

// Note is something in JSON that was not understood.
type Note struct {
	At  int // its offset in the text
	Msg string
}

// ParseJSON reads a rule from the list of statements that libnftables-json(5) has under
// "expr". What is not understood is in the rule as an *Unknown that holds its JSON on
// one line, and in the notes with its place. What a listing holds as a string is nft's
// own text.
func ParseJSON(expr *jsontree.Value, comment string, f model.Family) (*Rule, []Note) {
	r := &Rule{Family: f}
	d := &jsonReader{family: f}
	if expr.Is(jsontree.Array) {
		for i := range expr.Items {
			r.statementJSON(d, &expr.Items[i])
		}
	} else if expr != nil {
		r.statementJSON(d, expr)
	}
	if comment != "" {
		r.Statements = append(r.Statements, &Comment{comment})
	}
	return r, d.notes
}

// statementJSON reads one statement. Its text goes through the parser of text, so that
// there is one place that knows nft's words.
func (r *Rule) statementJSON(d *jsonReader, v *jsontree.Value) {
	d.why, d.at = "", v.Begin
	text := ""
	switch {
	case v.Cut:
		d.fail(v, "the text ends in the middle of it")
	case v.Kind == jsontree.String:
		text = oneLine(v.Text)
	default:
		text = d.statement(v)
	}
	if d.why == "" {
		in := Parse(text, r.Family)
		r.Statements = append(r.Statements, in.Statements...)
		for _, u := range in.Unknown {
			d.notes = append(d.notes, Note{v.Begin, u.Text + ": " + u.Why})
		}
		r.Unknown = append(r.Unknown, in.Unknown...)
		return
	}
	u := &Unknown{Text: v.Compact(), Why: d.why}
	d.notes = append(d.notes, Note{d.at, clip(u.Text) + ": " + d.why})
	r.Statements, r.Unknown = append(r.Statements, u), append(r.Unknown, u)
}

// oneLine makes one line of text whose line ends part rules in braces.
func oneLine(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if s := b.String(); s != "" {
			if last := s[len(s)-1]; last != '{' && last != ',' && last != ';' {
				b.WriteByte(';')
			}
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return b.String()
}

// jsonReader makes nft's text of the values of libnftables-json(5). The first thing not
// understood is noted in why, its place in at; from then on the text means nothing.
type jsonReader struct {
	family model.Family
	why    string
	at     int
	depth  int
	notes  []Note
}

func (d *jsonReader) fail(v *jsontree.Value, why string) {
	if d.why != "" {
		return
	}
	if d.why = why; v != nil {
		d.at = v.Begin
	}
}

// known fails where an object has a member of another name.
func (d *jsonReader) known(v *jsontree.Value, names ...string) {
	if v == nil || v.Kind != jsontree.Object {
		return
	}
members:
	for i := range v.Members {
		for _, n := range names {
			if v.Members[i].Name == n {
				continue members
			}
		}
		d.fail(&v.Members[i].Value, `the member "`+clip(v.Members[i].Name)+`" is not known here`)
	}
}

// word takes a string that can be a word of nft's text.
func (d *jsonReader) word(v *jsontree.Value, what string) string {
	s := v.Str()
	if s == "" || strings.ContainsAny(s, "\"\n\r\t{};,") {
		d.fail(v, "expected "+what)
	}
	return s
}

// name takes a name that stands without quotes: of a chain, a set.
func (d *jsonReader) name(v *jsontree.Value, what string) string {
	s := d.word(v, what)
	if strings.Contains(s, " ") {
		d.fail(v, "expected "+what)
	}
	return s
}

// quoted takes a string that stands in quotes.
func (d *jsonReader) quoted(v *jsontree.Value, what string) string {
	if !v.Is(jsontree.String) || strings.ContainsAny(v.Text, "\"\n\r") {
		d.fail(v, "expected "+what)
		return ""
	}
	return `"` + v.Text + `"`
}

// num takes a whole number.
func (d *jsonReader) num(v *jsontree.Value, what string) string {
	if v.Is(jsontree.Number) {
		if _, err := strconv.ParseUint(v.Text, 10, 64); err == nil {
			return v.Text
		}
	}
	d.fail(v, "expected "+what)
	return "0"
}

// list takes a string, or a list of strings.
func (d *jsonReader) list(v *jsontree.Value, what string) []string {
	switch {
	case v == nil:
		return nil
	case v.Kind == jsontree.Array:
		var l []string
		for i := range v.Items {
			l = append(l, d.word(&v.Items[i], what))
		}
		return l
	}
	return []string{d.word(v, what)}
}

// statement gives the text of one statement.
func (d *jsonReader) statement(v *jsontree.Value) string {
	kind, in := v.Only()
	switch kind {
	case "":
		d.fail(v, "expected an object with one member, the statement")
		return ""
	case "accept", "drop", "continue", "return", "notrack":
		return kind
	case "jump", "goto":
		d.known(in, "target")
		return kind + " " + d.name(in.Get("target"), "the chain's name")
	case "match":
		return d.match(in)
	case "vmap":
		d.known(in, "key", "data")
		key, types := d.typed(in.Get("key"))
		return key + " vmap " + d.table(in.Get("data"), types, []valueType{{t: VerdictType}})
	case "mangle":
		d.known(in, "key", "value")
		key, types := d.typed(in.Get("key"))
		return key + " set " + d.value(in.Get("value"), types)
	case "counter", "quota", "limit", "synproxy", "ct helper", "ct timeout", "ct expectation", "secmark", "tunnel":
		if in.Is(jsontree.String) || in.Get("map") != nil {
			o := &Object{Kind: kind, Name: Symbol{Name: d.value(in, []valueType{{t: Text}})}}
			return o.String()
		}
		fallthrough
	case "last", "ct count":
		return d.stateful(kind, in)
	case "log":
		return d.log(in)
	case "reject":
		return d.reject(in)
	case "queue":
		return d.queue(in)
	case "snat", "dnat", "masquerade", "redirect", "tproxy":
		return d.nat(kind, in)
	case "dup", "fwd":
		return d.forward(kind, in)
	case "set", "map":
		return d.update(kind, in)
	case "meter":
		return d.meter(in)
	case "flow":
		d.known(in, "op", "flowtable")
		return "flow " + d.name(in.Get("op"), "add") + " " + at(d.name(in.Get("flowtable"), "the flowtable's name"))
	case "reset":
		return "reset " + d.field(in)
	case "xt":
		d.known(in, "type", "name")
		if in.Is(jsontree.Null) {
			d.fail(v, "an xt extension, of which nft says no more; iptables-nft-save can")
		}
		return "xt " + d.name(in.Get("type"), "match or target") + " " + d.quoted(in.Get("name"), "the extension's name")
	}
	d.fail(v, `the statement "`+clip(kind)+`" is not known`)
	return ""
}

// at puts the sign of a set before a name that has none.
func at(name string) string {
	if strings.HasPrefix(name, "@") {
		return name
	}
	return "@" + name
}

func (d *jsonReader) match(v *jsontree.Value) string {
	d.known(v, "op", "left", "right")
	op, left, right := v.Get("op").Str(), v.Get("left"), v.Get("right")
	switch op {
	case "", "in":
		op = ""
	case "==", "!=", "<", ">", "<=", ">=", "!":
	default:
		d.fail(v.Get("op"), `the operator "`+clip(op)+`" is not known`)
	}
	// tcp flags syn / syn,ack: the mask is a list.
	if mask := left.Get("&"); mask.Is(jsontree.Array) && len(mask.Items) == 2 && mask.Items[1].Kind == jsontree.Array && (op == "==" || op == "!=") {
		field, types := d.typed(&mask.Items[0])
		if op == "==" {
			op = ""
		}
		return words(field, op, d.value(right, types), "/", d.value(&mask.Items[1], types))
	}
	var text string
	var types []valueType
	if o := left.Get("tcp option"); o.Get("base") != nil && right.Is(jsontree.Bool) { // whether it is there
		text, types = "tcp option "+d.num(o.Get("base"), "the option's number"), []valueType{{t: Bool}}
	} else {
		text, types = d.typed(left)
	}
	if op == "==" {
		_, binary := d.binary(left)
		if !(len(types) == 1 && types[0].t.Flags() && !right.Is(jsontree.Object) && !strings.HasPrefix(right.Str(), "@")) && !binary {
			op = ""
		}
		if strings.HasPrefix(right.Str(), "@") {
			op = ""
		}
	}
	return words(text, op, d.value(right, types))
}

// stateful gives the text of a statement that keeps a state.
func (d *jsonReader) stateful(kind string, v *jsontree.Value) string {
	if v.Is(jsontree.Null) {
		if kind == "counter" || kind == "last" || kind == "synproxy" {
			return kind
		}
	} else if !v.Is(jsontree.Object) {
		d.fail(v, "expected an object")
	}
	if d.why != "" {
		return ""
	}
	return words(kind, d.state(kind, v))
}

// state gives what stands behind the word of a statement, or in an object's braces.
func (d *jsonReader) state(kind string, v *jsontree.Value) string {
	over := ""
	if v.Get("inv").True() {
		over = "over"
	}
	optional := func(name string) string {
		if m := v.Get(name); m != nil && d.num(m, "a number") != "0" {
			return name + " " + m.Text
		}
		return ""
	}
	switch kind {
	case "counter":
		d.known(v, "packets", "bytes")
		return "packets " + d.num(v.Get("packets"), "the number of packets") + " bytes " + d.num(v.Get("bytes"), "the number of bytes")
	case "ct count":
		d.known(v, "val", "inv")
		return words(over, d.num(v.Get("val"), "a number of connections"))
	case "last":
		d.known(v, "used")
		if u := v.Get("used"); u != nil {
			n, _ := strconv.ParseInt(d.num(u, "a number of milliseconds"), 10, 64)
			return "used " + span(millis(n))
		}
		return "used never"
	case "quota":
		d.known(v, "val", "val_unit", "used", "used_unit", "inv")
		s := words(over, d.num(v.Get("val"), "a number of bytes"), d.unit(v, "val_unit"))
		if u := v.Get("used"); u != nil && d.num(u, "a number of bytes") != "0" {
			s += " used " + words(u.Text, d.unit(v, "used_unit"))
		}
		return s
	case "limit":
		d.known(v, "rate", "rate_unit", "per", "burst", "burst_unit", "inv")
		per := v.Get("per").Str()
		if per == "" {
			per = "second"
		}
		unit := ""
		if v.Get("rate_unit") != nil && v.Get("rate_unit").Str() != "packets" {
			unit = " " + d.unit(v, "rate_unit")
		}
		s := words("rate", over, d.num(v.Get("rate"), "a number")+unit+"/"+per)
		if b := v.Get("burst"); b != nil && d.num(b, "a number") != "0" {
			switch {
			case unit != "":
				s += " burst " + b.Text + " " + d.unit(v, "burst_unit")
			case b.Text != "5": // which nft takes where nothing is said
				s += " burst " + b.Text + " packets"
			}
		}
		return s
	case "synproxy":
		d.known(v, "mss", "wscale", "flags")
		s := ""
		if mss, ws := optional("mss"), optional("wscale"); mss != "" || ws != "" { // nft prints both
			if mss == "" {
				mss = "mss 0"
			}
			if ws == "" {
				ws = "wscale 0"
			}
			s = mss + " " + ws
		}
		return words(s, strings.Join(d.list(v.Get("flags"), "flags"), " "))
	}
	d.fail(v, "expected the name of the "+kind)
	return ""
}

func (d *jsonReader) unit(v *jsontree.Value, name string) string {
	if u := v.Get(name); u != nil {
		return d.name(u, "a unit")
	}
	return "bytes"
}
