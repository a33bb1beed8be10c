package table

import (
	"fmt"
	"testing"

	"charm.land/lipgloss/v2"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

func columns() []Column {
	return []Column{{Title: "num", Min: 3, Right: true}, {Title: "pkts", Min: 7, Right: true, Drop: 1},
		{Title: "text", Min: 10, Flex: 2}, {Title: "comment", Min: 8, Flex: 1, Drop: 2}}
}

func TestRowIsExactAtAnyWidth(t *testing.T) {
	th := theme.New(theme.Options{Color: true, Dark: true})
	cells := []Cell{{"17", th.Dim}, {"12345678", th.Text}, {"-A INPUT -m comment 公网入口", th.Text}, {"evil\x1b[2J\n", th.Bad}}
	for w := range 120 {
		l := Fit(columns(), w)
		for _, r := range []Row{{Cells: cells}, {Cells: cells, Over: th.Selected}, {Cells: cells, Over: th.Lit, Plain: true}, {Cells: cells, Span: true}} {
			if got := line.Width(l.Row(th, r)); got != w {
				t.Fatalf("width %d: row is %d wide", w, got)
			}
		}
		if got := line.Width(l.Head(th)); got != w {
			t.Fatalf("width %d: head is %d wide", w, got)
		}
	}
}

func TestNarrowTableDropsColumnsInOrder(t *testing.T) {
	shown := func(w int) string {
		l, s := Fit(columns(), w), ""
		for i := range l.columns {
			s += fmt.Sprint(l.Shown(i), " ")
		}
		return s
	}
	for w, want := range map[int]string{
		40: "true true true true ", 30: "true true true false ", 21: "true false true false ", 5: "true false true false "} {
		if got := shown(w); got != want {
			t.Errorf("width %d: %s, want %s", w, got, want)
		}
	}
	if got := Fit(columns(), 60).Row(theme.New(theme.Options{}), Row{Cells: []Cell{{"1", lipgloss.Style{}}, {"22", lipgloss.Style{}}, {"t", lipgloss.Style{}}, {"c", lipgloss.Style{}}}}); got[:11] != "  1      22" {
		t.Errorf("numbers are not to the right: %q", got)
	}
}
