package ruleset

import (
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
)

// command follows one command of an nft script (nft(8)), as far as a ruleset comes of
// it. What cannot be done is reported, and nothing of it is done.
func (p *nftParser) command(it item) {
	verb, rest := cutWord(it.text)
	kind, more := cutWord(rest)
	switch verb {
	case "define", "redefine", "undefine":
		p.define(verb, it)
		return
	case "include":
		p.complain(it.begin, "%q is not followed: what that file holds is not shown", clip(it.text))
		return
	case "list", "monitor", "describe", "reset":
		return // they change no rules
	case "chain", "rule", "set", "map", "element", "flowtable", "counter", "quota", "limit", "ct", "secmark", "synproxy", "tunnel":
		verb, kind, more = "add", verb, rest // add is what nft takes where nothing is said
	case "add", "create", "insert", "replace", "delete", "destroy", "flush", "rename":
	case "table":
		verb, kind, more = "add", verb, rest
	default:
		p.complain(it.begin, "%q is not understood, expected a table such as \"table inet filter {\" or a command such as add rule; it is left out", clip(it.text))
		return
	}
	if verb == "flush" && kind == "ruleset" {
		if more == "" {
			p.flush()
			return
		}
		for _, t := range slices.Clone(p.tables) { // of one family
			if t.Family.String() == more {
				p.drop(t)
			}
		}
		return
	}
	if kind == "ct" {
		var of string
		of, more = cutWord(more)
		kind += " " + of
	}
	if why := p.do(verb, kind, p.expand(more, it.begin), it); why != "" {
		p.complain(it.begin, "%q is not done: %s; the rest is shown", clip(it.text), why)
	}
}

// do does a command. It gives the reason where it cannot.
func (p *nftParser) do(verb, kind, rest string, it item) string {
	family := model.FamilyIPv4 // nft's default
	word, more := cutWord(rest)
	if f, err := model.ParseFamily(word); err == nil {
		family, rest = f, more
		word, more = cutWord(rest)
	}
	name := strings.Trim(word, `"`)
	if name == "" || name == "{" {
		return "the name of the table is missing"
	}
	if kind == "handle" || name == "handle" {
		return "a handle is known to the kernel only, expected a name"
	}
	t := p.find(family, name)
	removes := verb == "delete" || verb == "destroy"
	if t == nil {
		switch {
		case kind == "table" && (verb == "add" || verb == "create"):
			p.open(family, name)
			return ""
		case verb == "destroy", kind == "table" && (verb == "delete" || verb == "flush"):
			return "" // what it takes away is not in the text
		default:
			return "there is no table " + family.String() + " " + name + " in the text"
		}
	}
	switch {
	case kind == "table" && removes:
		p.drop(t)
		return ""
	case kind == "table" && verb == "flush":
		for _, c := range t.Chains {
			c.Rules = nil
		}
		return ""
	case kind == "table" && verb == "add":
		return ""
	case kind == "table":
		return "the table is there already"
	case kind == "rule":
		return p.ruleCommand(verb, t, more, it)
	}
	word, more = cutWord(more)
	name = strings.Trim(word, `"`)
	if name == "" {
		return "the name of the " + kind + " is missing"
	}
	switch kind {
	case "chain":
		return p.chainCommand(verb, t, name, more, it)
	case "element":
		return p.elementCommand(verb, t, name, more)
	}
	at := objectIndex(t, kind, name)
	switch {
	case (verb == "add" || verb == "create") && at < 0:
		t.Extra = append(t.Extra, blockText(kind, name, more))
	case verb == "add":
	case verb == "create":
		return "it is there already"
	case removes && at >= 0:
		t.Extra = slices.Delete(t.Extra, at, at+1)
	case verb == "destroy":
	case verb == "flush" && at >= 0:
		if begin, end, ok := elementsIn(t.Extra[at]); ok {
			set := t.Extra[at]
			line := strings.LastIndex(set[:begin], "elements")
			t.Extra[at] = strings.TrimRight(set[:line], " \t\n") + "\n" + strings.TrimLeft(set[end+1:], " \t\n;")
		}
	case at < 0:
		return "there is no " + kind + " " + name + " in table " + t.Name
	default:
		return "expected add, create, delete, destroy or flush"
	}
	return ""
}

// cutWord gives the first word and what follows it. A brace is a word of its own.
func cutWord(s string) (word, rest string) {
	s = strings.TrimSpace(s)
	i := strings.IndexAny(s, " \t\r\n{")
	switch {
	case i < 0:
		return s, ""
	case i == 0:
		return s[:1], s[1:]
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// blockText prints an object as nft lists one: a line for each of its parts.
func blockText(kind, name, body string) string {
	s := kind + " " + name + " {\n"
	for _, part := range statements(body) {
		s += "\t" + part + "\n"
	}
	return s + "}"
}

// statements parts what stands in braces at its semicolons.
func statements(body string) []string {
	body = strings.TrimSpace(body)
	body = strings.TrimSuffix(strings.TrimPrefix(body, "{"), "}")
	var l []string
	t := nftTokens{s: body}
	from := 0
	take := func(to int) {
		if s := strings.TrimSpace(body[from:to]); s != "" {
			l = append(l, s)
		}
	}
	for t.next() {
		if t.word() == ";" && t.depth == 0 {
			take(t.begin)
			from = t.end
		}
	}
	take(len(body))
	return l
}

func (p *nftParser) chainCommand(verb string, t *model.Table, name, rest string, it item) string {
	c := p.chains[t][name]
	if c == nil && verb != "add" && verb != "create" {
		if verb == "destroy" {
			return ""
		}
		return "there is no chain " + name + " in table " + t.Name
	}
	switch verb {
	case "create":
		if c != nil {
			return "the chain is there already"
		}
		fallthrough
	case "add":
		c = p.nftEdit.chain(t, name)
		for _, s := range statements(rest) {
			p.line(t, c, item{text: s, begin: it.begin})
		}
	case "delete", "destroy":
		if len(c.Rules) > 0 {
			return "chain " + name + " has rules"
		}
		p.dropChain(t, c)
	case "flush":
		c.Rules = nil
	case "rename":
		if p.chains[t][rest] != nil || rest == "" {
			return "expected a name that no other chain has"
		}
		delete(p.chains[t], name)
		p.chains[t][rest], c.Name = c, rest
		for _, o := range t.Chains {
			for i := range o.Rules {
				if r := &o.Rules[i]; r.Jump == name {
					for _, w := range []string{"jump ", "goto "} {
						if k := strings.LastIndex(r.Text, w+name); k >= 0 {
							r.Text = r.Text[:k] + w + rest + r.Text[k+len(w)+len(name):]
						}
					}
					r.Jump, r.Target = rest, rest
				}
			}
		}
	default:
		return "expected add, create, delete, destroy, flush or rename"
	}
	return ""
}

func (p *nftParser) ruleCommand(verb string, t *model.Table, rest string, it item) string {
	name, rest := cutWord(rest)
	c := p.chains[t][name]
	if c == nil {
		return "there is no chain " + name + " in table " + t.Name + " in the text"
	}
	at := spot{insert: verb == "insert", index: -1}
	if word, more := cutWord(rest); word == "handle" || word == "position" || word == "index" {
		number, more := cutWord(more)
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return "expected a number behind " + word
		}
		if rest = more; word == "index" {
			at.index = int(n)
		} else {
			at.handle = n
		}
	}
	switch verb {
	case "add", "create", "insert":
		before := len(c.Rules)
		p.line(t, c, item{text: rest, begin: it.begin, handle: it.handle, tail: it.tail, broken: it.broken})
		if len(c.Rules) != before+1 { // a comment or flags, which are no rule
			return "expected a rule"
		}
		r := c.Rules[before]
		c.Rules = c.Rules[:before]
		return at.put(c, r)
	}
	i := slices.IndexFunc(c.Rules, func(r model.Rule) bool { return at.handle != 0 && r.Handle == at.handle })
	switch {
	case i < 0 && verb == "destroy":
	case i < 0:
		return "no rule of chain " + name + " has that handle in the text"
	case verb == "replace":
		c.Rules[i] = nftRule(rest)
		c.Rules[i].Handle = at.handle
	default:
		c.Rules = slices.Delete(c.Rules, i, i+1)
	}
	return ""
}

func (p *nftParser) elementCommand(verb string, t *model.Table, name, rest string) string {
	at := collection(t, name)
	if at < 0 {
		return "there is no set or map " + name + " in table " + t.Name + " in the text"
	}
	body := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(rest, "{"), "}"))
	switch verb {
	case "add", "create":
		t.Extra[at] = addElements(t.Extra[at], body)
	case "delete", "destroy":
		set, missing := dropElements(t.Extra[at], body)
		if t.Extra[at] = set; len(missing) > 0 && verb == "delete" {
			return "the element " + clip(missing[0]) + " is not there as it is written"
		}
	default:
		return "expected add, create, delete or destroy"
	}
	return ""
}

// define keeps what a name stands for.
func (p *nftParser) define(verb string, it item) {
	_, rest := cutWord(it.text)
	name, value, ok := strings.Cut(rest, "=")
	name = strings.TrimSpace(name)
	switch {
	case verb == "undefine":
		delete(p.vars, name)
		return
	case !ok || name == "":
		p.complain(it.begin, "%q is not understood, expected define NAME = VALUE", clip(it.text))
		return
	}
	if p.vars == nil {
		p.vars = map[string]string{}
	}
	p.vars[name] = p.expand(strings.TrimSpace(value), it.begin)
}

// maxExpanded bounds what names make of a text: they may stand for one another.
const maxExpanded = 1 << 20

// expand puts in what $NAME stands for. A set inside of a set gives its elements.
func (p *nftParser) expand(s string, at int) string {
	if !strings.Contains(s, "$") {
		return s
	}
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\n':
			quoted = c == '"' && !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == '$':
			n := i + 1
			for n < len(s) && (s[n] == '_' || s[n] == '-' || s[n] == '.' || '0' <= s[n] && s[n] <= '9' || 'a' <= s[n]|0x20 && s[n]|0x20 <= 'z') {
				n++
			}
			value, ok := p.vars[s[i+1:n]]
			if !ok || b.Len()+len(value) > maxExpanded {
				p.complain(at, "$%s stands for nothing in the text, expected a line \"define %[1]s = ...\" before", clip(s[i+1:n]))
				break
			}
			if depth > 0 && strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
				value = strings.TrimSpace(value[1 : len(value)-1])
			}
			b.WriteString(value)
			i = n - 1
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
