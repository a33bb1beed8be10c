package nft_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/nft"
	"nfscope/model/ruleset"
	"nfscope/trace/nettest"
)

// listJSON gives what nft -j prints, read.
func (h *host) listJSON(t *testing.T, what ...string) []*model.Table {
	t.Helper()
	text := nettest.Run(t, h.ns, "nft", append([]string{"-j", "-a", "list"}, what...)...)
	tables, found := ruleset.ParseNFTJSON("nft -j", []byte(text))
	for _, p := range found {
		if !strings.Contains(p.Msg, "the JSON does not tell") { // as TestSilentJSON wants it
			t.Error(p)
		}
	}
	return tables
}

// TestJSON holds what nft -j lists of every form against what nft lists as text.
func TestJSON(t *testing.T) {
	t.Parallel()
	sameForms(t, allForms())
}

// sameForms loads rules and compares what nft lists of them as text and as JSON.
func sameForms(t *testing.T, rules []rule) {
	t.Helper()
	h := newHost(t)
	h.loadAll(t, rules, func(r rule, err error) { t.Errorf("does not load: %s: %s\n  %v", r.where, r.text, err) })
	if n := sameTables(t, h.list(t), h.listJSON(t, "ruleset")); n < len(rules) {
		t.Errorf("%d rules compared, wanted %d", n, len(rules))
	}
}

// TestJSONRandom does so with rules by the thousand.
func TestJSONRandom(t *testing.T) {
	t.Parallel()
	for _, seed := range nettest.Seeds(t, 11) {
		sameForms(t, randomRules(seed, 3000))
	}
}

// sameTables compares tables from text with those from JSON, and counts the rules.
func sameTables(t *testing.T, text, json []*model.Table) int {
	t.Helper()
	if len(text) != len(json) {
		t.Fatalf("%d tables as text, %d as JSON", len(text), len(json))
	}
	n, wrong := 0, 0
	for i, a := range text {
		b := json[i]
		if a.Name != b.Name || a.Family != b.Family || a.Handle != b.Handle || len(a.Chains) != len(b.Chains) {
			t.Fatalf("table %s %s %d of %d chains, as JSON %s %s %d of %d", a.Family, a.Name, a.Handle, len(a.Chains), b.Family, b.Name, b.Handle, len(b.Chains))
		}
		for k, c := range a.Chains {
			d := b.Chains[k]
			if c.Name != d.Name || c.Handle != d.Handle || c.Type != d.Type || c.Hook != d.Hook || c.Priority != d.Priority ||
				c.Policy != d.Policy || len(c.Rules) != len(d.Rules) {
				t.Errorf("chain %+v\nas JSON %+v", c, d)
				continue
			}
			for i := range c.Rules {
				r, s := c.Rules[i], d.Rules[i]
				n++
				r.Text, s.Text = canonical(r.Text, a.Family), canonical(s.Text, a.Family)
				if strings.Contains(r.Text, "{ ") {
					r.Marked, s.Marked = "", "" // rules in braces are marked in both
				}
				if r != s {
					if wrong++; wrong < 60 {
						t.Errorf("%s %s: %+v\n as JSON %+v", a.Family, c.Name, r, s)
					}
				}
			}
		}
		sameBlocks(t, a, b)
	}
	if wrong > 0 {
		t.Errorf("%d of %d rules differ", wrong, n)
	}
	return n
}

func canonical(text string, f model.Family) string { return inOrder(nft.Parse(text, f).Canonical()) }

// expires is a moment of the listing.
var expires = regexp.MustCompile(`expires \S+`)

// lost is what the JSON does not tell of the elements of raws and timed.
var lost = strings.NewReplacer("0x5", "5", " limit rate 5/second", "")

// sameBlocks compares sets and objects. nft 1.0.6 leaves out of its JSON a table's
// comment, the device of a chain, the flag dynamic, "interval" before what a map holds,
// typeof, and with it the numbers' base, and an element's second state; its text leaves
// out the flag timeout where a timeout is set.
func sameBlocks(t *testing.T, a, b *model.Table) {
	t.Helper()
	blocks := func(tb *model.Table) []string {
		var l []string
		for _, e := range tb.Extra {
			s := nft.ParseSet(e, tb.Family)
			for _, u := range s.Unknown {
				t.Errorf("%s: %s: %s", e, u.Text, u.Why)
			}
			if s.Kind == "comment" {
				continue
			}
			flags := slices.DeleteFunc(s.Flags, func(f string) bool { return f == "dynamic" || f == "timeout" && s.Timeout != nil })
			slices.Sort(flags)
			var elems []string
			for e := range s.Elements() {
				elems = append(elems, lost.Replace(expires.ReplaceAllString(e.String(), "expires")))
			}
			slices.Sort(elems)
			var states []string
			for _, st := range s.Statements {
				states = append(states, st.String())
			}
			l = append(l, strings.Join([]string{s.Kind, s.Name, typeNames(s.Key), typeNames(s.Data), s.Object, strings.Join(flags, ","),
				spanOf(s.Timeout), spanOf(s.GC), s.Policy, s.Comment, strings.Join(states, " "), propsOf(s), strings.Join(elems, ", ")}, " | "))
			if s.Handle == 0 {
				t.Errorf("no handle: %s", e)
			}
		}
		slices.Sort(l)
		return l
	}
	x, y := blocks(a), blocks(b)
	if len(x) != len(y) {
		t.Errorf("table %s: %d objects, as JSON %d", a.Name, len(x), len(y))
		return
	}
	for i := range x {
		if x[i] != y[i] {
			t.Errorf("%s\nas JSON\n%s", x[i], y[i])
		}
	}
}

func typeNames(l []nft.Type) string {
	var s []string
	for _, t := range l {
		s = append(s, t.String())
	}
	return strings.Join(s, " . ")
}

func spanOf(d *nft.Duration) string {
	if d == nil {
		return ""
	}
	return d.D.String()
}

func propsOf(b *nft.Block) string {
	var s []string
	for _, p := range b.Props {
		s = append(s, p.Name+"="+p.Value)
	}
	slices.Sort(s)
	return strings.Join(s, " ")
}
