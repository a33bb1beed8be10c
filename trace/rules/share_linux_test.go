package rules

import (
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"nfscope/model"
	"nfscope/model/ruleset"
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
	after := strings.Join(changed, "\n")
	// Read in small pieces, of which none may stay.
	var read [][]byte
	out := &printout{program: "test", from: strings.NewReader(after), size: len(after)}
	pieces := func(yield func(string) bool) {
		for line := range strings.Lines(after) {
			b := []byte(line)
			read = append(read, b)
			if !yield(unsafe.String(&b[0], len(b))) {
				return
			}
		}
	}
	parse := func(text []byte) []*model.Table {
		tables, problems := parseSave("test", text, model.BackendLegacy, model.FamilyIPv4)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return tables
	}
	old, want := parse([]byte(before)), parse([]byte(after))
	s, err := readSave(out, model.BackendLegacy, model.FamilyIPv4, old)
	if err != nil || len(s.problems) > 0 || !reflect.DeepEqual(s.tables, want) {
		t.Fatal("what is read in pieces is not what is read at once", err, s.problems)
	}
	k := &keeper{old: old, backend: model.BackendLegacy, family: model.FamilyIPv4}
	got, _ := ruleset.ParseSavePieces("test", pieces, ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Keep: k})
	own := func(s string) bool {
		at := uintptr(unsafe.Pointer(unsafe.StringData(s)))
		for _, b := range read {
			if from := uintptr(unsafe.Pointer(&b[0])); s != "" && from <= at && at < from+uintptr(len(b)) {
				return true
			}
		}
		return false
	}
	if !own(got[0].Chains[5].Name) {
		t.Fatal("this test does not see where a string is")
	}
	k.share(got)
	if !reflect.DeepEqual(got, want) {
		t.Fatal("what is shared is not what was read")
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
