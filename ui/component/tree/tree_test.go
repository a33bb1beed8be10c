package tree

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/ui/theme"
)

// nodes is a tree of two branches with leaves; the second starts folded.
func nodes(leaves int) []Node[string] {
	var out []Node[string]
	for _, b := range []string{"a", "b"} {
		out = append(out, Node[string]{Key: b, Folds: true, Closed: b == "b"})
		for i := range leaves {
			out = append(out, Node[string]{Key: fmt.Sprint(b, i), Depth: 1})
		}
	}
	return out
}

func face(n *Node[string]) Face { return Face{Text: n.Key, Notes: []string{"a longer note", "note"}} }

func draw(t *Tree[string], w, h int) string {
	return ansi.Strip(strings.Join(t.View(theme.New(theme.Options{}), w, h, true, face), "\n"))
}

func TestFoldAndSelect(t *testing.T) {
	var tr Tree[string]
	tr.Set(1, func() []Node[string] { return nodes(2) })
	if got := draw(&tr, 10, 6); strings.Contains(got, "b0") || !strings.Contains(got, "a1") {
		t.Errorf("folded or unfolded wrongly:\n%s", got)
	}
	if !tr.Select("b1") || tr.Selected().Key != "b1" {
		t.Fatal("a folded node cannot be selected")
	}
	if got := draw(&tr, 10, 6); !strings.Contains(got, "b1") {
		t.Errorf("what was selected is not in sight:\n%s", got)
	}
	if !tr.Parent() || tr.Selected().Key != "b" || !tr.Fold(false) || tr.Fold(false) {
		t.Error("the parent cannot be folded, once")
	}
	tr.Cursor.Go(1, tr.At)
	tr.Set(2, func() []Node[string] { return append([]Node[string]{{Key: "new"}}, nodes(2)...) })
	if tr.Selected().Key != "a0" {
		t.Errorf("the selection went to %q", tr.Selected().Key)
	}
	if tr.Select("nowhere") {
		t.Error("what is not there was selected")
	}
}

func TestTheFirstNoteThatFits(t *testing.T) {
	var tr Tree[string]
	tr.Set(1, func() []Node[string] { return nodes(0) })
	for w, want := range map[int]string{30: "a longer note", 14: "note", 8: ""} {
		got := strings.Split(draw(&tr, w, 1), "\n")[0]
		if want == "" && strings.Contains(got, "note") || !strings.HasSuffix(got, want) || len([]rune(got)) != w {
			t.Errorf("%d wide: %q", w, got)
		}
	}
}

// Only what is in sight is asked for, however long the tree is.
func TestFacesInSightOnly(t *testing.T) {
	var tr Tree[string]
	tr.Set(1, func() []Node[string] { return nodes(40_000) })
	asked := 0
	tr.View(theme.New(theme.Options{}), 40, 20, true, func(n *Node[string]) Face { asked++; return face(n) })
	if asked != 20 {
		t.Errorf("%d faces were asked for, 20 are in sight", asked)
	}
}
