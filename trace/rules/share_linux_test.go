package rules

import (
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"nfscope/model"
	"nfscope/model/ruleset/rulesettest"
)

// TestShare reads a ruleset anew in which some rules are others: it says the same as
// without sharing, and holds nothing of its own text.
func TestShare(t *testing.T) {
	t.Parallel()
	before := rulesettest.Kube(100)
	lines := strings.Split(before, "\n")
	var changed []string
	for i, l := range lines {
		switch {
		case i%97 == 3 && strings.Contains(l, "-A "): // taken out
		case i%89 == 5 && strings.Contains(l, "-A "):
			changed = append(changed, l, strings.Replace(l, " -m comment", " -p udp -m comment", 1))
		default:
			changed = append(changed, l)
		}
	}
	after := []byte(strings.Join(changed, "\n"))
	parse := func(text []byte) []*model.Table {
		tables, problems := parseSave("test", text, model.BackendLegacy, model.FamilyIPv4)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return tables
	}
	old, want, got := parse([]byte(before)), parse([]byte(string(after))), parse(after)
	share(old, got)
	if !reflect.DeepEqual(got, want) {
		t.Fatal("what is shared is not what was read")
	}
	from, to := uintptr(unsafe.Pointer(&after[0])), uintptr(unsafe.Pointer(&after[0]))+uintptr(len(after))
	own := func(s string) bool {
		at := uintptr(unsafe.Pointer(unsafe.StringData(s)))
		return s != "" && from <= at && at < to
	}
	if !own(parse(after)[0].Chains[5].Name) {
		t.Fatal("this test does not see where a string is")
	}
	shared, rules := 0, 0
	for _, c := range got[0].Chains {
		if own(c.Name) || own(c.Policy) {
			t.Errorf("chain %s holds the text", c.Name)
		}
		o := old[0].Chain(c.Name)
		for i := range c.Rules {
			r := &c.Rules[i]
			if own(r.Text) || own(r.Target) || own(r.Jump) || own(r.Comment) {
				t.Fatalf("%s holds the text", r.Text)
			}
			rules++
			for k := range o.Rules {
				if unsafe.StringData(o.Rules[k].Text) == unsafe.StringData(r.Text) {
					shared++
				}
			}
		}
	}
	if shared < rules*9/10 {
		t.Errorf("of %d rules %d have the strings of before", rules, shared)
	}
}
