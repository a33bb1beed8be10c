package ruleset

import (
	"io"
	"iter"
	"slices"
	"strings"

	"nfscope/model"
)

// Options say what the text itself may not.
type Options struct {
	// Backend and Family of the tables; where they are zero the text's own header and
	// addresses decide, and else iptables-legacy and ip.
	Backend model.Backend
	Family  model.Family
	// Table is the table of text that names none (iptables -S); "" lets the built-in
	// chains decide.
	Table string
	// Keep sees the rules as they are read; nil where nobody does.
	Keep Keeper
}

// Keeper sees the rules of a text while it is read.
type Keeper interface {
	// Expect tells about how many chains and rules a table has, so that there is room for
	// them.
	Expect(table string) (chains, rules int)
	// Rule puts equal strings in the place of a rule's, which are parts of the text: what
	// it leaves holds the text, and of text that comes in pieces must not be left at all.
	// What Jump will be is not known yet.
	Rule(table, chain string, r *model.Rule)
}

// Document is a text in iptables-save form together with what was understood of it.
type Document struct {
	text   string
	tables []*model.Table
}

// Tables gives the tables in the order of the text. A table that the text holds
// twice is there twice.
func (d *Document) Tables() []*model.Table { return d.tables }

// WriteTo gives the text back byte for byte, with what was not understood.
func (d *Document) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, d.text)
	return int64(n), err
}

// ParseSave reads the output of iptables-save or iptables -S, or a fragment for
// iptables-restore. It never stops at a problem: the rest is read, and what was not
// understood stays in the Document (and in Table.Extra, where a table was open).
// The result's strings are parts of one copy of text.
func ParseSave(name string, text []byte, o Options) (*Document, []Problem) {
	return ParseSaveText(name, string(text), o)
}

// ParseSaveText is ParseSave without the copy: the result's strings are parts of text.
func ParseSaveText(name, text string, o Options) (*Document, []Problem) {
	d := &Document{text: text}
	p := newSaveParser(name, d, o)
	if msg := refuse(d.text); msg != "" {
		return d, []Problem{{Name: name, Msg: msg, Fatal: true}}
	}
	rest, ok := strings.CutPrefix(d.text, "\ufeff")
	if ok {
		p.shift = len(d.text) - len(rest)
	}
	p.lines(rest)
	return d, p.end()
}

// ParseSavePieces is ParseSaveText of a text that comes in pieces, each of which ends with
// a line, so that it need not be there at once. With Options.Keep nothing of a piece is
// used any more once the next is asked for; without, the tables' strings are parts of them.
func ParseSavePieces(name string, pieces iter.Seq[string], o Options) ([]*model.Table, []Problem) {
	d := &Document{}
	p := newSaveParser(name, d, o)
	for piece := range pieces {
		if msg := refuse(piece); msg != "" {
			return nil, []Problem{{Name: name, Msg: msg, Fatal: true}}
		}
		p.lines(piece)
	}
	return d.tables, p.end()
}

func newSaveParser(name string, d *Document, o Options) *saveParser {
	return &saveParser{doc: d, opts: o, problems: problems{name: name}, family: o.Family, backend: o.Backend, seen: map[tableKey]bool{}}
}

// lines reads what comes next of the text.
func (p *saveParser) lines(rest string) {
	for rest != "" {
		line := rest
		p.rest = rest
		p.cut = true
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			line, rest, p.cut = rest[:i], rest[i+1:], false
		} else {
			rest = ""
		}
		p.line++
		if p.opts.Keep != nil && !appends(line) {
			line = strings.Clone(line) // parts of it stay
		}
		p.read(strings.TrimSuffix(line, "\r"))
		p.shift = 0
	}
}

// appends tells whether a line is a rule as iptables-save prints it.
func appends(line string) bool {
	if strings.HasPrefix(line, "[") {
		_, line, _ = strings.Cut(line, "] ")
	}
	return strings.HasPrefix(line, "-A ")
}

// end reads the end of the text.
func (p *saveParser) end() []Problem {
	if p.table != nil {
		if !p.loose && !p.uncommitted() {
			p.add(p.line, 1, "the text ends inside table %s, expected COMMIT", p.table.Name)
			p.suspect()
		}
		p.finish()
	}
	if len(p.doc.tables) == 0 && len(p.list) == 0 {
		p.add(0, 0, `no table, expected a line such as "*filter"`)
	}
	return p.done()
}

// tableKey names a table within a ruleset.
type tableKey struct {
	backend model.Backend
	family  model.Family
	name    string
}

// saveParser holds the state between two lines.
type saveParser struct {
	problems
	doc     *Document
	opts    Options
	family  model.Family  // as the last header said
	backend model.Backend // as the last header said
	rest    string        // the text from the current line on
	line    int
	shift   int  // bytes of the line's start that were cut off
	cut     bool // the line has no end: the last one
	rule    int  // the line of the last appended rule

	seen  map[tableKey]bool
	table *model.Table
	loose bool // no "*table" line: the text is iptables -S or part of one
	v6    bool // something in the table can only be IPv6
	arp   bool // something in the table can only be ARP
	// chains are the table's chains by name, declared those that a line declared.
	chains  map[string]*model.Chain
	missing map[string]bool // targets already complained about
	// begun is the line where the table begins, places where it calls and speaks of what
	// it does, nil before somebody asks (see spoken).
	begun  int
	places map[string]textPlace
	block  []model.Chain // chains are made in blocks
	last   *model.Chain  // the chain of the last rule
	at     int           // its place, or an earlier one
	// fresh is the rule that was read last, in one place for all of them.
	fresh model.Rule
	// arena holds the rules in the order of the text; a chain's rules are a part of it
	// as long as they stand together. tail is the chain that ends where it ends.
	arena []model.Rule
	tail  *model.Chain
	// endless is true once no COMMIT follows.
	endless bool
}

func (p *saveParser) read(raw string) {
	line := trimBlank(raw)
	col := p.shift + len(raw) - len(line) + 1
	if line == "" {
		return
	}
	switch line[0] {
	case '#':
		p.header(line)
	case '*':
		p.begin(strings.TrimSpace(line[1:]), col)
	case ':':
		p.declare(line, col)
	case '[', '-':
		p.command(line, col)
	default:
		if strings.TrimRight(line, " \t") == "COMMIT" {
			if p.table == nil {
				p.add(p.line, col, "COMMIT without a table, expected a line such as \"*filter\" before")
				return
			}
			p.finish()
			return
		}
		if c, args := shellCommand(line); c != "" && args == "" && strings.HasSuffix(c, "-save") {
			return // the command that printed the text stands in it
		}
		p.unknown(line, col, "expected a comment, *table, :CHAIN, a rule or COMMIT")
	}
}

// suspect marks the last rule where the text may have been cut inside it.
func (p *saveParser) suspect() {
	if p.cut && p.rule == p.line && p.last != nil {
		if r := &p.last.Rules[len(p.last.Rules)-1]; r.Marked == "" {
			r.Marked = "the text ends here, perhaps in the middle of the rule"
		}
	}
}

// header learns family and backend from what iptables-save writes above a table.
func (p *saveParser) header(line string) {
	if !strings.HasPrefix(line, "# Generated by ") || !strings.Contains(line, "tables-") {
		return // another program's comment
	}
	switch program := line[len("# Generated by "):]; {
	case strings.HasPrefix(program, "ebtables"):
		p.foreign("ebtables", model.FamilyBridge)
		return
	case strings.HasPrefix(program, "arptables"):
		p.foreign("arptables", model.FamilyARP)
		return
	case !strings.HasPrefix(program, "ip"):
		return
	}
	if p.opts.Family == model.FamilyUnspec {
		p.family = model.FamilyIPv4
		if strings.Contains(line, "ip6tables") {
			p.family = model.FamilyIPv6
		}
	}
	if p.opts.Backend == model.BackendUnknown {
		p.backend = model.BackendLegacy
		if strings.Contains(line, "nf_tables") || strings.Contains(line, "tables-nft-save") {
			p.backend = model.BackendIptablesNFT
		}
	}
}

// foreign is text of a program whose rules have another grammar than iptables'.
func (p *saveParser) foreign(program string, f model.Family) {
	p.family, p.backend = f, model.BackendIptablesNFT
	p.add(0, 0, "text of %s-save: its rules are shown as they stand, but only those of iptables are understood", program)
}

// uncommitted tells text whose programs print no COMMIT.
func (p *saveParser) uncommitted() bool {
	return p.arp || p.family == model.FamilyBridge || p.family == model.FamilyARP
}

func (p *saveParser) unknown(line string, col int, expected string) {
	p.add(p.line, col, "%q is not understood, %s; it is kept as text", clip(line), expected)
	if p.table != nil {
		if p.opts.Keep != nil {
			line = strings.Clone(line)
		}
		p.table.Extra = append(p.table.Extra, line)
	}
}

func (p *saveParser) begin(name string, col int) {
	if p.table != nil {
		if !p.loose && !p.uncommitted() {
			p.add(p.line, col, "table %s begins inside table %s, expected COMMIT before", name, p.table.Name)
		}
		p.finish()
	}
	if name == "" {
		p.add(p.line, col, "a table without name, expected one such as *filter")
	}
	if name == "broute" && p.family != model.FamilyBridge { // no other program has it
		p.foreign("ebtables", model.FamilyBridge)
	}
	p.open(name)
}

func (p *saveParser) open(name string) {
	room := 0
	if p.opts.Keep != nil {
		room, _ = p.opts.Keep.Expect(name)
	}
	p.table, p.begun, p.places = &model.Table{Name: name, Chains: make([]*model.Chain, 0, room)}, p.line, nil
	p.chains, p.missing = make(map[string]*model.Chain, room), nil
	p.v6, p.arp, p.last, p.at, p.tail, p.loose, p.arena = false, false, nil, 0, nil, false, nil
}

// need opens a table for text that names none.
func (p *saveParser) need(col int) {
	if p.table != nil {
		return
	}
	p.open(p.opts.Table)
	p.loose = true
	if p.opts.Table == "" && len(p.doc.tables) > 0 {
		p.add(p.line, col, "a line outside of any table, expected a line such as \"*filter\" before")
	}
}

func (p *saveParser) chain(name string) *model.Chain {
	if p.last != nil && p.last.Name == name {
		return p.last
	}
	// iptables-save prints the rules in the order of the chains; some are empty.
	all := p.table.Chains
	for i := p.at; i < min(p.at+4, len(all)); i++ {
		if all[i].Name == name {
			p.at = i
			return all[i]
		}
	}
	return p.chains[name]
}

func (p *saveParser) newChain(name string) *model.Chain {
	if len(p.block) == cap(p.block) {
		p.block = make([]model.Chain, 0, min(16+2*cap(p.block), 512))
	}
	p.block = append(p.block, model.Chain{Name: name})
	c := &p.block[len(p.block)-1]
	p.chains[name] = c
	p.table.Chains = append(p.table.Chains, c)
	return c
}

// declare reads :CHAIN POLICY [packets:bytes].
func (p *saveParser) declare(line string, col int) {
	p.need(col)
	f := scanner{s: line, i: 1}
	name, policy, counts := f.word(), f.word(), f.word()
	if name == "" {
		p.unknown(line, col, "expected :CHAIN POLICY [packets:bytes]")
		return
	}
	if policy == "" {
		p.add(p.line, col+len(line), "chain %s has no policy, expected ACCEPT, DROP or -", name)
	}
	c := p.declareChain(name, policy, col)
	// iptables-save prints [0:0] for user chains too, but they have no counter.
	if counts == "" || policy == "-" {
		return
	}
	var ok bool
	if c.Counters, ok = parseCounters(counts); !ok {
		p.add(p.line, col+strings.LastIndex(line, counts), "%q is no counter, expected [packets:bytes]", clip(counts))
	}
}

func (p *saveParser) declareChain(name, policy string, col int) *model.Chain {
	c := p.chains[name]
	if c == nil {
		c = p.newChain(name)
	} else if c.Policy != "" || !builtinName(name) {
		p.add(p.line, col, "chain %s is declared twice", name)
	}
	if policy != "-" {
		c.Policy = policy
	}
	return c
}

// room tells how many rules the table may have from here on: a line has one at most.
func (p *saveParser) room() int {
	if p.opts.Keep != nil {
		_, rules := p.opts.Keep.Expect(p.table.Name)
		return rules
	}
	rest := p.rest
	if !p.endless {
		if k := strings.Index(rest, "\nCOMMIT"); k >= 0 {
			rest = rest[:k]
		} else {
			p.endless = true // do not look again
		}
	}
	if k := strings.Index(rest, "\n*"); k >= 0 {
		rest = rest[:k]
	}
	return strings.Count(rest, "\n") + 1
}

// put appends a rule to a chain, or puts it at position at (from 1) where at > 0.
func (p *saveParser) put(c *model.Chain, r model.Rule, at int) {
	n := len(c.Rules)
	p.last = c
	switch {
	case p.arena == nil:
		p.arena = make([]model.Rule, 0, p.room())
	case len(p.arena) == cap(p.arena) && n == 0: // there are more than was expected
		p.arena, p.tail = make([]model.Rule, 0, 1+len(p.arena)/16), nil
	}
	switch {
	case at > 0:
		if p.tail == c {
			p.tail = nil
		}
		c.Rules = slices.Insert(c.Rules, at-1, r)
	case len(p.arena) < cap(p.arena) && (n == 0 || p.tail == c):
		p.arena = append(p.arena, r)
		end := len(p.arena)
		c.Rules = p.arena[end-n-1 : end : end]
		p.tail = c
	default: // the chain was left and comes again: its rules move out of the arena
		if p.tail == c {
			p.tail = nil
		}
		c.Rules = append(c.Rules, r)
	}
	if at == 0 {
		p.rule = p.line
	}
}

// trimBlank is strings.TrimLeft for blanks and tabs, which is slow in comparison.
func trimBlank(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

// clip cuts what is quoted in a message.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:57], "") + "..."
	}
	return s
}
