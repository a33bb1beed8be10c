package ruleset

import (
	"fmt"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/jsontree"
	"nfscope/model/nft"
)

// ParseNFTJSON reads libnftables-json(5): what `nft -j list ruleset`, list table, list
// chain or list set prints, and the commands that `nft -j -f` takes. What is not
// understood is kept as its JSON on one line, marked, and is among the problems.
func ParseNFTJSON(name string, text []byte) ([]*model.Table, []Problem) {
	p := &nftJSON{problems: problems{name: name}, nftEdit: newNFTEdit(), text: string(text)}
	if msg := refuse(p.text); msg != "" {
		return nil, []Problem{{Name: name, Msg: msg, Fatal: true}}
	}
	values, err := jsontree.Parse(strings.TrimPrefix(p.text, "\ufeff"))
	if bom := len(p.text) - len(strings.TrimPrefix(p.text, "\ufeff")); bom > 0 {
		p.text = p.text[bom:]
	}
	if err != nil {
		p.complain(err.At, "%s: no JSON from here on, expected what nft -j list ruleset prints; what stands before is shown", err.Msg)
	}
	seen := false
	for i := range values {
		seen = p.document(&values[i]) || seen
	}
	if !seen && err == nil {
		return nil, []Problem{{Name: name, Line: 1, Col: 1, Fatal: true,
			Msg: `JSON, but not nft's: expected {"nftables": [ ... ]}, as nft -j list ruleset prints it`}}
	}
	p.stray(func(at int, format string, args ...any) {
		n := len(p.list)
		if p.complain(max(at, 0), format, args...); len(p.list) > n {
			p.list[n].Remark = true
		}
	})
	p.number()
	p.silent()
	return p.tables, p.done()
}

// silent tells what nft -j (1.0.6) leaves out of what nft prints, where it matters here.
func (p *nftJSON) silent() {
	for _, t := range p.tables {
		updated := map[string]bool{}
		for _, c := range t.Chains {
			if (t.Family == model.FamilyNetdev || c.Hook == model.HookIngress || c.Hook == model.HookEgress) && c.Base() && c.Device == "" {
				p.add(0, 0, "table %s %s: the JSON does not tell the device of chain %s; nft list ruleset without -j does", t.Family, t.Name, c.Name)
			}
			for i := range c.Rules {
				if strings.Contains(c.Rules[i].Text, "@") {
					setsUpdated(c.Rules[i].Text, updated)
				}
			}
		}
		for _, x := range t.Extra {
			kind, rest, _ := strings.Cut(x, " ")
			if kind != "set" && kind != "map" {
				continue
			}
			name := firstWord(rest)
			if updated[name] && !strings.Contains(x, "dynamic") {
				p.add(0, 0, "table %s %s: the JSON does not tell that %s %s is dynamic, as rules that update it need; nft list ruleset without -j does", t.Family, t.Name, kind, name)
			}
			if strings.Contains(x, "type integer") || strings.Contains(x, ". integer") || strings.Contains(x, ": integer") {
				p.add(0, 0, "table %s %s: the JSON does not tell of which fields %s %s is (typeof); nft list ruleset without -j does", t.Family, t.Name, kind, name)
			}
		}
	}
}

// setsUpdated notes the sets that a rule adds to.
func setsUpdated(rule string, into map[string]bool) {
	t := nftTokens{s: rule}
	for prev := ""; t.next(); prev = t.word() {
		if name, ok := strings.CutPrefix(t.word(), "@"); ok && (prev == "add" || prev == "update") {
			into[name] = true
		}
	}
}

type nftJSON struct {
	problems
	nftEdit
	text string
	// line and upTo remember the last place that was asked for, for the next one.
	line, upTo int
}

func (p *nftJSON) complain(at int, format string, args ...any) {
	at = min(at, len(p.text))
	if at < p.upTo {
		p.line, p.upTo = 0, 0
	}
	p.line += strings.Count(p.text[p.upTo:at], "\n")
	p.upTo = at
	p.add(p.line+1, at-strings.LastIndexByte(p.text[:at], '\n'), format, args...)
}

// notes reports what a decoder could not understand.
func (p *nftJSON) notes(l []nft.Note) {
	for _, n := range l {
		p.complain(n.At, "%s; it is kept as text", n.Msg)
	}
}

// document reads {"nftables": [ ... ]}.
func (p *nftJSON) document(v *jsontree.Value) bool {
	list := v.Get("nftables")
	if list == nil {
		return false
	}
	if !list.Is(jsontree.Array) {
		p.complain(list.Begin, `expected a list behind "nftables"`)
		return true
	}
	for i := range list.Items {
		item := &list.Items[i]
		kind, in := item.Only()
		switch kind {
		case "":
			p.complain(item.Begin, `%s is not understood, expected an object with one member, such as {"table": ...}; it is left out`, clip(item.Compact()))
		case "metainfo":
			if n := in.Get("json_schema_version"); n != nil && n.Text != "1" {
				p.complain(n.Begin, "schema version %s, expected 1; it is read as if it were 1", clip(n.Text))
			}
		case "add", "create", "insert", "replace", "delete", "destroy", "flush", "rename", "list", "reset":
			p.command(kind, in)
		default:
			p.object("add", kind, in)
		}
	}
	return true
}

// command reads what stands behind a verb.
func (p *nftJSON) command(verb string, v *jsontree.Value) {
	kind, in := v.Only()
	switch {
	case kind == "":
		p.complain(v.Begin, `expected an object with one member behind "%s", such as {"table": ...}`, verb)
	case verb == "list", verb == "reset": // they change nothing that is shown
	case verb == "flush" && kind == "ruleset":
		p.flush()
	case verb == "add", verb == "create", verb == "insert":
		p.object(verb, kind, in)
	default:
		p.change(verb, kind, in)
	}
}

// table finds or makes the table that an object names.
func (p *nftJSON) table(v *jsontree.Value, name string) *model.Table {
	f := model.FamilyIPv4 // nft's default
	if m := v.Get("family"); m != nil {
		var err error
		if f, err = model.ParseFamily(m.Str()); err != nil {
			p.complain(m.Begin, "%v", err)
			return nil
		}
	}
	m := v.Get(name)
	if m.Str() == "" {
		p.complain(v.Begin, `the object has no "%s", expected the name of its table: %s is left out`, name, clip(v.Compact()))
		return nil
	}
	return p.open(f, m.Text)
}

func handleOf(v *jsontree.Value) uint64 {
	if h := v.Get("handle"); h.Is(jsontree.Number) {
		n, _ := strconv.ParseUint(h.Text, 10, 64) // 0 where it is no number
		return n
	}
	return 0
}

// object adds what an object describes.
func (p *nftJSON) object(verb, kind string, v *jsontree.Value) {
	switch kind {
	case "table":
		if t := p.table(v, "name"); t != nil {
			t.Handle = handleOf(v)
			p.tableRest(t, v)
		}
		return
	case "chain", "rule", "element":
	case "set", "map", "counter", "quota", "limit", "synproxy", "secmark", "tunnel", "ct helper", "ct timeout", "ct expectation", "flowtable":
		if t := p.table(v, "table"); t != nil {
			if i := objectIndex(t, kind, v.Get("name").Str()); i >= 0 && handleOf(v) == 0 && verb == "add" && v.Get("elem") == nil {
				return // there already
			}
			text, notes := nft.BlockJSON(kind, v, t.Family)
			p.notes(notes)
			p.calls(t, text, v.Begin)
			t.Extra = append(t.Extra, text)
		}
		return
	default:
		if t := v.Get("table"); t.Str() != "" {
			if t := p.table(v, "table"); t != nil {
				t.Extra = append(t.Extra, kind+" "+v.Compact())
			}
		}
		p.complain(v.Begin, `"%s" is not understood, expected a table, a chain, a rule, a set, a map or another object; it is kept as text`, clip(kind))
		return
	}
	t := p.table(v, "table")
	if t == nil {
		return
	}
	switch kind {
	case "chain":
		p.chainObject(t, v)
	case "rule":
		p.rule(verb, t, v)
	case "element":
		p.elements(t, v)
	}
}

// tableRest reads what a table has besides its name.
func (p *nftJSON) tableRest(t *model.Table, v *jsontree.Value) {
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Name {
		case "family", "name", "handle":
		case "flags":
			t.Flags = strings.Join(stringsOf(&m.Value), ",")
		case "comment":
			t.Extra = append(t.Extra, `comment "`+m.Value.Str()+`"`)
		default:
			p.complain(m.Value.Begin, "table %s: the member %q is not known here; it is kept as text", t.Name, clip(m.Name))
			t.Extra = append(t.Extra, "json "+m.Name+" "+m.Value.Compact())
		}
	}
}

// stringsOf gives a string, or the strings of a list.
func stringsOf(v *jsontree.Value) []string {
	if v.Is(jsontree.String) {
		return []string{v.Text}
	}
	var l []string
	for i := range v.Items {
		l = append(l, v.Items[i].Text)
	}
	return l
}

func (p *nftJSON) chainObject(t *model.Table, v *jsontree.Value) {
	name := v.Get("name")
	if name.Str() == "" {
		p.complain(v.Begin, `a chain without "name"`)
		return
	}
	c := p.chain(t, name.Text)
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Name {
		case "family", "table", "name":
		case "handle":
			c.Handle = handleOf(v)
		case "type":
			c.Type = m.Value.Str()
		case "hook":
			h, ok := model.ParseHook(m.Value.Str())
			if !ok {
				p.complain(m.Value.Begin, "hook %q is not known, expected prerouting, input, forward, output, postrouting, ingress or egress", clip(m.Value.Text))
			}
			if c.Hook = h; c.Policy == "" {
				c.Policy = "accept"
			}
		case "prio":
			at, ok := nftPriority(t.Family, strings.Fields(m.Value.Text))
			if !ok {
				p.complain(m.Value.Begin, "priority %q is not known, expected a number", clip(m.Value.Text))
			}
			c.Priority = at
		case "policy":
			c.Policy = m.Value.Str()
		case "dev":
			c.Device = strings.Join(stringsOf(&m.Value), ",")
		case "comment":
			c.Extra = append(c.Extra, `comment "`+m.Value.Str()+`"`)
		case "flags":
			c.Extra = append(c.Extra, "flags "+strings.Join(stringsOf(&m.Value), ","))
		default:
			p.complain(m.Value.Begin, "chain %s: the member %q is not known here; it is kept as text", c.Name, clip(m.Name))
			c.Extra = append(c.Extra, "json "+m.Name+" "+m.Value.Compact())
		}
	}
}

// readRule gives the rule that an object describes.
func (p *nftJSON) readRule(t *model.Table, v *jsontree.Value) model.Rule {
	typed, notes := nft.ParseJSON(v.Get("expr"), v.Get("comment").Str(), t.Family)
	r := nftRule(typed.Canonical())
	p.notes(notes)
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Name {
		case "family", "table", "chain", "expr", "comment", "handle", "index", "position":
		default:
			p.complain(m.Value.Begin, "a rule of chain %s: the member %q is not known here; it is kept as text", v.Get("chain").Str(), clip(m.Name))
			r.Marked = fmt.Sprintf("nft says besides: %q: %s", m.Name, m.Value.Compact())
		}
	}
	if len(typed.Unknown) > 0 && r.Marked == "" {
		r.Marked = clip(typed.Unknown[0].Text) + ": " + typed.Unknown[0].Why
	}
	if v.Cut && r.Marked == "" {
		r.Marked = "the text ends here, in the middle of the rule"
	}
	return r
}

func (p *nftJSON) rule(verb string, t *model.Table, v *jsontree.Value) {
	name := v.Get("chain").Str()
	if name == "" {
		p.complain(v.Begin, `a rule without "chain": %s`, clip(v.Compact()))
		return
	}
	c := p.chain(t, name)
	r := p.readRule(t, v)
	p.calls(t, r.Text, v.Begin)
	at := spot{insert: verb == "insert", index: -1}
	if i := v.Get("index"); i != nil {
		n, err := strconv.Atoi(i.Text)
		if err != nil {
			p.complain(i.Begin, "index %q, expected a number from 0", clip(i.Text))
		} else {
			at.index = n
		}
	}
	h := handleOf(v)
	known := false
	for i := range c.Rules {
		known = known || h != 0 && c.Rules[i].Handle == h
	}
	if known { // a command names a rule by it; in a listing it is the rule's own
		at.handle = h
	} else {
		r.Handle = h
	}
	if why := at.put(c, r); why != "" {
		p.complain(v.Begin, "%s; the rule is put at the end", why)
		c.Rules = append(c.Rules, r)
	}
}

// elements adds to a set.
func (p *nftJSON) elements(t *model.Table, v *jsontree.Value) {
	name := v.Get("name").Str()
	i := collection(t, name)
	elem := v.Get("elem")
	if i < 0 || elem == nil {
		p.complain(v.Begin, "elements for set %s, which table %s does not have here; they are kept as text", clip(name), t.Name)
		t.Extra = append(t.Extra, "element "+v.Compact())
		return
	}
	text, notes := nft.ElementsJSON(elem, nft.ParseSet(t.Extra[i], t.Family))
	p.notes(notes)
	t.Extra[i] = addElements(t.Extra[i], text)
}

// change reads the commands that take away or alter.
func (p *nftJSON) change(verb, kind string, v *jsontree.Value) {
	named := "table"
	if kind == "table" {
		named = "name"
	}
	f := model.FamilyIPv4
	if m := v.Get("family"); m != nil {
		f, _ = model.ParseFamily(m.Str()) // an unknown family has no table
	}
	t := p.find(f, v.Get(named).Str())
	if t == nil {
		if verb != "destroy" {
			p.complain(v.Begin, "%s %s: there is no table %s %s here, so nothing is done", verb, kind, f, clip(v.Get(named).Str()))
		}
		return
	}
	chain, name := v.Get("chain").Str(), v.Get("name").Str()
	removes := verb == "delete" || verb == "destroy"
	switch {
	case kind == "table" && removes:
		p.drop(t)
		return
	case kind == "table" && verb == "flush":
		for _, c := range t.Chains {
			c.Rules = nil
		}
		return
	case kind == "chain" && p.chains[t][name] != nil:
		c := p.chains[t][name]
		if removes {
			p.dropChain(t, c)
			return
		}
		if verb == "flush" {
			c.Rules = nil
			return
		}
	case kind == "rule" && p.chains[t][chain] != nil:
		c := p.chains[t][chain]
		for i := range c.Rules {
			if h := handleOf(v); h == 0 || c.Rules[i].Handle != h {
				continue
			}
			if removes {
				c.Rules = append(c.Rules[:i:i], c.Rules[i+1:]...)
				return
			}
			if verb == "replace" {
				c.Rules[i] = p.readRule(t, v)
				return
			}
		}
	case removes && objectIndex(t, kind, name) >= 0:
		i := objectIndex(t, kind, name)
		t.Extra = append(t.Extra[:i:i], t.Extra[i+1:]...)
		return
	}
	if verb == "destroy" {
		return
	}
	p.complain(v.Begin, "%s %s %s: not done, expected something that the text made before; the rest is shown", verb, kind, clip(v.Compact()))
}
