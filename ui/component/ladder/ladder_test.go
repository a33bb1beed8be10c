package ladder

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

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
	DrawRows(c, Area{0, 0, 110, 14}, Rows(uitest.Snapshot().Journeys[0]), 5, p)
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

// TestSayWraps: what is said in Chinese is broken between its characters, and nothing of it
// is cut.
func TestSayWraps(t *testing.T) {
	long := strings.Repeat("没有看到它的结局", 12)
	j := &journey.Journey{Closed: true, Why: "its end was not seen", Outcome: journey.Outcome{Sentence: long}}
	say := Say(func(string) string { return long })
	var body string
	for _, l := range say.Text(j, 40)[1:] {
		if canvas.Width(l) > 40 || !strings.HasPrefix(l, "  ") {
			t.Errorf("%q", l)
		}
		body += strings.TrimSpace(l)
	}
	if body != long+long {
		t.Errorf("%q", body)
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
	for _, c := range []struct {
		because journey.Because
		want    string
	}{
		{journey.Because{Match: "dport", Want: "8080", Have: "8443", Result: "no"}, "dport 8443 is not 8080"},
		{journey.Because{Match: "dport", Want: "not 8443", Have: "8443", Result: "no"}, "dport is 8443"},
		{journey.Because{Match: "source", Want: "not 10.0.0.0/8", Have: "10.0.0.1", Result: "no"}, "source 10.0.0.1 is in 10.0.0.0/8"},
		{journey.Because{Match: "mark", Want: "1", Result: "unknown"}, "mark 1 is not known"},
		{journey.Because{Match: "mark", Want: "1", Have: "not known: the packet's mark", Result: "unknown"}, "mark 1 is not known: the packet's mark"},
		{journey.Because{Match: "limit rate 5/second", Have: "not known: it depends on the traffic so far", Result: "unknown"},
			"limit rate 5/second is not known: it depends on the traffic so far"},
	} {
		j := &journey.Journey{Steps: []journey.Step{{Kind: journey.KindMiss, Rule: 1, Chain: "DOCKER", Because: []journey.Because{c.because, {Match: "src", Result: "yes"}}}}}
		if got := strings.Join(Text(j, 0), "\n"); !strings.Contains(got, "1  miss: "+c.want) || strings.Contains(got, "src") {
			t.Errorf("want %s, got %s", c.want, got)
		}
	}
}

// A miss has no verdict, and mostly no change of the packet: its words may stand in their
// columns. They are cut only where something else stands there.
func TestMissesHaveTheRoomBeside(t *testing.T) {
	miss := journey.Step{Backend: model.BackendLegacy, Hook: model.HookForward, Table: "filter", Chain: "FORWARD", Kind: journey.KindMiss, Rule: 1, Depth: 0, Text: "-A FORWARD",
		Because: []journey.Because{{Match: "source", Want: "one of 10.0.0.1, 10.0.0.2, 10.0.0.3 and 10.0.0.4", Have: "192.168.100.200", Result: "no"}}, Verdict: model.VerdictContinue}
	hit := miss
	hit.Kind, hit.Rule, hit.Because, hit.Verdict, hit.Text = journey.KindRule, 2, nil, model.VerdictDrop, "-A FORWARD -j DROP"
	j := &journey.Journey{Steps: []journey.Step{miss, hit}}
	want := "source 192.168.100.200 is not one of 10.0.0.1, 10.0.0.2, 10.0.0.3 and 10.0.0.4"
	rows := Rows(j)
	rows[len(rows)-1].Packet = "a change of the packet that takes much room"
	c := canvas.New(132, 8)
	DrawRows(c, Area{W: 132, H: 8}, rows, 1, canvas.NewPalette(theme.New(theme.Options{})))
	got := ansi.Strip(c.String())
	if !strings.Contains(got, want) || !strings.Contains(got, "drop") || !strings.Contains(got, "a change of the packet") {
		t.Error(got)
	}
	rows[len(rows)-2].Packet = "has one itself"
	c = canvas.New(132, 8)
	DrawRows(c, Area{W: 132, H: 8}, rows, 1, canvas.NewPalette(theme.New(theme.Options{})))
	if got := ansi.Strip(c.String()); !strings.Contains(got, "has one itself") || strings.Contains(got, want) {
		t.Error(got)
	}
}

func TestFoldedMisses(t *testing.T) {
	at := func(kind journey.Kind, chain string, rule, depth, beside int) journey.Step {
		return journey.Step{Backend: model.BackendLegacy, Hook: model.HookForward, Table: "filter", Base: "FORWARD", Chain: chain, Kind: kind, Rule: rule, Depth: depth, Beside: beside,
			Verdict: model.VerdictContinue}
	}
	j := &journey.Journey{Steps: []journey.Step{at(journey.KindMiss, "FORWARD", 1, 0, 7), at(journey.KindMiss, "FORWARD", 9, 0, 0), at(journey.KindRule, "FORWARD", 10, 0, 0),
		at(journey.KindMiss, "U", 1, 1, 0), at(journey.KindRule, "FORWARD", 11, 0, 0)}}
	var got []string
	for _, r := range Folded(Rows(j)) {
		got = append(got, r.Where+"|"+r.Rule+"|"+r.Text)
	}
	want := []string{"filter/FORWARD||9 rules looked at did not match", "|10|", "U||1 rule looked at did not match", "filter/FORWARD|11|"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if At(j, 0) != 2 || At(j, 1) != 4 {
		t.Errorf("the steps are at %d and %d", At(j, 0), At(j, 1))
	}
}

// TestKernelsDrop: a drop by the kernel is the last rung, at its station.
func TestKernelsDrop(t *testing.T) {
	j := *uitest.Snapshot().Journeys[0]
	rules := len(Rows(&j))
	j.Outcome = journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "kernel", Reason: "IP_RPFILTER", Station: "routing", Location: "ip_rcv_finish_core"}}
	rows := Rows(&j)
	if len(rows) != rules+1 {
		t.Fatalf("%d rungs, want one more than %d", len(rows), rules)
	}
	text := strings.Join(Text(&j, 0), "\n")
	if last := rows[rules]; last.Where != "routing" || last.Word != "drop" || !strings.Contains(text, "routing") || !strings.Contains(text, "IP_RPFILTER") || !strings.Contains(text, "ip_rcv_finish_core") {
		t.Errorf("%+v\n%s", last, text)
	}
}
