package nft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/jsontree"
)

// BlockJSON gives nft's text of an object of libnftables-json(5) that stands in a table
// besides its chains: a set or a map with its elements, a counter, a flowtable and so
// on, as ParseSet reads it. kind is the name of the member that holds the object. What
// is not understood is kept as a line of JSON in the text, and is in the notes.
func BlockJSON(kind string, v *jsontree.Value, f model.Family) (string, []Note) {
	d := &jsonReader{family: f}
	b := &jsonBlock{jsonReader: d, v: v, done: map[string]bool{"family": true, "table": true, "name": true, "handle": true}}
	name := d.name(v.Get("name"), "the name of the "+kind)
	if d.why != "" || !blockKinds[kind] {
		if d.why == "" {
			d.fail(v, `"`+clip(kind)+`" is no kind of object`)
		}
		return v.Compact(), []Note{{d.at, d.why}}
	}
	head := kind + " " + name + " {"
	if h := v.Get("handle"); h.Is(jsontree.Number) {
		head += " # handle " + h.Text
	}
	b.lines = append(b.lines, head)
	switch kind {
	case "set", "map":
		b.set(kind)
	case "counter", "quota", "limit", "synproxy":
		b.stateful(kind)
	default:
		b.object(kind)
	}
	b.rest()
	return strings.Join(append(b.lines, "}"), "\n"), d.notes
}

// jsonBlock makes the lines of one object.
type jsonBlock struct {
	*jsonReader
	v     *jsontree.Value
	lines []string
	done  map[string]bool // members that have their line
}

func (b *jsonBlock) line(format string, args ...any) {
	b.lines = append(b.lines, "\t"+fmt.Sprintf(format, args...))
}

// take gives a member, and notes that it has its line.
func (b *jsonBlock) take(name string) *jsontree.Value {
	b.done[name] = true
	return b.v.Get(name)
}

// with writes a member's line where the member is there and is understood.
func (b *jsonBlock) with(name string, write func(v *jsontree.Value)) {
	v := b.take(name)
	if v == nil {
		return
	}
	before := len(b.lines)
	b.why, b.at = "", v.Begin
	write(v)
	if b.why == "" && v.Cut {
		b.fail(v, "the text ends in the middle of it")
	}
	if b.why == "" {
		return
	}
	b.lines = b.lines[:before]
	b.keep(name, v, b.why)
}

// keep holds a member that is not understood as a line of JSON.
func (b *jsonBlock) keep(name string, v *jsontree.Value, why string) {
	at := v.Begin
	if b.why != "" {
		at = b.at
	}
	b.notes = append(b.notes, Note{at, name + " of " + b.v.Get("name").Str() + ": " + why})
	b.line("json %s %s", name, v.Compact())
	b.why = ""
}

// rest keeps the members that nothing above took.
func (b *jsonBlock) rest() {
	for i := range b.v.Members {
		if m := &b.v.Members[i]; !b.done[m.Name] {
			b.keep(m.Name, &m.Value, "the member is not known here")
		}
	}
}

func (b *jsonBlock) comment() {
	b.with("comment", func(v *jsontree.Value) { b.line("comment %s", b.quoted(v, "the comment")) })
}

// stateful writes what an object holds, which in rules stands behind its word.
func (b *jsonBlock) stateful(kind string) {
	b.comment()
	in := *b.v
	in.Members = slices.DeleteFunc(slices.Clone(in.Members), func(m jsontree.Member) bool {
		return b.done[m.Name]
	})
	if kind == "quota" { // in an object the size has another name than in a rule
		for i := range in.Members {
			if m := &in.Members[i]; m.Name == "bytes" {
				m.Name = "val"
			}
		}
	}
	text := ""
	if len(in.Members) > 0 { // a command may leave the numbers out
		text = b.state(kind, &in)
	}
	if b.why != "" {
		b.notes = append(b.notes, Note{b.at, kind + " " + b.v.Get("name").Str() + ": " + b.why})
		b.why = ""
		return // rest keeps the members
	}
	for i := range b.v.Members {
		b.done[b.v.Members[i].Name] = true
	}
	if kind == "quota" {
		text = scaled(text)
	}
	if kind == "synproxy" {
		text = strings.Replace(text, " wscale", "\n\twscale", 1)
		for _, f := range []string{" timestamp", " sack-perm"} {
			if k := strings.Index(text, f); k >= 0 {
				text = text[:k] + "\n\t" + text[k+1:]
				break
			}
		}
	}
	if text != "" {
		b.line("%s", text)
	}
}

// scaled gives the numbers before "bytes" their largest unit, as nft does for quotas.
func scaled(s string) string {
	w := strings.Fields(s)
	for i := 1; i < len(w); i++ {
		n, err := strconv.ParseUint(w[i-1], 10, 64)
		if err != nil || w[i] != "bytes" {
			continue
		}
		for _, u := range []string{"kbytes", "mbytes"} {
			if n == 0 || n%1024 != 0 {
				break
			}
			n /= 1024
			w[i-1], w[i] = strconv.FormatUint(n, 10), u
		}
	}
	return strings.Join(w, " ")
}

func (b *jsonBlock) set(kind string) {
	var key, data []valueType
	b.with("type", func(v *jsontree.Value) {
		b.done["map"] = true
		word, text := "type", ""
		if v.Get("typeof") != nil {
			word = "typeof"
		}
		text, key = b.types(v)
		if m := b.v.Get("map"); kind == "map" {
			var s string
			s, data = b.types(m)
			text += " : " + s
		}
		b.line("%s %s", word, text)
	})
	b.with("size", func(v *jsontree.Value) { b.line("size %s", b.num(v, "a number")) })
	b.with("flags", func(v *jsontree.Value) { b.line("flags %s", strings.Join(b.list(v, "a flag"), ",")) })
	b.with("timeout", func(v *jsontree.Value) { b.line("timeout %s", b.seconds(v)) })
	b.with("gc-interval", func(v *jsontree.Value) { b.line("gc-interval %s", b.seconds(v)) })
	b.with("policy", func(v *jsontree.Value) { b.line("policy %s", b.word(v, "a policy")) })
	b.with("auto-merge", func(v *jsontree.Value) {
		if v.True() {
			b.line("auto-merge")
		}
	})
	b.comment()
	b.with("stmt", func(v *jsontree.Value) { b.line("%s", strings.TrimSpace(b.inElement(v))) })
	b.with("elem", func(v *jsontree.Value) { b.elem(v, key, data) })
}

// elem writes the elements. One that is not understood stands among them as JSON.
func (b *jsonBlock) elem(v *jsontree.Value, key, data []valueType) {
	if !v.Is(jsontree.Array) {
		b.fail(v, "expected a list of elements")
		return
	}
	l := make([]string, 0, len(v.Items))
	for i := range v.Items {
		one := jsontree.Value{Kind: jsontree.Array, Items: v.Items[i : i+1], Begin: v.Items[i].Begin}
		text := b.elements(&one, key, data)
		if b.why == "" && v.Items[i].Cut {
			b.fail(&v.Items[i], "the text ends in the middle of it")
		}
		if b.why != "" {
			b.notes = append(b.notes, Note{b.at, "an element of " + b.v.Get("name").Str() + ": " + b.why})
			text, b.why = []string{v.Items[i].Compact()}, ""
		}
		l = append(l, text...)
	}
	if v.Cut && (len(v.Items) == 0 || !v.Items[len(v.Items)-1].Cut) {
		b.notes = append(b.notes, Note{v.End, "the elements of " + b.v.Get("name").Str() + " end in the middle"})
	}
	b.line("elements = { %s }", strings.Join(l, ", "))
}

// types gives the text of a set's types: a name, a list of names, names with dots, or
// an expression under typeof.
func (b *jsonBlock) types(v *jsontree.Value) (string, []valueType) {
	if e := v.Get("typeof"); e != nil {
		return b.typed(e)
	}
	names := b.list(v, "the name of a type")
	if len(names) == 1 {
		names = strings.Split(names[0], " . ")
	}
	var l []valueType
	for _, n := range names {
		t, ok := parseType(n)
		switch {
		case n == "verdict":
			t = VerdictType
		case blockKinds[n]:
			t = Text
		case !ok:
			b.notes = append(b.notes, Note{v.Begin, `the type "` + clip(n) + `" is not known`})
		}
		l = append(l, valueType{t: t})
	}
	return strings.Join(names, " . "), l
}

// object writes the lines of a helper, a timeout, an expectation, a flowtable, a mark.
func (b *jsonBlock) object(kind string) {
	b.comment()
	plain := func(name string) {
		b.with(name, func(v *jsontree.Value) { b.line("%s %s", name, b.text(v)) })
	}
	switch kind {
	case "secmark":
		b.with("context", func(v *jsontree.Value) { b.line("%s", b.quoted(v, "a context")) })
	case "ct helper":
		b.with("type", func(v *jsontree.Value) {
			b.line("type %s protocol %s", b.quoted(v, "the helper's type"), b.word(b.take("protocol"), "a protocol"))
		})
		plain("l3proto")
	case "ct timeout":
		plain("protocol")
		plain("l3proto")
		b.with("policy", func(v *jsontree.Value) {
			var l []string
			for i := range v.Members {
				l = append(l, v.Members[i].Name+" : "+b.seconds(&v.Members[i].Value))
			}
			b.line("policy = { %s }", strings.Join(l, ", "))
		})
	case "ct expectation":
		plain("protocol")
		plain("dport")
		b.with("timeout", func(v *jsontree.Value) {
			n, _ := strconv.ParseInt(b.num(v, "a number of milliseconds"), 10, 42)
			b.line("timeout %s", span(millis(n)))
		})
		plain("size")
		plain("l3proto")
	case "flowtable":
		b.with("hook", func(v *jsontree.Value) {
			b.line("hook %s priority %s", b.word(v, "a hook"), b.text(b.take("prio")))
		})
		b.with("dev", func(v *jsontree.Value) { b.line("devices = { %s }", strings.Join(b.list(v, "a device"), ", ")) })
		b.with("flags", func(v *jsontree.Value) { b.line("flags %s", strings.Join(b.list(v, "a flag"), ",")) })
	case "tunnel":
		for i := range b.v.Members {
			if m := &b.v.Members[i]; !b.done[m.Name] && m.Value.Kind != jsontree.Object && m.Value.Kind != jsontree.Array {
				plain(m.Name)
			}
		}
	}
}

// text gives a word or a number.
func (b *jsonBlock) text(v *jsontree.Value) string {
	if v.Is(jsontree.Number) {
		return v.Text
	}
	return b.word(v, "a word or a number")
}

// ElementsJSON gives the text of elements for a set that was read before.
func ElementsJSON(elem *jsontree.Value, set *Block) (string, []Note) {
	b := &jsonBlock{jsonReader: &jsonReader{}, v: &jsontree.Value{}}
	typed := func(l []Type) (out []valueType) {
		for _, t := range l {
			out = append(out, valueType{t: t})
		}
		return out
	}
	list := elem
	if !elem.Is(jsontree.Array) {
		list = &jsontree.Value{Kind: jsontree.Array, Items: []jsontree.Value{*elem}, Begin: elem.Begin}
	}
	b.elem(list, typed(set.Key), typed(set.Data))
	if len(b.lines) == 0 {
		return "", append(b.notes, Note{b.at, b.why})
	}
	text := strings.TrimPrefix(b.lines[0], "\telements = { ")
	return strings.TrimSuffix(text, " }"), b.notes
}
