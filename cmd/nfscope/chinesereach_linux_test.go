package main

import (
	"go/ast"
	"go/constant"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nfscope/ui/speech"
)

// A phrasebook is a list of package speech's, as it is read there, and which of it was of use.
type phrasebook []*phrase

type phrase struct {
	fits *regexp.Regexp
	with string
	used bool
}

// phrases are the pairs of patterns and Chinese within these functions of package speech.
func (p *program) phrases(t *testing.T, functions ...string) (list phrasebook) {
	t.Helper()
	for _, name := range functions {
		before := len(list)
		for _, f := range p.files["nfscope/ui/speech"] {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == name && fn.Recv == nil {
					ast.Inspect(fn.Body, func(n ast.Node) bool {
						if pair, ok := n.(*ast.CompositeLit); ok && len(pair.Elts) == 2 {
							a, b := p.info.Types[pair.Elts[0]].Value, p.info.Types[pair.Elts[1]].Value
							if a != nil && b != nil {
								list = append(list, &phrase{fits: regexp.MustCompile("^(?:" + constant.StringVal(a) + ")$"), with: constant.StringVal(b)})
								return false
							}
						}
						return true
					})
				}
			}
		}
		if len(list) == before {
			t.Fatalf("no phrases in %s", name)
		}
	}
	return list
}

// say marks what is of use to a text: the first phrase that fits, and those that its parts need.
func (b phrasebook) say(text string) {
	for _, p := range b {
		m := p.fits.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		p.used = true
		for n, part := range strings.Split(p.with, "@") {
			if n%2 == 1 {
				for i := len(m) - 1; i > 0; i-- {
					part = strings.ReplaceAll(part, "$"+strconv.Itoa(i), m[i])
				}
				b.say(part)
			}
		}
		return
	}
}

// left are the words of an English sentence that a Chinese one never has.
var left = regexp.MustCompile(`\b(?:the|a|an|by|was|were|of|is|are|it|they|not|no|and|or|at|as|that|this|which|with|from|here|there|for)\b`)

// english gives what is English in a Chinese sentence: what stands in code may be.
func english(said string) string {
	return left.FindString(regexp.MustCompile("`[^`]*`").ReplaceAllString(said, "`"))
}

// TestReachesInChinese: every sentence of the code that can come to one of these places of the
// screen, by whatever way, is put into Chinese: one that is changed or added without it would
// be English. And each phrase of these lists is of use: it fits such a sentence, a part of one,
// or what an error says.
func TestReachesInChinese(t *testing.T) {
	t.Parallel()
	p := read(t)
	zh, written := speech.In("zh"), p.written()
	notice := zh.Notice()
	for _, c := range []struct {
		phrases  []string // those of say
		checked  int      // of how many of these lists each phrase must be of use here
		problems bool     // the screen says them too, as they come
		say      func(string) string
		places   []place
	}{
		{[]string{"incomplete", "reading", "problems"}, 3, true, zh.Problem, []place{
			{"nfscope/model/feed", "Item.Problem", 50},
			{"nfscope/model/snapshot", "Trace.Notes", 40},
			{"nfscope/trace/rcvbuf", "Grown.Note", 2},
			{"nfscope/ui/page/trace", "Lines.Missing", 3},
		}},
		{[]string{"actions", "waits", "incomplete", "reading", "problems", "sources", "listings"}, 1, false, notice, []place{
			{"nfscope/ui", "message.text", 20},
			{"nfscope/ui/page", "Say.Text", 30},
			{"nfscope/ui/page", "TypeRequest.Says", 4},
			{"nfscope/ui/page", "ArmRequest.Why", 2},
			{"nfscope/ui/page", "FilterRequest.Says", 1},
			{"nfscope/ui/page", "TypeRequest.Prompt", 3},
			{"nfscope/ui/page/rules", "way.name", 5},
			{"nfscope/ui/page/rules", "way.value", 4},
			{"nfscope/ui/page/rules", "fact.name", 1},
		}},
		{[]string{"typing"}, 0, false, zh.Overlay(), []place{
			{"nfscope/model/filter", "Error.Want", 12},
			{"nfscope/model/filter", "Error.Why", 2},
			{"nfscope/ui/keys", "Binding.Help", 60},
		}},
		{[]string{"healths", "connections"}, 1, false, zh.Connection(), []place{
			{"nfscope/model/health", "Warning.Words", 8},
			{"nfscope/model/health", "Warning.Do", 5},
		}},
	} {
		book := p.phrases(t, c.phrases...)
		for _, at := range c.places {
			n := 0
			for _, s := range p.texts(p.field(t, at.pkg, at.field)) {
				if !strings.Contains(s, " ") { // a name, or nothing that is known
					continue
				}
				n++
				book.say(s)
				if said := c.say(s); !han.MatchString(said) || english(said) != "" {
					t.Errorf("%s: %q is %q: %q", at.field, s, said, english(said))
				}
				if said := notice(s); c.problems && said != c.say(s) {
					t.Errorf("%s: %q is %q when it comes, and %q in the list", at.field, s, said, c.say(s))
				}
			}
			if n < at.least {
				t.Errorf("%s: %d sentences", at.field, n)
			}
		}
		for _, ph := range book[:len(p.phrases(t, c.phrases[:c.checked]...))] {
			if !ph.used && !slices.ContainsFunc(written, ph.fits.MatchString) {
				t.Errorf("%v: %s fits nothing any more", c.phrases, ph.fits)
			}
		}
	}
}

// place is a field of a type, and how many sentences come there at least.
type place struct {
	pkg, field string
	least      int
}
