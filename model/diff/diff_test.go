package diff

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
)

// rs makes a ruleset of one table; chains are "NAME rule rule rule", a base chain's
// name begins with a star; "7=text" is a rule with a handle.
func rs(chains ...string) *model.Ruleset {
	t := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter"}
	for _, s := range chains {
		f := strings.Fields(s)
		c := &model.Chain{Name: f[0]}
		for _, text := range f[1:] {
			if p, ok := strings.CutPrefix(text, "policy="); ok {
				c.Policy = p
				continue
			}
			r := model.Rule{Text: text}
			if h, rest, ok := strings.Cut(text, "="); ok {
				fmt.Sscan(h, &r.Handle)
				r.Text = rest
			}
			c.Rules = append(c.Rules, r)
		}
		t.Chains = append(t.Chains, c)
	}
	out := &model.Ruleset{Tables: []*model.Table{t}}
	out.Number()
	return out
}

func words(cs []Change) string {
	var out []string
	for _, c := range cs {
		s := fmt.Sprintf("%s %s", c.Kind, c.Chain)
		switch c.What {
		case Rule:
			s += fmt.Sprintf(" %d", c.Index)
		case Chain, Table:
			s += fmt.Sprintf(" all %d", c.Rules)
		}
		if c.Old != "" || c.New != "" {
			s += " " + c.Old + ">" + c.New
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func TestRulesets(t *testing.T) {
	for _, c := range []struct{ older, newer, want string }{
		{"A a b c", "A a b c", ""},
		{"A a b c", "A a x b c", "added A 2 >x"},
		{"A a b c", "A x a b c y", "added A 1 >x, added A 5 >y"},
		{"A a b c", "A a c", "removed A 2 b>"},
		{"A a b c", "A a x c", "changed A 2 b>x"},
		{"A a b c d", "A d a b c", "moved A 1 d>d"},
		{"A a a a", "A a a", "removed A 3 a>"},
		{"A a b", "A", "removed A 1 a>, removed A 2 b>"},
		{"A", "A a", "added A 1 >a"},
		{"A a b c d e", "A a x y c e", "removed A 2 b>, added A 2 >x, added A 3 >y, removed A 4 d>"},
		{"A 1=a 2=b 3=c", "A 1=a 2=z 3=c", "changed A 2 b>z"},
		{"A 1=a 2=b 3=c", "A 9=q 1=a 2=b 3=c", "added A 1 >q"},
		{"A 1=a 2=a", "A 2=a", "removed A 1 a>"},
		{"A policy=ACCEPT a", "A policy=DROP a", "changed A ACCEPT>DROP"},
		{"A a|B b b", "A a", "removed B all 2"},
		{"A a", "N n|A a", "added N all 1"},
		{"A a|B b", "B b|A a", ""}, // the order of chains is none
	} {
		got := words(Rulesets(rs(strings.Split(c.older, "|")...), rs(strings.Split(c.newer, "|")...)))
		if got != c.want {
			t.Errorf("%q to %q\n got  %s\n want %s", c.older, c.newer, got, c.want)
		}
	}
}

func TestTablesAndObjects(t *testing.T) {
	a, b := rs("A a"), rs("A a")
	b.Tables = append(b.Tables, &model.Table{Name: "nat", Chains: []*model.Chain{{Name: "X", Rules: make([]model.Rule, 3)}}})
	if got := words(Rulesets(a, b)); got != "added  all 3" {
		t.Error(got)
	}
	if got := words(Rulesets(b, a)); got != "removed  all 3" {
		t.Error(got)
	}
	a.Tables[0].Extra = []string{"set s {\n\telements = { 1 }\n}", "set gone {\n}"}
	b = rs("A a")
	b.Tables[0].Extra = []string{"set s {\n\telements = { 1, 2 }\n}", "set new {\n}"}
	if got := words(Rulesets(a, b)); got != "changed  set s>set s, added  >set new, removed  set gone>" {
		t.Error(got)
	}
	// Another handle, and what packets change, is no change.
	a.Tables[0].Extra = []string{"map m { # handle 5\n\ttype mark : verdict\n}", "counter c { # handle 1\n\tcomment \"x\"\n\tpackets 0 bytes 0\n}", "quota q { # handle 2\n\t25 mbytes\n}"}
	b.Tables[0].Extra = []string{"map m { # handle 9\n\ttype mark : verdict\n}", "counter c { # handle 1\n\tcomment \"x\"\n\tpackets 9 bytes 84\n}", "quota q { # handle 2\n\t25 mbytes used 7 bytes\n}"}
	if got := words(Rulesets(a, b)); got != "" {
		t.Error(got)
	}
	b.Tables[0].Extra[1] = "counter c { # handle 1\n\tcomment \"y\"\n\tpackets 9 bytes 84\n}"
	b.Tables[0].Extra[2] = "quota q { # handle 2\n\t26 mbytes used 7 bytes\n}"
	if got := words(Rulesets(a, b)); got != "changed  counter c>counter c, changed  quota q>quota q" {
		t.Error(got)
	}
	add, gone, other := Summary(Rulesets(rs("A a b c", "G g g"), rs("A a z c y", "N n n n")))
	if add != 4 || gone != 2 || other != 1 {
		t.Error(add, gone, other)
	}
}

// What the changes say must turn the older chain into the newer one.
func TestChangesAreTheWholeTruth(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 3000 {
		var a, b []string
		for range rnd.IntN(9) {
			a = append(a, string(rune('a'+rnd.IntN(6))))
		}
		b = slices.Clone(a)
		for range rnd.IntN(4) {
			switch k := rnd.IntN(3); {
			case k == 0 || len(b) == 0:
				b = slices.Insert(b, rnd.IntN(len(b)+1), string(rune('a'+rnd.IntN(8))))
			case k == 1:
				b = slices.Delete(b, 0, 1)
			default:
				i, j := rnd.IntN(len(b)), rnd.IntN(len(b))
				b[i], b[j] = b[j], b[i]
			}
		}
		changes := Rulesets(rs("A "+strings.Join(a, " ")), rs("A "+strings.Join(b, " ")))
		count := map[string]int{}
		for _, s := range a {
			count[s]++
		}
		for _, c := range changes {
			switch c.Kind {
			case Added:
				count[c.New]++
			case Removed:
				if a[c.Index-1] != c.Old {
					t.Fatalf("run %d: %v to %v: %s: rule %d was %s", n, a, b, words(changes), c.Index, a[c.Index-1])
				}
				count[c.Old]--
			case Changed:
				count[c.Old]--
				count[c.New]++
			}
			if c.Kind != Removed && (b[c.Index-1] != c.New || c.Rule.Text != c.New) {
				t.Fatalf("run %d: %v to %v: %s: rule %d is %s", n, a, b, words(changes), c.Index, b[c.Index-1])
			}
		}
		for _, s := range b {
			count[s]--
		}
		for s, k := range count {
			if k != 0 {
				t.Fatalf("run %d: %v to %v: %s: %s counts %d", n, a, b, words(changes), s, k)
			}
		}
		if slices.Equal(a, b) != (len(changes) == 0) {
			t.Fatalf("run %d: %v to %v: %s", n, a, b, words(changes))
		}
	}
}

func BenchmarkRulesets100k(b *testing.B) {
	make := func(off int) *model.Ruleset {
		t := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "nat"}
		for c := range 36000 {
			ch := &model.Chain{Name: fmt.Sprintf("KUBE-SVC-%016X", c)}
			for i := range 3 {
				ch.Rules = append(ch.Rules, model.Rule{Text: fmt.Sprintf("-A KUBE-SVC-%016X -m comment --comment x -j %d", c, i+c%997*off)})
			}
			t.Chains = append(t.Chains, ch)
		}
		out := &model.Ruleset{Tables: []*model.Table{t}}
		out.Number()
		return out
	}
	x, y := make(0), make(1)
	b.Run("same", func(b *testing.B) {
		for b.Loop() {
			Rulesets(x, x)
		}
	})
	b.Run("all-other", func(b *testing.B) {
		for b.Loop() {
			Rulesets(x, y)
		}
	})
}
