package ladder

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

var update = flag.Bool("update", false, "write the goldens anew")

func TestTextGolden(t *testing.T) {
	var b strings.Builder
	for _, w := range []int{0, 120, 60} {
		for _, j := range uitest.Snapshot().Journeys {
			b.WriteString(strings.Join(Text(j, w), "\n") + "\n\n")
		}
	}
	golden(t, "text.golden", b.String())
}

func TestDrawGolden(t *testing.T) {
	c := canvas.New(110, 14)
	p := canvas.NewPalette(theme.New(theme.Options{}))
	Draw(c, Area{0, 0, 110, 14}, uitest.Snapshot().Journeys[0], 5, p)
	golden(t, "draw.golden", strings.ReplaceAll(c.String(), "\x1b[", "^["))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", name, got)
	}
}

func TestTextIsPlainAndFits(t *testing.T) {
	j := *uitest.Snapshot().Journeys[2]
	j.Steps = append([]journey.Step(nil), j.Steps...)
	j.Steps[0].Kind, j.Steps[0].Text = journey.KindRule, "-A X --comment \x1b[31mred\x07 -j DROP"
	for w := 1; w < 200; w++ {
		for _, l := range Text(&j, w) {
			if canvas.Width(l) > w {
				t.Fatalf("width %d: %q is %d wide", w, l, canvas.Width(l))
			}
			if strings.ContainsAny(l, "\x1b\x07\n") {
				t.Fatalf("control characters in %q", l)
			}
		}
	}
}

func TestConntrackRowOnlyWhereCertain(t *testing.T) {
	step := func(b model.Backend, table string) journey.Step {
		return journey.Step{Backend: b, Hook: model.HookPrerouting, Family: model.FamilyIPv4, Table: table, Chain: "C", Base: "C", RuleID: -1}
	}
	L, N := model.BackendLegacy, model.BackendNFTables
	for _, c := range []struct {
		steps []journey.Step
		want  int
	}{
		{[]journey.Step{step(L, "raw"), step(L, "mangle")}, 1},
		{[]journey.Step{step(L, "nat")}, 0},
		{[]journey.Step{step(L, "raw"), step(N, "fw"), step(L, "nat")}, -1},
		{[]journey.Step{step(N, "raw")}, -1},
		{nil, -1},
	} {
		if got := conntrackAt(&journey.Journey{CTState: "NEW", Steps: c.steps}); got != c.want {
			t.Errorf("%v: conntrack before step %d, want %d", c.steps, got, c.want)
		}
	}
}

func TestMissesSayWhy(t *testing.T) {
	j := &journey.Journey{Steps: []journey.Step{{Kind: journey.KindMiss, Rule: 1, Chain: "DOCKER", Because: []journey.Because{
		{Match: "dport", Want: "8080", Have: "8443", Result: "no"}, {Match: "mark", Want: "1", Result: "unknown"}, {Match: "src", Result: "yes"}}}}}
	if got := strings.Join(Text(j, 0), "\n"); !strings.Contains(got, "1  miss: dport 8443 is not 8080, mark 1 is not known") {
		t.Errorf("got %s", got)
	}
}
