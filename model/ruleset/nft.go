package ruleset

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
)

// ParseNFT reads what `nft list ruleset` or `nft list table` prints (nft(8)), with or
// without -a and -y, and scripts for nft -f: tables in braces, commands, names that
// stand for values. A rule's text has
// neither handle nor the numbers of its counters; a rule that spans lines becomes one
// line. What stands in a table besides chains is kept in Table.Extra as printed.
func ParseNFT(name string, text []byte) ([]*model.Table, []Problem) {
	p := &nftParser{problems: problems{name: name}, nftEdit: newNFTEdit()}
	p.s = string(text)
	if msg := refuse(p.s); msg != "" {
		return nil, []Problem{{Name: name, Msg: msg, Fatal: true}}
	}
	if strings.HasPrefix(p.s, "\ufeff") {
		p.i = len("\ufeff")
	}
	p.ruleset()
	p.stray(func(at int, format string, args ...any) {
		line, col := 0, 0
		if at >= 0 {
			line, col = p.where(at)
		}
		p.remark(line, col, format, args...)
	})
	p.number()
	return p.tables, p.done()
}

type nftParser struct {
	problems
	nftScanner
	nftEdit
	// vars are what define gave names to.
	vars map[string]string
	// managed names tables that a warning of nft says iptables-nft owns.
	managed []string
}

func (p *nftParser) complain(at int, format string, args ...any) {
	line, col := 0, 0
	if len(p.list) < maxProblems {
		line, col = p.where(at)
	}
	p.add(line, col, format, args...)
}

func (p *nftParser) ruleset() {
	for {
		it := p.next(levelRuleset)
		switch it.kind {
		case itemEnd:
			if len(p.tables) == 0 && len(p.list) == 0 {
				p.add(0, 0, `no table, expected a line such as "table inet filter {"`)
			}
			return
		case itemComment:
			if id, ok := strings.CutPrefix(it.text, "# Warning: table "); ok {
				if id, _, ok = strings.Cut(id, " is managed by iptables-nft"); ok {
					p.managed = append(p.managed, id)
				}
			}
		case itemClose:
			p.complain(it.begin, `a "}" without its "{"`)
		case itemBlock:
			p.table(it)
		case itemStatement:
			p.command(it)
		}
	}
}

// tableName reads "table [family] name".
func (p *nftParser) tableName(it item) (model.Family, string, bool) {
	words := strings.Fields(p.expand(it.text, it.begin))
	if words[0] != "table" { // add table, create table
		words = words[1:]
	}
	switch len(words) {
	case 2:
		return model.FamilyIPv4, words[1], true // nft's default
	case 3:
		f, err := model.ParseFamily(words[1])
		if err == nil {
			return f, words[2], true
		}
		p.complain(it.begin, "%v", err)
	default:
		p.complain(it.begin, "%q, expected \"table FAMILY NAME {\"", clip(it.text))
	}
	return 0, "", false
}

// open finds or makes a table.
func (p *nftParser) open(f model.Family, name string) *model.Table {
	t := p.nftEdit.open(f, name)
	if slices.Contains(p.managed, f.String()+" "+name) {
		t.Backend = model.BackendIptablesNFT
	}
	return t
}

func (p *nftParser) table(head item) {
	f, name, ok := p.tableName(head)
	if !ok {
		name = strings.TrimPrefix(head.text, "table ")
	}
	t := p.open(f, name)
	t.Handle = head.handle
	if head.tail != "" {
		t.Extra = append(t.Extra, head.tail)
	}
	for {
		it := p.next(levelTable)
		switch it.kind {
		case itemEnd:
			p.complain(len(p.s), `the text ends inside table %s %s, expected "}"`, t.Family, t.Name)
			return
		case itemClose:
			return
		case itemBlock:
			p.chain(t, it)
		case itemStatement:
			p.object(t, it)
		}
	}
}

// object keeps what is no chain.
func (p *nftParser) object(t *model.Table, it item) {
	word, rest, _ := strings.Cut(it.text, " ")
	switch word {
	case "define", "redefine", "undefine", "include":
		p.command(it)
		return
	case "flags":
		t.Flags = strings.TrimSpace(rest)
		return
	case "comment", "set", "map", "flowtable", "counter", "quota", "limit", "ct", "secmark", "synproxy", "element", "meter", "tunnel":
		if it.broken {
			p.complain(it.begin, `%s is not closed, expected "}"`, clip(it.text))
		}
	default:
		p.complain(it.begin, "%q is not understood, expected a chain, a set, a map or another object; it is kept as text", clip(it.text))
	}
	text := p.expand(p.block(it), it.begin)
	p.calls(t, text, it.begin)
	t.Extra = append(t.Extra, text)
}

func (p *nftParser) chain(t *model.Table, head item) {
	name := strings.TrimSpace(strings.TrimPrefix(head.text, "chain"))
	if name == "" {
		p.complain(head.begin, `a chain without name, expected "chain NAME {"`)
	}
	c := p.nftEdit.chain(t, name)
	c.Handle = head.handle
	for {
		it := p.next(levelChain)
		switch it.kind {
		case itemEnd:
			p.complain(len(p.s), `the text ends inside chain %s, expected "}"`, name)
			return
		case itemClose:
			return
		case itemStatement:
			p.line(t, c, it)
		}
	}
}

func (p *nftParser) line(t *model.Table, c *model.Chain, it item) {
	it.text = p.expand(it.text, it.begin)
	word, rest, _ := strings.Cut(it.text, " ")
	switch {
	case word == "define", word == "redefine", word == "undefine", word == "include":
		p.command(it)
	case word == "type" && strings.Contains(rest, " hook "):
		p.hook(t, c, it)
	case word == "policy" && c.Base() && !strings.Contains(rest, " "):
		c.Policy = rest
	case (word == "comment" || word == "flags") && len(c.Rules) == 0:
		c.Extra = append(c.Extra, it.text)
	default:
		r := nftRule(it.text)
		r.Handle = it.handle
		p.calls(t, r.Text, it.begin)
		if it.tail != "" && r.Marked == "" {
			r.Marked = "nft says: " + it.tail
		}
		if it.broken {
			r.Marked = "the braces of the rule do not match"
			p.complain(it.begin, `%s in %q, expected "}" before the end of the rule`, r.Marked, clip(it.text))
		}
		c.Rules = append(c.Rules, r)
	}
}

// hook reads "type T hook H [device D] priority P"; what follows a semicolon comes as
// a statement of its own.
func (p *nftParser) hook(t *model.Table, c *model.Chain, it item) {
	words := strings.Fields(strings.NewReplacer("=", " ", ",", " ", "{", " ", "}", " ", `"`, " ").Replace(it.text))
	c.Policy = "accept"
	known := 0
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "type":
			c.Type, i = words[i+1], i+1
		case "hook":
			h, ok := model.ParseHook(words[i+1])
			if !ok {
				p.complain(it.begin, "hook %q is not known, expected prerouting, input, forward, output, postrouting, ingress or egress", words[i+1])
			}
			c.Hook, known, i = h, known+1, i+1
		case "device", "devices":
			end := slices.Index(words, "priority")
			if end < i {
				end = len(words)
			}
			c.Device = strings.Join(words[i+1:end], ",")
			i = end - 1
		case "priority":
			at, ok := nftPriority(t.Family, words[i+1:])
			if !ok {
				p.complain(it.begin, "priority %q is not known, expected a number or a name such as filter, filter + 5", strings.Join(words[i+1:], " "))
			}
			c.Priority, known, i = at, known+1, len(words)
		}
	}
	if known < 2 {
		p.complain(it.begin, "%q, expected \"type TYPE hook HOOK priority PRIORITY\"", clip(it.text))
	}
}

// nftPriority reads a number, or a name with or without an offset (nft(8), standard
// priority names; a bridge has its own numbers).
func nftPriority(f model.Family, words []string) (model.Priority, bool) {
	s := strings.Join(words, "")
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return model.Priority(n), true
	}
	name, offset := s, int64(0)
	if i := strings.IndexAny(s, "+-"); i > 0 {
		n, err := strconv.ParseInt(s[i:], 10, 32)
		if err != nil {
			return 0, false
		}
		name, offset = s[:i], n
	}
	base, ok := priorities(f)[name]
	return base + model.Priority(offset), ok
}

// priorities are the names that nft has for priorities of a family (nft(8), standard
// priority names; include/uapi/linux/netfilter_bridge.h for a bridge).
func priorities(f model.Family) map[string]model.Priority {
	if f == model.FamilyBridge {
		return map[string]model.Priority{"dstnat": -300, "filter": -200, "out": 100, "srcnat": 300}
	}
	return map[string]model.Priority{"raw": model.PriorityRaw, "mangle": model.PriorityMangle,
		"dstnat": model.PriorityDstNAT, "filter": model.PriorityFilter, "security": model.PrioritySecurity,
		"srcnat": model.PrioritySrcNAT}
}

// PriorityName is what nft calls the priority of a base chain: filter, dstnat - 5; "" where
// it has no name near that number, or not at that hook.
func PriorityName(f model.Family, h model.Hook, p model.Priority) string {
	const near = 10 // as nft prints it (nftables, src/rule.c, std_prio_lookup)
	best, name := model.Priority(near+1), ""
	for n, at := range priorities(f) {
		switch {
		case (n == "dstnat" && h != model.HookPrerouting) || (n == "srcnat" && h != model.HookPostrouting) || (n == "out" && h != model.HookOutput),
			(f == model.FamilyARP || f == model.FamilyNetdev) && n != "filter":
			continue
		}
		if d := max(p-at, at-p); d < best {
			best, name = d, n
			if p > at {
				name += fmt.Sprintf(" + %d", d)
			} else if p < at {
				name += fmt.Sprintf(" - %d", d)
			}
		}
	}
	return name
}

// PriorityText is the priority of a base chain in figures, with nft's name for it in nft's
// own tables: -100 (dstnat).
func PriorityText(t *model.Table, c *model.Chain) string {
	s := c.Priority.String()
	if name := PriorityName(t.Family, c.Hook, c.Priority); name != "" && t.Backend == model.BackendNFTables {
		s += " (" + name + ")"
	}
	return s
}

// block is an object's text as printed, without the indentation of its first line.
func (p *nftParser) block(it item) string {
	raw := p.s[it.begin:it.end]
	indent := p.s[strings.LastIndexByte(p.s[:it.begin], '\n')+1 : it.begin]
	if strings.Trim(indent, " \t") != "" {
		return raw
	}
	lines := strings.Split(strings.ReplaceAll(raw, "\r", ""), "\n")
	for i, l := range lines[1:] {
		lines[i+1] = strings.TrimPrefix(l, indent)
	}
	if it.handle != 0 && len(lines) == 1 {
		return fmt.Sprintf("%s # handle %d", raw, it.handle)
	}
	return strings.Join(lines, "\n")
}
