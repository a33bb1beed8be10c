package logline

import (
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/match"
	"nfscope/model/nft"
)

// Rule is a rule that logs.
type Rule struct {
	Source Source
	Group  uint16
	Prefix string
	Table  *model.Table
	Chain  *model.Chain
	Rule   *model.Rule
	// hooks are those from which the rule can be reached.
	hooks map[model.Hook]bool
}

// String names the rule: "rule 3 of filter/INPUT".
func (r *Rule) String() string {
	place := r.Table.Name + "/" + r.Chain.Name
	if r.Table.Backend == model.BackendNFTables {
		place = r.Table.Family.String() + " " + place
	}
	return "rule " + strconv.Itoa(r.Rule.Index) + " of " + place
}

// Rules finds the rules of a ruleset that log, in their order.
func Rules(rs *model.Ruleset) []*Rule {
	var out []*Rule
	if rs == nil {
		return nil
	}
	for _, t := range rs.Tables {
		var hooks map[string]map[model.Hook]bool
		for _, c := range t.Chains {
			for i := range c.Rules {
				for _, r := range logs(t, &c.Rules[i]) {
					if hooks == nil {
						hooks = reached(t)
					}
					r.Table, r.Chain, r.Rule, r.hooks = t, c, &c.Rules[i], hooks[c.Name]
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// logs tells what a rule logs; a rule of nft may do so more than once.
func logs(t *model.Table, rule *model.Rule) (out []*Rule) {
	if t.Backend != model.BackendNFTables {
		if rule.Target != "NFLOG" && rule.Target != "LOG" {
			return nil
		}
		target := match.Parse(rule.Text, t.Family).Target
		if rule.Target == "LOG" {
			return []*Rule{{Source: Log, Prefix: text(&target, "--log-prefix")}}
		}
		r := &Rule{Source: NFLOG, Prefix: text(&target, "--nflog-prefix")}
		if o := target.Option("--nflog-group"); o != nil {
			if n, ok := o.Value.(match.Number); ok {
				r.Group = uint16(n.N)
			}
		}
		return []*Rule{r}
	}
	if !says(rule.Text, "log") { // reading a rule takes longer, and few of many log
		return nil
	}
	for _, s := range nft.Parse(rule.Text, t.Family).Statements {
		l, ok := s.(*nft.Log)
		if !ok || l.Level == "audit" {
			continue
		}
		r := &Rule{Source: Log}
		if l.Prefix != nil {
			r.Prefix = *l.Prefix
		}
		if l.Group != nil {
			r.Source, r.Group = NFLOG, uint16(*l.Group)
		}
		out = append(out, r)
	}
	return out
}

// says reports whether a word stands in the text of a rule, outside of quotes.
func says(text, word string) bool {
	for text != "" {
		plain, rest, _ := strings.Cut(text, `"`)
		for at := 0; ; {
			i := strings.Index(plain[at:], word)
			if i < 0 {
				break
			}
			i += at
			at = i + len(word)
			if (i == 0 || plain[i-1] == ' ') && (at == len(plain) || plain[at] == ' ') {
				return true
			}
		}
		_, text, _ = strings.Cut(rest, `"`)
	}
	return false
}

func text(t *match.Target, option string) string {
	if o := t.Option(option); o != nil {
		if s, ok := o.Value.(match.Text); ok {
			return string(s)
		}
	}
	return ""
}

// reached tells for each chain of a table from which hooks it is called, by base chains
// or by chains that these lead to. A map of verdicts may lead anywhere.
func reached(t *model.Table) map[string]map[model.Hook]bool {
	out := make(map[string]map[model.Hook]bool, len(t.Chains))
	byName := make(map[string]*model.Chain, len(t.Chains))
	for _, c := range t.Chains {
		out[c.Name], byName[c.Name] = map[model.Hook]bool{}, c
	}
	var walk func(c *model.Chain, h model.Hook)
	walk = func(c *model.Chain, h model.Hook) {
		if c == nil || out[c.Name][h] {
			return
		}
		out[c.Name][h] = true
		for i := range c.Rules {
			r := &c.Rules[i]
			if r.Jump != "" {
				walk(byName[r.Jump], h)
			}
			if t.Backend == model.BackendNFTables && strings.Contains(r.Text, " vmap ") {
				for _, o := range t.Chains {
					if !o.Base() {
						walk(o, h)
					}
				}
			}
		}
	}
	for _, c := range t.Chains {
		if c.Base() {
			walk(c, c.Hook)
		}
	}
	return out
}

// Groups lists the NFLOG groups that rules send to, in rising order; log tells whether
// rules write to the kernel's log.
func Groups(rules []*Rule) (groups []uint16, log bool) {
	for _, r := range rules {
		switch {
		case r.Source == Log:
			log = true
		case !slices.Contains(groups, r.Group):
			groups = append(groups, r.Group)
		}
	}
	slices.Sort(groups)
	return groups, log
}

// Candidates are the rules that may have written a line: those with its group and prefix
// that a packet of its family meets where it was. Two rules may log alike: then nothing
// tells which it was.
func (l *Line) Candidates(rules []*Rule) []*Rule {
	var out []*Rule
	for _, r := range rules {
		if r.Source != l.Source || r.Prefix != l.Prefix || r.Source == NFLOG && r.Group != l.Group {
			continue
		}
		if l.Family != model.FamilyUnspec && !carries(r.Table.Family, l.Family) || !slices.ContainsFunc(l.hooks(), func(h model.Hook) bool { return r.hooks[h] }) {
			continue
		}
		out = append(out, r)
	}
	return out
}

// carries reports whether a table's chains see packets of a family; those of a bridge or a
// device see all.
func carries(table, packet model.Family) bool {
	return table.Carries(packet) || table == model.FamilyBridge || table == model.FamilyNetdev
}

// hooks are those at which the line can have been written. A line of the kernel's log tells
// it by its interfaces.
func (l *Line) hooks() []model.Hook {
	switch {
	case l.Hook != model.HookNone:
		return []model.Hook{l.Hook}
	case l.In != "" && l.Out != "":
		return []model.Hook{model.HookForward, model.HookPostrouting}
	case l.In != "":
		return []model.Hook{model.HookPrerouting, model.HookInput, model.HookIngress}
	}
	return []model.Hook{model.HookOutput, model.HookPostrouting, model.HookEgress}
}

// Words says which rule wrote a line: "probably rule 3 of filter/INPUT", "rule 1 of
// filter/INPUT or rule 2 of filter/FORWARD", "" where none is known.
func Words(rules []*Rule) string {
	const most = 4
	if len(rules) == 1 {
		return "probably " + rules[0].String()
	}
	var s []string
	for i, r := range rules {
		if i == most {
			s = append(s, strconv.Itoa(len(rules)-most)+" more")
			break
		}
		s = append(s, r.String())
	}
	return strings.Join(s, " or ")
}
