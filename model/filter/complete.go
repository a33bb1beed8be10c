package filter

import (
	"cmp"
	"slices"
	"strings"
)

// Completions lists the words that may stand at the cursor (in runes from 0) and
// begin with what is typed there, sorted: what joins conditions first, parentheses last. It
// is empty where only the user knows what comes next (a number, a name) and behind a mistake.
func Completions(text string, cursor int) []string {
	r := []rune(text)
	r = r[:max(0, min(cursor, len(r)))]
	start := len(r)
	for start > 0 && !strings.ContainsRune(" \t()!&|\"", r[start-1]) {
		start--
	}
	typed := strings.ToLower(string(r[start:]))
	tokens, err := lex(string(r[:start]))
	if err != nil {
		return nil
	}
	p := parser{tokens: tokens}
	_, _ = p.filter() // it ends too early: what it wanted there is what we ask for
	var out []string
	for _, w := range p.ends {
		if strings.HasPrefix(w, typed) {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	return slices.Compact(out)
}

// rank is how soon a word is offered.
func rank(word string) int {
	switch word {
	case "and", "or":
		return 0
	case "(", ")":
		return 2
	}
	return 1
}
