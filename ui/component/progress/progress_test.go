package progress

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/snapshot"
	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

func TestBar(t *testing.T) {
	for _, c := range []struct {
		ascii       bool
		done, total int
		want        string
	}{
		{false, 0, 0, "────────"}, {false, 5, 0, "────────"}, {false, 0, 8, "────────"}, {false, 4, 8, "████────"},
		{false, 9, 16, "████▄───"}, {false, 8, 8, "████████"}, {false, 9, 8, "████████"}, {false, -1, 8, "────────"},
		{true, 4, 8, "####----"}, {true, 9, 16, "####----"}, {true, 8, 8, "########"},
	} {
		if got := ansi.Strip(Bar(theme.New(theme.Options{ASCII: c.ascii}), c.done, c.total, 8)); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.done, c.total, got, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	now := time.Date(2026, 3, 14, 3, 15, 9, 0, time.UTC)
	there := &model.Ruleset{}
	for _, c := range []struct {
		rules *model.Ruleset
		r     *snapshot.Reading
		word  string
		line  []string
	}{
		{nil, nil, "", nil},
		{nil, &snapshot.Reading{}, "", nil},
		{nil, &snapshot.Reading{What: "nft prints the rules", Since: now}, "reading", []string{"? rules  nft prints"}},
		{nil, &snapshot.Reading{What: "nft prints the rules", Since: now, Done: 12}, "reading", []string{"12 of ? rules"}},
		{nil, &snapshot.Reading{What: "nft prints the rules", Since: now.Add(-4 * time.Second), Done: 34, Total: 136}, "reading 25 %", []string{" 25 %  34 of 136 rules", "nft prints the rules, 4 s"}},
		{nil, &snapshot.Reading{Failed: "no memory", Since: now.Add(-4 * time.Second)}, "NO RULES 4 s", []string{"could not be read for 4 s", "tried again: no memory"}},
		{there, &snapshot.Reading{What: "nft prints the rules", Since: now.Add(-100 * time.Millisecond), Total: 9}, "", nil},
		{there, &snapshot.Reading{What: "nft prints the rules", Since: now.Add(-2 * time.Second), Done: 3, Total: 9}, "STALE 2 s", []string{" 33 %", "these are stale: nft prints"}},
		{there, &snapshot.Reading{Failed: "no memory", Since: now.Add(-90 * time.Second)}, "STALE 90 s", []string{"stale for 90 s, tried again: no memory"}},
	} {
		s := &snapshot.Snapshot{Rules: c.rules, Reading: c.r}
		word, stale := Word(s, now)
		if word != c.word || stale != (strings.Contains(word, "STALE") || strings.Contains(word, "NO RULES")) {
			t.Errorf("%+v: %q", c.r, word)
		}
		got := ansi.Strip(Line(theme.New(theme.Options{}), s, now, 120))
		if (got == "") != (c.line == nil) || got != "" && line.Width(got) != 120 {
			t.Errorf("%+v: %q", c.r, got)
		}
		for _, want := range c.line {
			if !strings.Contains(got, want) {
				t.Errorf("%+v: no %q in %q", c.r, want, got)
			}
		}
		for w := range 60 {
			if l := Line(theme.New(theme.Options{}), s, now, w); l != "" && line.Width(l) != w {
				t.Fatalf("%d wide, want %d: %q", line.Width(l), w, l)
			}
		}
	}
}
