package ruleset

import (
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/match"
)

// edit applies a command that takes away or alters what the text made before, as
// iptables-restore does. What would change a ruleset that is not in the text is
// reported and kept as text.
func (p *saveParser) edit(f *scanner, verb, line string, col int) {
	name := f.word()
	at := col + f.begin
	why := ""
	switch verb {
	case "-F", "--flush", "-Z", "--zero", "-X", "--delete-chain":
		if name == "" {
			p.onAll(verb)
			return
		}
	default:
		if name == "" {
			p.unknown(line, col+len(f.s), verb+" lacks the chain")
			return
		}
	}
	c := p.chains[name]
	switch {
	case c == nil && !(builtinName(name) && (verb == "-F" || verb == "--flush" || verb == "-Z" || verb == "--zero")):
		why = "chain " + name + " is not in the text"
	case c == nil: // a built-in chain of which the text says nothing is empty
	case verb == "-F" || verb == "--flush":
		p.setRules(c, nil)
	case verb == "-Z" || verb == "--zero":
		why = p.zero(f, c)
	case verb == "-X" || verb == "--delete-chain":
		why = p.dropChain(c)
	case verb == "-E" || verb == "--rename-chain":
		why = p.rename(c, f.word())
	case verb == "-D" || verb == "--delete":
		i, w := p.which(f, c, true)
		if why = w; why == "" {
			p.setRules(c, append(slices.Clone(c.Rules[:i]), c.Rules[i+1:]...))
		}
	default: // -R
		i, w := p.which(f, c, false)
		if why = w; why == "" {
			p.setRules(c, slices.Clone(c.Rules))
			c.Rules[i] = p.readRule(f, verb, name, model.Counters{}, col)
		}
	}
	if why != "" {
		p.add(p.line, at, "%q is not done: %s; it is kept as text", clip(line), why)
		p.table.Extra = append(p.table.Extra, line)
	}
}

// setRules gives a chain other rules, which stand no longer with those of the text.
func (p *saveParser) setRules(c *model.Chain, rules []model.Rule) {
	if c.Rules = rules; p.tail == c {
		p.tail = nil
	}
}

// onAll is -F, -X or -Z without a chain.
func (p *saveParser) onAll(verb string) {
	for _, c := range slices.Clone(p.table.Chains) {
		switch verb {
		case "-F", "--flush":
			p.setRules(c, nil)
		case "-Z", "--zero":
			p.setRules(c, zeroed(c))
		default:
			if !builtinName(c.Name) {
				p.dropChain(c) // where rules stand in it or call it, iptables leaves it too
			}
		}
	}
}

func zeroed(c *model.Chain) []model.Rule {
	if c.Counters.Valid {
		c.Counters = model.Counters{Valid: true}
	}
	rules := slices.Clone(c.Rules)
	for i := range rules {
		if rules[i].Counters.Valid {
			rules[i].Counters = model.Counters{Valid: true}
		}
	}
	return rules
}

// zero is -Z CHAIN [number].
func (p *saveParser) zero(f *scanner, c *model.Chain) string {
	ahead := *f
	word := ahead.word()
	if word == "" {
		p.setRules(c, zeroed(c))
		return ""
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 || n > len(c.Rules) {
		return "expected the number of a rule, 1 to " + strconv.Itoa(len(c.Rules))
	}
	p.setRules(c, slices.Clone(c.Rules))
	if r := &c.Rules[n-1]; r.Counters.Valid {
		r.Counters = model.Counters{Valid: true}
	}
	return ""
}

// which finds the rule that a number names, or, of -D, a rule's own words.
func (p *saveParser) which(f *scanner, c *model.Chain, bySpec bool) (int, string) {
	ahead := *f
	if n, err := strconv.Atoi(ahead.word()); err == nil {
		*f = ahead
		if n < 1 || n > len(c.Rules) {
			return 0, "rule " + strconv.Itoa(n) + " of chain " + c.Name + ", which has " + strconv.Itoa(len(c.Rules)) + " in the text"
		}
		return n - 1, ""
	}
	if !bySpec {
		return 0, "-R lacks the number of the rule"
	}
	family := p.family
	if p.v6 {
		family = model.FamilyIPv6
	}
	want := match.Parse("-A "+c.Name+" "+trimBlank(f.s[f.i:]), family).String()
	for i := range c.Rules {
		if text := c.Rules[i].Text; text == want || match.Parse(text, family).String() == want {
			return i, ""
		}
	}
	return 0, "chain " + c.Name + " has no such rule in the text"
}

// dropChain is -X CHAIN, which the kernel refuses for chains with rules or callers.
func (p *saveParser) dropChain(c *model.Chain) string {
	if len(c.Rules) > 0 {
		return "chain " + c.Name + " has rules"
	}
	for _, o := range p.table.Chains {
		for i := range o.Rules {
			if o.Rules[i].Target == c.Name {
				return "a rule of chain " + o.Name + " calls chain " + c.Name
			}
		}
	}
	if builtinName(c.Name) {
		return "chain " + c.Name + " is built in"
	}
	p.table.Chains = slices.DeleteFunc(p.table.Chains, func(o *model.Chain) bool { return o == c })
	delete(p.chains, c.Name)
	if p.last == c {
		p.last = nil
	}
	p.at = 0
	return ""
}

// rename is -E OLD NEW. Rules that call the chain follow it.
func (p *saveParser) rename(c *model.Chain, name string) string {
	switch {
	case name == "":
		return "-E lacks the new name"
	case p.chains[name] != nil || builtinName(name):
		return "there is a chain " + name + " already"
	case builtinName(c.Name):
		return "chain " + c.Name + " is built in"
	}
	old := c.Name
	delete(p.chains, old)
	p.chains[name], c.Name = c, name
	for i := range c.Rules {
		c.Rules[i].Text = "-A " + name + strings.TrimPrefix(c.Rules[i].Text, "-A "+old)
	}
	for _, o := range p.table.Chains {
		for i := range o.Rules {
			r := &o.Rules[i]
			if r.Target != old {
				continue
			}
			r.Target = name
			for _, option := range []string{" -j ", " -g ", " --jump ", " --goto "} {
				if k := strings.LastIndex(r.Text, option+old); k >= 0 {
					k += len(option)
					r.Text = r.Text[:k] + name + r.Text[k+len(old):]
					break
				}
			}
		}
	}
	return ""
}
