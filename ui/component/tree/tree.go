// Package tree draws nested rows that fold. It keeps the selection and what is
// folded by the rows' identity; what the rows are is the owner's to say, and what
// they look like is asked for those in sight only.
package tree

import (
	"charm.land/lipgloss/v2"

	"nfscope/ui/component/line"
	"nfscope/ui/component/list"
	"nfscope/ui/theme"
)

// Node is one row. Children follow their parent and are one deeper.
type Node[K comparable] struct {
	Key K
	// Ref is the owner's own: what the node stands for.
	Ref   int32
	Depth uint8
	// Folds is true where the node has children; Closed that it starts folded.
	Folds, Closed bool
}

// Face is what a node looks like.
type Face struct {
	Text  string
	Style lipgloss.Style
	// Notes are what may stand at the right, dim where NoteStyle is not set: the first
	// that fits.
	Notes     []string
	NoteStyle lipgloss.Style
}

// Tree is the selection over the nodes last given to Set.
type Tree[K comparable] struct {
	Cursor list.Cursor[K]
	all    []Node[K]
	shown  []int
	turned map[K]bool // folded or unfolded by the user, against Closed
	change int
	set    any
}

// Set gives the tree its nodes. While version stays the same nothing is done.
func (t *Tree[K]) Set(version any, nodes func() []Node[K]) {
	if version == t.set && t.all != nil {
		return
	}
	t.set, t.all = version, nodes()
	t.refold()
}

// Open reports whether a node's children are shown.
func (t *Tree[K]) Open(n *Node[K]) bool { return n.Folds && n.Closed == t.turned[n.Key] }

func (t *Tree[K]) refold() {
	t.shown = t.shown[:0]
	hidden := -1
	for i := range t.all {
		n := &t.all[i]
		if hidden >= 0 && int(n.Depth) > hidden {
			continue
		}
		hidden = -1
		t.shown = append(t.shown, i)
		if n.Folds && !t.Open(n) {
			hidden = int(n.Depth)
		}
	}
	t.change++
	t.Cursor.Sync(t.change, len(t.shown), t.At)
}

// At is the identity of the shown row i.
func (t *Tree[K]) At(i int) K { return t.all[t.shown[i]].Key }

// Node is the shown row i.
func (t *Tree[K]) Node(i int) *Node[K] { return &t.all[t.shown[i]] }

// Selected is the selected node, nil in an empty tree.
func (t *Tree[K]) Selected() *Node[K] {
	if len(t.shown) == 0 {
		return nil
	}
	return &t.all[t.shown[t.Cursor.Index()]]
}

// Fold opens or closes the selected node; false where it was so already.
func (t *Tree[K]) Fold(open bool) bool {
	n := t.Selected()
	if n == nil || !n.Folds || t.Open(n) == open {
		return false
	}
	if t.turned == nil {
		t.turned = map[K]bool{}
	}
	t.turned[n.Key] = !t.turned[n.Key]
	t.refold()
	return true
}

// Parent selects the node above the selected one; false at the top.
func (t *Tree[K]) Parent() bool {
	n := t.Selected()
	if n == nil {
		return false
	}
	for i := t.Cursor.Index() - 1; i >= 0; i-- {
		if t.all[t.shown[i]].Depth < n.Depth {
			t.Cursor.Go(i, t.At)
			return true
		}
	}
	return false
}

// Select selects a node by identity, opening what is folded above it.
func (t *Tree[K]) Select(key K) bool {
	at := -1
	for i := range t.all {
		if t.all[i].Key == key {
			at = i
			break
		}
	}
	if at < 0 {
		return false
	}
	depth, opened := t.all[at].Depth, false
	for i := at - 1; i >= 0 && depth > 0; i-- {
		if n := &t.all[i]; n.Depth < depth {
			depth = n.Depth
			if !t.Open(n) {
				if t.turned == nil {
					t.turned = map[K]bool{}
				}
				t.turned[n.Key] = !t.turned[n.Key]
				opened = true
			}
		}
	}
	if opened {
		t.refold()
	}
	return t.Cursor.Select(key, t.At)
}

// View draws exactly height lines of width cells. focus tells whether keys go here.
func (t *Tree[K]) View(th *theme.Theme, width, height int, focus bool, face func(*Node[K]) Face) []string {
	from, to := t.Cursor.Window(height)
	out := make([]string, 0, max(height, 0))
	for i := from; i < to; i++ {
		n := &t.all[t.shown[i]]
		c := face(n)
		fold := " "
		if n.Folds {
			fold = th.Glyphs.Jump
			if t.Open(n) {
				fold = th.Glyphs.Down
			}
		}
		text := line.Space(2*int(n.Depth)) + fold + " " + line.Clean(c.Text)
		note := ""
		for _, s := range c.Notes {
			if s = line.Clean(s); s != "" && line.Width(s)+8 <= width && line.Width(text)+line.Width(s)+1 <= width {
				note = s
				break
			}
		}
		body := line.Fit(text, width-line.Width(note), th.Glyphs.Dots)
		over := lipgloss.NewStyle()
		if i == t.Cursor.Index() {
			over = th.Selected
			if !focus {
				over = lipgloss.NewStyle().Bold(true)
				if line.Width(body) > 0 {
					body = th.Glyphs.Selected + body[1:] // every row begins with a space or a one-byte sign
				}
			}
		}
		s := c.Style.Inherit(over).Render(body)
		if note != "" {
			s += c.NoteStyle.Inherit(over).Render(note)
		}
		out = append(out, s)
	}
	return line.Block(out, width, height, th.Glyphs.Dots)
}
