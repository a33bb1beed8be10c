package ui

import (
	"slices"
	"testing"

	"nfscope/model"
	"nfscope/ui/page"
	"nfscope/ui/page/connections"
	"nfscope/ui/page/path"
	"nfscope/ui/page/rules"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestLook: who counts is told what is on the screen when that changes, and not else.
func TestLook(t *testing.T) {
	type seen struct {
		of            *model.Ruleset
		chains, rules []int
	}
	var told []seen
	s := newScreen(t, theme.Options{}, 200, 40)
	s.opt.Pages = []page.Page{path.New(), rules.New(), connections.New()}
	s.opt.Look = func(of *model.Ruleset, chains, rules []int) { told = append(told, seen{of, chains, rules}) }
	snap := uitest.KubeSnapshot(300)
	last := func(when string, n int) seen {
		t.Helper()
		s.Lines()
		if s.send(nil); len(told) != n {
			t.Fatalf("%s: told %d times, want %d", when, len(told), n)
		}
		return told[n-1]
	}
	services := snap.Rules.Tables[0].Chain("KUBE-SERVICES").Rules
	first, end := services[40].ID, services[len(services)-5].ID // not those that call what is in the tree
	s.send(SnapshotMsg{snap})                                   // the first frame is not drawn yet: rows in sight are not known
	s.Lines()
	s.send(nil)
	n := len(told)
	if n == 0 {
		t.Fatal("nothing was told")
	}
	if v := last("at rest", n); v.of != snap.Rules || len(v.chains) == 0 {
		t.Errorf("told %+v", v)
	}
	s.send(page.GotoRule{RuleID: first})
	s.Lines() // now the height is known
	s.send(nil)
	n = len(told)
	if v := last("a chain is shown", n); !slices.Contains(v.rules, first) || slices.Contains(v.rules, end) {
		t.Errorf("told %v, want %d and not %d", v.rules, first, end)
	}
	for range 3 { // newer counters change nothing of what is in sight
		snap = later(snap)
		s.at = s.at.Add(1e9)
		s.send(SnapshotMsg{snap})
		s.Lines()
	}
	kept := last("newer counters", n)
	rulesOf := slices.Clone(kept.rules)
	s.press("G")
	s.Lines()
	s.send(nil)
	n = len(told)
	if v := last("scrolled to the end", n); slices.Contains(v.rules, first) || !slices.Contains(v.rules, end) {
		t.Errorf("told %v, want %d and not %d", v.rules, end, first)
	}
	if !slices.Equal(kept.rules, rulesOf) {
		t.Error("what was handed out is written to")
	}
	// IDs belong to one ruleset.
	next := uitest.KubeSnapshot(300)
	next.Rules.Generation += "x"
	s.send(SnapshotMsg{next})
	s.Lines()
	s.send(nil)
	if v := told[len(told)-1]; v.of != next.Rules {
		t.Error("the new ruleset is not told of")
	}
	for _, v := range told[n:] {
		if v.of != next.Rules {
			t.Errorf("told of the old ruleset: %+v", v)
		}
	}
	s.press("3")
	if v := told[len(told)-1]; v.of != nil || len(v.rules)+len(v.chains) > 0 {
		t.Errorf("where no counters are drawn: %+v", v)
	}
	s.press("1")
	s.Lines()
	s.send(nil)
	if v := told[len(told)-1]; v.of != next.Rules || len(v.chains) == 0 {
		t.Errorf("on the map: %+v", v)
	}
}
