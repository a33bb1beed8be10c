package speech

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestBeginning: what a phrase must begin with is never more than its pattern asks for.
func TestBeginning(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		`the rule`: "the rule", `packets? seen`: "packet", `a (b|c)`: "a ", `ab|cd`: "", `a(b)|c`: "", `(.+); x`: "", `x \(y\)`: "x ", `ab*`: "a", `1\.8`: "1", `a\|b`: "a", `?`: "",
	} {
		if got := beginning(pattern); got != want {
			t.Errorf("%s begins with %q, want %q", pattern, got, want)
		}
	}
	all := slices.Concat(phrases(), nouns(), conditions(), outcomes(), comparisons(), clauses(), blanks(meanings()), advice(), connections(), problems(), simulations(), verdicts(), certainties(), findings(), suspicions(), actions(), waits(), sources(), listings(), healths(), lifts())
	some := 0
	for _, p := range all {
		begins, _ := regexp.MustCompile(p[0]).LiteralPrefix()
		got := beginning(p[0])
		if !strings.HasPrefix(begins, got) {
			t.Errorf("%s begins with %q, by package regexp %q", p[0], got, begins)
		}
		if got != "" {
			some++
		}
	}
	if some < len(all)/2 {
		t.Errorf("%d of %d patterns have a beginning", some, len(all))
	}
}

// TestTranslator: the first pattern that fits a whole phrase counts, also beyond a line's end; parts
// between two @ are put into Chinese themselves, what was filled in is not; whole phrases that are known
// come first, and what none fits is asked of the other.
func TestTranslator(t *testing.T) {
	t.Parallel()
	put := asking(map[string]string{"a whole": "全", "a kept": ""}, [][2]string{{`a (.+)`, `甲@$1@`}, {`b(.*)`, `乙$1`}, {`(.+) c`, `@$1@丙`}, {`a b`, `never`}}, func(s string) string { return "<" + s + ">" })
	for text, want := range map[string]string{"a b": "甲乙", "a b@x@": "甲乙@x@", "b $1\ny": "乙 $1\ny", "a x c": "甲<x>丙", "a whole": "全", "a kept": "a kept", "a a whole": "甲全", "a wholes": "甲<wholes>", "x": "<x>", "ab": "<ab>", "": "<>"} {
		if got := put(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
