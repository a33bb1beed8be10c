package ruleset

import (
	"strings"

	"nfscope/model"
)

// callKey is a chain that a rule or an element of a table calls.
type callKey struct {
	table *model.Table
	chain string
}

// calls notes where a text first calls chains: what it calls is known at its end.
func (e *nftEdit) calls(t *model.Table, text string, at int) {
	if !strings.Contains(text, "jump ") && !strings.Contains(text, "goto ") {
		return
	}
	for _, c := range calledIn(text) {
		k := callKey{t, c.chain}
		if _, known := e.called[k]; !known {
			if e.called == nil {
				e.called = map[callKey]int{}
			}
			e.called[k] = at
		}
	}
}

// stray marks the rules that call what is no chain of their table, and tells of each such
// name once; nft loads no such ruleset, but it may list one chain of many. at is -1 where the place is not known.
func (e *nftEdit) stray(tell func(at int, format string, args ...any)) {
	for _, t := range e.tables {
		told := map[string]bool{}
		missing := func(text string) (name string) {
			if !strings.Contains(text, "jump ") && !strings.Contains(text, "goto ") {
				return ""
			}
			for _, c := range calledIn(text) {
				if e.chains[t][c.chain] != nil {
					continue
				}
				if name = c.chain; !told[name] {
					told[name] = true
					at, known := e.called[callKey{t, name}]
					if !known {
						at = -1
					}
					tell(at, "table %s %s has no chain %s in the text, which is called here", t.Family, t.Name, clip(name))
				}
			}
			return name
		}
		for _, c := range t.Chains {
			for i := range c.Rules {
				r := &c.Rules[i]
				if name := missing(r.Text); name != "" && r.Marked == "" {
					r.Marked = "the table has no chain " + clip(name) + " in the text"
				}
			}
		}
		for _, x := range t.Extra {
			if strings.HasPrefix(x, "map ") {
				missing(x)
			}
		}
	}
}
