package nft_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/nft"
	"nfscope/model/ruleset"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

var families = []string{"inet", "ip", "ip6", "arp", "bridge", "netdev"}

// host is a namespace with the tables of bases.
type host struct{ ns *netns.Handle }

func newHost(t *testing.T) *host {
	t.Helper()
	nettest.Kernel(t, "nft", "ip")
	h := &host{nettest.New(t, "nft")}
	nettest.Run(t, h.ns, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
	var b strings.Builder
	for _, f := range families {
		b.WriteString(script(bases[f]) + "\n")
	}
	nettest.Feed(t, h.ns, b.String(), "nft", "-f", "-")
	return h
}

// script puts every line of an object on a line of its own, which nft wants of some.
func script(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "; }", ";\n}"), "{ }", "{\n}")
}

// rule is a rule for a chain: where is "family chain".
type rule struct{ where, text string }

// load adds rules. Either all of them are in or none.
func (h *host) load(rules []rule) error {
	var b strings.Builder
	for _, r := range rules {
		f, chain, _ := strings.Cut(r.where, " ")
		fmt.Fprintf(&b, "add rule %s t %s %s\n", f, chain, r.text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := h.ns.Output(ctx, []byte(b.String()), "nft", "-f", "-")
	return err
}

// loadAll adds rules and reports the ones that do not load, found by halving.
func (h *host) loadAll(t *testing.T, rules []rule, bad func(r rule, err error)) {
	t.Helper()
	err := h.load(rules)
	switch {
	case err == nil || len(rules) == 0:
	case len(rules) == 1:
		bad(rules[0], err)
	default:
		h.loadAll(t, rules[:len(rules)/2], bad)
		h.loadAll(t, rules[len(rules)/2:], bad)
	}
}

// list gives what nft prints, read.
func (h *host) list(t *testing.T, options ...string) []*model.Table {
	t.Helper()
	text := nettest.Run(t, h.ns, "nft", append(options, "-a", "-y", "list", "ruleset")...)
	tables, found := ruleset.ParseNFT("nft", []byte(text))
	if len(found) > 0 {
		t.Errorf("the listing is not understood: %v", found)
	}
	return tables
}

// texts gives the rules of tables in order, as printed from the statements or as
// listed.
func texts(tables []*model.Table, canonical bool) []rule {
	var l []rule
	for _, tb := range tables {
		for _, c := range tb.Chains {
			for _, r := range c.Rules {
				text := r.Text
				if canonical {
					text = nft.Parse(text, tb.Family).Canonical()
				}
				l = append(l, rule{tb.Family.String() + " " + c.Name, text})
			}
		}
	}
	return l
}

// roundTrip loads rules, reads what nft lists of them, prints that, loads it into a
// second namespace, and holds the two listings against each other.
func roundTrip(t *testing.T, rules []rule, wanted int) {
	t.Helper()
	a, b := newHost(t), newHost(t)
	a.loadAll(t, rules, func(r rule, err error) { t.Errorf("does not load: %s: %s\n  %v", r.where, r.text, err) })
	listed := a.list(t)
	if n := checkTables(t, "listing", listed, true); n < wanted {
		t.Errorf("%d rules are listed, wanted %d", n, wanted)
	}
	b.loadAll(t, texts(listed, true), func(r rule, err error) { t.Errorf("as printed does not load: %s: %s\n  %v", r.where, r.text, err) })
	want, got := texts(listed, false), texts(b.list(t), false)
	for i := range min(len(want), len(got)) {
		if inOrder(want[i].text) != inOrder(got[i].text) {
			t.Errorf("%s: printed, loaded and listed again:\n  %s\n  %s", want[i].where, want[i].text, got[i].text)
			return
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d rules came back as %d", len(want), len(got))
	}
}

var braces = regexp.MustCompile(`\{ [^{}]* \}`)

// inOrder sorts the elements of sets: the kernel gives those of a hash in any order.
func inOrder(text string) string {
	return braces.ReplaceAllStringFunc(text, func(s string) string {
		l := strings.Split(s[2:len(s)-2], ", ")
		slices.Sort(l)
		return "{ " + strings.Join(l, ", ") + " }"
	})
}

func allForms() []rule {
	var rules []rule
	for _, where := range sortedKeys(forms) {
		for _, l := range strings.Split(forms[where], "\n") {
			if l != "" {
				rules = append(rules, rule{where, l})
			}
		}
	}
	return rules
}

func sortedKeys(m map[string]string) []string {
	var l []string
	for k := range m {
		l = append(l, k)
	}
	slices.Sort(l)
	return l
}

// TestForms proves every form against nft and the kernel, as it is listed and as it is
// written here.
func TestForms(t *testing.T) {
	t.Parallel()
	rules := allForms()
	for _, r := range rules {
		p := nft.Parse(r.text, family(r.where))
		if len(p.Unknown) > 0 || p.String() != r.text {
			t.Errorf("as written: %s: %s: %s", r.where, r.text, unknowns(p.Unknown))
		}
	}
	roundTrip(t, rules, len(rules))
}

// TestOptions reads what nft lists with its other options: services and users by name,
// protocols by number, all numeric.
func TestOptions(t *testing.T) {
	t.Parallel()
	h, rules := newHost(t), allForms()
	if err := h.load(rules); err != nil {
		t.Fatal(err)
	}
	for _, o := range []string{"-S", "-p", "-u", "-T", "-n", "-s", "-t"} {
		if n := checkTables(t, "nft "+o, h.list(t, o), true); n < len(rules) {
			t.Errorf("nft %s lists %d rules, wanted %d", o, n, len(rules))
		}
	}
}

// TestRefused holds the list of what does not load here against the kernel, so that it
// says so when one begins to.
func TestRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, r := range refused {
		err := h.load([]rule{{r.where, r.text}})
		if err == nil {
			t.Errorf("loads after all: %s: %s", r.where, r.text)
		} else if !strings.Contains(err.Error(), r.why) {
			t.Errorf("%s: %s: refused with\n  %v\nwanted %s", r.where, r.text, err, r.why)
		}
		if p := nft.Parse(r.text, family(r.where)); len(p.Unknown) > 0 || p.Canonical() != r.text {
			t.Errorf("%s: %s\n%s %s", r.where, r.text, p.Canonical(), unknowns(p.Unknown))
		}
	}
}

func family(where string) model.Family {
	name, _, _ := strings.Cut(where, " ")
	f, _ := model.ParseFamily(name)
	return f
}

// randomRules are n rules of any form.
func randomRules(seed uint64, n int) (rules []rule) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, seed))}
	for range n {
		rules = append(rules, g.rule())
	}
	return rules
}

// TestRandom does with rules by the thousand what TestForms does.
func TestRandom(t *testing.T) {
	t.Parallel()
	for _, seed := range nettest.Seeds(t, 6) {
		rules := randomRules(seed, 3000)
		roundTrip(t, rules, len(rules))
	}
}
