package ruleset

import (
	"strings"

	"nfscope/model"
)

// finish gives the open table what only its whole text can tell.
func (p *saveParser) finish() {
	t := p.table
	if p.loose && t.Name == "" {
		t.Name = guessTable(t)
		p.add(0, 0, "the text names no table, taken as table %s; a line \"*%[1]s\" before would make it sure", t.Name)
	}
	t.Backend, t.Family = p.backend, p.family
	if t.Backend == model.BackendUnknown {
		t.Backend = model.BackendLegacy
	}
	if t.Family == model.FamilyUnspec {
		if t.Family = model.FamilyIPv4; p.arp {
			t.Family = model.FamilyARP
			p.foreign("arptables", model.FamilyARP)
		} else if p.v6 {
			t.Family = model.FamilyIPv6
		}
	}
	key := tableKey{t.Backend, t.Family, t.Name}
	if p.seen[key] {
		p.add(p.line, 1, "table %s of family %s is there twice; iptables-restore without --noflush keeps the last", t.Name, t.Family)
	}
	p.seen[key] = true
	for _, c := range t.Chains {
		if builtinName(c.Name) {
			var ok bool
			if c.Hook, c.Priority, ok = model.BuiltinChain(t.Name, c.Name); !ok {
				line, col := p.spoken(":" + c.Name)
				p.remark(line, col, "table %s has no built-in chain %s; it is taken as a user chain", t.Name, c.Name)
			}
		}
		for i := range c.Rules {
			r := &c.Rules[i]
			r.Index = i + 1
			p.resolve(t, r)
		}
	}
	p.doc.tables = append(p.doc.tables, t)
	p.table, p.chains, p.last, p.tail = nil, nil, nil, nil
}

// resolve tells a jump from a target, now that all chains are known.
func (p *saveParser) resolve(t *model.Table, r *model.Rule) {
	switch r.Target {
	case "", "ACCEPT", "DROP", "RETURN": // what no chain can be called
		return
	}
	if _, ok := p.chains[r.Target]; ok {
		r.Jump = r.Target
		return
	}
	if r.Marked != "" || !r.Goto && model.KnownTarget(r.Target) {
		return
	}
	r.Marked = "target " + r.Target + " is neither a chain of the table nor known"
	if p.missing[r.Target] {
		return
	}
	if p.missing == nil {
		p.missing = map[string]bool{}
	}
	p.missing[r.Target] = true
	line, col := p.spoken(r.Target)
	p.remark(line, col, "table %s: %s", t.Name, r.Marked)
}

// spoken gives the line and column where the open table first calls a target, or with a
// colon before it first speaks of a chain; 0 where the text is not there any more. It is
// asked for what is wrong only, and goes over the table's text once.
func (p *saveParser) spoken(name string) (line, col int) {
	if p.places == nil {
		p.places = map[string]textPlace{}
		n := 0
		for l := range strings.Lines(p.doc.text) {
			if n++; n >= p.begun && n <= p.line {
				p.placesIn(n, strings.TrimRight(l, "\r\n"))
			}
		}
	}
	at := p.places[name]
	return at.line, at.col
}

// textPlace is where something stands in a text.
type textPlace struct{ line, col int }

// placesIn notes what a line calls and speaks of.
func (p *saveParser) placesIn(n int, line string) {
	note := func(name string, col int) {
		if _, known := p.places[name]; !known {
			p.places[name] = textPlace{n, col + 1}
		}
	}
	f := scanner{s: line}
	for before := ""; ; {
		w := f.word()
		switch {
		case w == "" && !f.quoted:
			return
		case f.quoted:
		case before == "-j" || before == "--jump" || before == "-g" || before == "--goto":
			note(w, f.begin)
		case before == "-A" || before == "--append" || before == "-I" || before == "--insert":
			note(":"+w, f.begin)
		case before == "" && len(w) > 1 && w[0] == ':':
			note(w, f.begin)
		case len(w) > 2 && (strings.HasPrefix(w, "-j") || strings.HasPrefix(w, "-g")):
			note(w[2:], f.begin+2)
		}
		if before = w; f.quoted {
			before = `"`
		}
	}
}
