package ruleset

import (
	"slices"
	"strings"

	"nfscope/model"
)

// mapCall is a chain that an element of a verdict map or a rule in braces calls.
type mapCall struct {
	chain string
	goes  bool
}

// verdictMaps are what the named maps of a table call, as far as their elements stand
// in its text.
type verdictMaps map[string][]mapCall

func newVerdictMaps(t *model.Table) verdictMaps {
	var maps verdictMaps
	for _, e := range t.Extra {
		name, ok := strings.CutPrefix(e, "map ")
		if !ok {
			continue
		}
		if called := calledIn(e); called != nil {
			if maps == nil {
				maps = verdictMaps{}
			}
			maps[firstWord(name)] = called
		}
	}
	return maps
}

// byMap reports whether a rule may call chains otherwise than by one jump.
func byMap(r *model.Rule) bool {
	return r.Jump == "" && (r.Target == "vmap" || r.Target == "jump" || r.Target == "goto")
}

// calls lists what a rule calls by elements of verdict maps, its own and those with a
// name, and by rules in braces: each chain once, or twice where it is both jumped and
// gone to.
func (m verdictMaps) calls(r *model.Rule) []mapCall {
	if !byMap(r) {
		return nil
	}
	called := calledIn(r.Text)
	for _, name := range namedMaps(r.Text) {
		called = append(called, m[name]...)
	}
	return once(called)
}

// once sorts calls and leaves out those that say the same.
func once(called []mapCall) []mapCall {
	slices.SortFunc(called, func(a, b mapCall) int {
		if n := strings.Compare(a.chain, b.chain); n != 0 || a.goes == b.goes {
			return n
		}
		if b.goes {
			return -1
		}
		return 1
	})
	return slices.Compact(called)
}

// calledIn lists the chains that the text of a verdict map or of rules in braces
// jumps or goes to.
func calledIn(text string) []mapCall {
	var called []mapCall
	t := nftTokens{s: text}
	for t.next() {
		w := t.word()
		if w != "jump" && w != "goto" {
			continue
		}
		if name := t.take(); name != "" && name != "{" {
			called = append(called, mapCall{name, w == "goto"})
		}
	}
	return once(called)
}

// namedMaps lists the @names behind vmap.
func namedMaps(text string) []string {
	var names []string
	t := nftTokens{s: text}
	for prev := ""; t.next(); prev = t.word() {
		if name, ok := strings.CutPrefix(t.word(), "@"); ok && prev == "vmap" {
			names = append(names, name)
		}
	}
	return names
}

// PutElements gives a verdict map of a table that stands there without them its elements,
// each as nft prints it: "22 : accept". The first line tells of it in Table.Maps.
func PutElements(t *model.Table, read model.VerdictMap, elements []string) bool {
	i := objectIndex(t, "map", read.Name)
	if i < 0 {
		return false
	}
	if len(elements) > 0 {
		t.Extra[i] = addElements(t.Extra[i], strings.Join(elements, ",\n\t\t     "))
	}
	t.Maps = append(t.Maps, read)
	return true
}

// VerdictMaps lists the named verdict maps in a table's text.
func VerdictMaps(t *model.Table) []string {
	var names []string
	for _, e := range t.Extra {
		rest, ok := strings.CutPrefix(e, "map ")
		if !ok {
			continue
		}
		for l := range strings.Lines(rest) {
			l = strings.TrimSpace(l)
			if (strings.HasPrefix(l, "type ") || strings.HasPrefix(l, "typeof ")) && strings.HasSuffix(l, ": verdict") {
				names = append(names, firstWord(rest))
			}
		}
	}
	return names
}

// VerdictMapText is the text of a named map of a table, "" where there is none; all is true where
// every element stands in it.
func VerdictMapText(rs *model.Ruleset, t *model.Table, name string) (text string, all bool) {
	i := objectIndex(t, "map", name)
	if i < 0 {
		return "", false
	}
	m, read := t.Map(name)
	return t.Extra[i], !rs.Terse || read && !m.More
}

// Choice is an element of a verdict map that calls a chain, for the rule that asks it.
type Choice struct {
	// Key is what the packet must have: "22", "10.0.0.1 . 80", "*" for all others.
	Key string
	// Map is the name of the map, "" where the elements stand in the rule.
	Map   string
	Chain string
	Goto  bool
}

// Choices lists the elements by which a rule calls chains, in the order of their text, as
// far as they were read.
func Choices(t *model.Table, r *model.Rule) []Choice {
	if !byMap(r) {
		return nil
	}
	var list []Choice
	add := func(name, elements string) {
		for _, e := range elementList(elements) {
			i := strings.LastIndex(e, " : ")
			if i < 0 {
				continue
			}
			for _, c := range calledIn(e[i+3:]) {
				list = append(list, Choice{firstPart(e[:i]), name, c.chain, c.goes})
			}
		}
	}
	w := nftTokens{s: r.Text}
	for prev := ""; w.next(); prev = w.word() {
		if prev != "vmap" {
			continue
		}
		if name, ok := strings.CutPrefix(w.word(), "@"); ok {
			if i := objectIndex(t, "map", name); i >= 0 {
				if begin, end, ok := elementsIn(t.Extra[i]); ok {
					add(name, t.Extra[i][begin:end])
				}
			}
		} else if begin, depth := w.end, w.depth; w.word() == "{" {
			for w.next() && (w.word() != "}" || w.depth >= depth) {
			}
			add("", r.Text[begin:w.begin])
		}
	}
	return list
}

// firstPart is an element's key without what hangs on it: a comment, a timeout, a counter.
func firstPart(s string) string {
	t := nftTokens{s: s}
	for t.next() {
		switch t.word() {
		case "comment", "timeout", "expires", "counter", "limit", "quota":
			return strings.TrimSpace(s[:t.begin])
		}
	}
	return strings.TrimSpace(s)
}

// UnreadMaps names the verdict maps that a rule asks and whose elements were not read, or
// not all of them.
func UnreadMaps(rs *model.Ruleset, t *model.Table, r *model.Rule) []string {
	if !rs.Terse || !byMap(r) {
		return nil
	}
	return slices.DeleteFunc(namedMaps(r.Text), func(name string) bool {
		m, read := t.Map(name)
		return read && !m.More
	})
}
