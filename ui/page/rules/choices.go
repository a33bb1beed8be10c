package rules

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/ruleset"
	"nfscope/ui/component/line"
	"nfscope/ui/component/table"
)

// choices goes where a rule with a verdict map calls: to the one chain, or lets choose
// among the elements. It is false where the rule calls nothing that was read.
func (p *Page) choices(r row) (tea.Cmd, bool) {
	list := ruleset.Choices(r.table, r.rule)
	if len(list) == 0 {
		return nil, false
	}
	k := keyOf(r.table, r.chain)
	unread := ruleset.UnreadMaps(p.index.rs, r.table, r.rule)
	if len(list) == 1 && len(unread) == 0 {
		k.Chain = list[0].Chain
		return p.goChain(k), true
	}
	rows, name := make([]choice, 0, len(list)), 8
	for _, c := range list {
		verb := "jump"
		if c.Goto {
			verb = "goto"
		}
		name = max(name, min(48, line.Width(c.Key)))
		to := k
		to.Chain = c.Chain
		rows = append(rows, choice{why: "there is no chain " + c.Chain + " in this table",
			cells: func() []string { return []string{c.Key, verb, c.Chain} },
			to: func() (chainKey, ref, bool) {
				_, ok := p.index.chain(to)
				return to, ref{n: headOf}, ok
			}})
	}
	title := fmt.Sprintf("rule %s calls by %s; enter goes there", number(r.rule), count(len(rows), "element", "elements"))
	if len(unread) > 0 {
		title = fmt.Sprintf("rule %s calls by %s, and by others of %s that were not read", number(r.rule), count(len(rows), "element", "elements"), strings.Join(unread, ", "))
	}
	p.menu = newMenu(p.say.Of(title), "", []table.Column{{Min: name}, {Min: 4}, {Min: 16, Flex: 1}}, rows)
	return nil, true
}
