package nft_test

import (
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/nft"
	"nfscope/model/saytest"
)

// checkParts holds what must be true of the parts of every rule.
func checkParts(t *testing.T, text string, f model.Family) (does bool) {
	t.Helper()
	for _, p := range nft.Parse(text, f).Parts() {
		if p.Words == "" && p.Unknown == "" || strings.ContainsAny(p.Words, "\n") ||
			strings.Contains(p.Words, "&{") || strings.Contains(p.Words, "  ") && !strings.Contains(text, "  ") {
			t.Errorf("%s\n  %+v", text, p)
		}
		does = p.Does
	}
	return does
}

// Every form that the kernel takes, and random rules of all of them, say something of each
// part, and at the end what becomes of the packet.
func TestEveryPartSpeaks(t *testing.T) {
	for _, r := range allForms() {
		checkParts(t, r.text, family(r.where))
	}
	for seed := range uint64(5000) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 3))}
		r := g.rule()
		if !checkParts(t, r.text, family(r.where)) && !strings.Contains(r.text, "comment") {
			t.Errorf("%s: nothing is said of what becomes of the packet", r.text)
		}
	}
}

// What a part says is made for its type: none falls back on nft's own text. Queue, FlowAdd
// and Last, which this kernel does not take, are in TestParts.
func TestStatementsHaveWords(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range allForms() {
		rule := nft.Parse(r.text, family(r.where))
		parts := rule.Parts()
		for i, s := range rule.Statements {
			seen[reflect.TypeOf(s).String()] = true
			if parts[i].Words == s.String() {
				t.Errorf("%s: %T says %q", r.text, s, parts[i].Words)
			}
		}
	}
	for _, n := range strings.Fields("Match VerdictMap Assign Verdict Counter Limit Quota ConnLimit Object NAT TProxy Reject Log Dup Fwd Notrack Synproxy SetUpdate Meter StripOption Comment") {
		if !seen["*nft."+n] {
			t.Errorf("no form has a %s", n)
		}
	}
}

// Of every form that the kernel takes: all that its words say of themselves is asked for, so that it
// can be said in another language, and nothing of the rule's own is.
func TestEveryWordIsAskedFor(t *testing.T) {
	words := regexp.MustCompile(`[A-Za-z][A-Za-z]+`)
	check := func(text string, f model.Family) {
		rule := nft.Parse(text, f)
		own := strings.ToLower(text + rule.String())
		for _, p := range rule.PartsIn(saytest.Signs) {
			for _, w := range words.FindAllString(p.Words, -1) {
				if !strings.Contains(own, strings.ToLower(w)) {
					t.Errorf("%s\n  %q was not asked for: %s", text, w, p.Words)
				}
			}
		}
	}
	for _, r := range allForms() {
		check(r.text, family(r.where))
	}
	for seed := range uint64(3000) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 5))}
		r := g.rule()
		check(r.text, family(r.where))
	}
}
