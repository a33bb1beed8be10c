package speech

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTerms: one word for one thing: an interface is no network card, which may be broken, and a
// client is not a customer.
func TestTerms(t *testing.T) {
	t.Parallel()
	card, customer := regexp.MustCompile(`\bNIC\b|network card`), regexp.MustCompile(`客户(?:[^端]|$)`)
	all := slices.Concat(phrases(), nouns(), conditions(), outcomes(), comparisons(), clauses(), advice(), connections(), problems(), simulations(), verdicts(), certainties(), findings(), suspicions(),
		actions(), waits(), sources(), listings(), healths(), lifts())
	for en, zh := range meanings() {
		all = append(all, [2]string{en, zh})
	}
	for _, p := range all {
		if strings.Contains(p[1], "网卡") != card.MatchString(p[0]) {
			t.Errorf("%q is %q", p[0], p[1])
		}
		if customer.MatchString(p[1]) {
			t.Errorf("%q is %q", p[0], p[1])
		}
	}
}
