package ruleset

import (
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
				p.add(0, 0, "table %s has no built-in chain %s; it is taken as a user chain", t.Name, c.Name)
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
	p.add(0, 0, "table %s: %s", t.Name, r.Marked)
}
