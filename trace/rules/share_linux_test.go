package rules

import (
	"reflect"
	"regexp"
	"slices"
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
	changed = slices.Insert(changed, len(changed)-2, "[0:0] -A UNDECLARED -p tcp -j ACCEPT", "[x] -A KUBE-SERVICES -j WHAT", "-N LATE", "[0:0] -I LATE 1 -j DROP",
		"-A LATE -j NONE", "-A LATE -m comment --comment \"a \\\"b\" -j DROP", "# a comment", "what is this", "[0:0] -R LATE 1 -j RETURN", "-E LATE LATER", "-P INPUT DROP", "[1", "-A")
	after := strings.Join(changed, "\n")
	// Each piece is overwritten once it was read: of none a part may stay.
	out := &printout{program: "test", from: strings.NewReader(after), size: len(after)}
	pieces := func(yield func(string) bool) {
		for line := range strings.Lines(after) {
			b := []byte(line)
			if !yield(unsafe.String(&b[0], len(b))) {
				return
			}
			for i := range b {
				b[i] = '#'
			}
		}
	}
	var found []string
	parse := func(text []byte) []*model.Table {
		tables, problems := parseSave("test", text, model.BackendLegacy, model.FamilyIPv4)
		found = problems
		return tables
	}
	old, want := parse([]byte(before)), parse([]byte(after))
	s, err := readSave(out, model.BackendLegacy, model.FamilyIPv4, old)
	// Where the target is that only a table's end shows to be none, only the whole text tells.
	place := regexp.MustCompile(`test:\d+:\d+: (table nat: target)`)
	for i := range found {
		found[i] = place.ReplaceAllString(found[i], "test: $1")
	}
	if err != nil || !slices.Equal(s.problems, found) || !reflect.DeepEqual(s.tables, want) {
		t.Fatal("what is read in pieces is not what is read at once", err, s.problems)
	}
	k := &keeper{old: old, backend: model.BackendLegacy, family: model.FamilyIPv4}
	got, _ := ruleset.ParseSavePieces("test", pieces, ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Keep: k})
	k.share(got)
	if !reflect.DeepEqual(got, want) {
		t.Fatal("a part of a piece was kept")
	}
	shared, rules := 0, 0
	for _, c := range got[0].Chains {
		o := old[0].Chain(c.Name)
		if o == nil {
			continue
		}
		for i := range c.Rules {
			r := &c.Rules[i]
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
