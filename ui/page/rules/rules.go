// Package rules is the page that lists tables, chains and rules as the backends have
// them, with counters, rates and the rules that packets just hit.
package rules

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/ui/component/list"
	"nfscope/ui/component/tree"
	"nfscope/ui/keys"
	"nfscope/ui/page"
)

// Page is the Rules page. Make it with New.
type Page struct {
	tree   tree.Tree[chainKey]
	cursor list.Cursor[rowKey]
	inRows bool // keys go to the rules, not to the tree

	index *index
	nodes treeVersion
	list  listVersion
	rows  []row
	base  baseline
	never bool
	back  []place
	// version grows with every new list of rows; the cursor looks for its row then.
	version int
	height  int // of the rows in sight at the last View
}

// place is where a jump was followed from.
type place struct {
	scope chainKey
	row   rowKey
}

// listVersion is what the rows depend on.
type listVersion struct {
	index  *index
	scope  chainKey
	filter string
	never  bool
	counts *model.Counts // only where never is
	base   *model.Counts
}

// New makes the page.
func New() *Page { return &Page{} }

// Name is Rules.
func (p *Page) Name() string { return "Rules" }

// Filters says that rules are filtered, by text too.
func (p *Page) Filters() (filter.Kind, bool) { return filter.Rules, true }

// Deep reports whether Back leads somewhere.
func (p *Page) Deep() bool { return len(p.back) > 0 || p.inRows }

// narrow is the width below which one panel is shown at a time.
const narrow = 76

// sync brings what is kept in step with the frame. Everything is cached by the
// pointers it was made from; a frame without news costs nothing.
func (p *Page) sync(f *page.Frame) bool {
	rs := f.Snap.Rules
	if rs == nil {
		return false
	}
	if p.index == nil || p.index.rs != rs {
		p.index = newIndex(rs)
		p.base.move(p.index)
	}
	p.syncTree(f)
	v := listVersion{index: p.index, scope: p.scope(), filter: f.Filter, never: p.never}
	if p.base.on {
		v.base = p.base.counts
	}
	if p.never {
		v.counts = f.Snap.Counts
	}
	if v != p.list || p.rows == nil {
		p.list = v
		p.rows = p.index.rows(v.scope, p.keep(f))
		p.version++
	}
	p.cursor.Sync(p.version, len(p.rows), p.at)
	return true
}

func (p *Page) at(i int) rowKey { return p.index.key(p.rows[i]) }

// scope is what the tree has selected.
func (p *Page) scope() chainKey {
	if n := p.tree.Selected(); n != nil {
		return n.Key
	}
	return chainKey{}
}

// keep tells which rules the filter and the never-hit mode leave; nil for all.
func (p *Page) keep(f *page.Frame) func(row) bool {
	want := match(f.Filter)
	if !p.never {
		return want
	}
	n := p.numbers(f)
	return func(r row) bool {
		c, _ := n.of(r)
		return c.Valid && c.Packets == 0 && (want == nil || want(r))
	}
}

// match turns the text of the filter bar into a test of rules; nil for an empty one.
func match(text string) func(row) bool {
	if text == "" {
		return nil
	}
	if flt, err := filter.Parse(text); err == nil && flt.Check(filter.Rules) == nil {
		return func(r row) bool { return flt.Rule(r.table, r.chain, r.rule, r.rule.Counters) }
	}
	low := strings.ToLower(text)
	return func(r row) bool {
		return strings.Contains(strings.ToLower(r.rule.Text), low) || strings.Contains(strings.ToLower(r.chain.Name), low)
	}
}

// numbers are the counters of the frame.
func (p *Page) numbers(f *page.Frame) *numbers {
	n := &numbers{}
	s := f.Snap
	if s.Counts != nil && s.Counts.Generation == s.Rules.Generation {
		n.now = s.Counts
		if s.Previous != nil && s.Previous.Generation == s.Counts.Generation {
			n.before = s.Previous
			n.seconds = s.Counts.Taken.Sub(s.Previous.Taken).Seconds()
		}
	}
	if p.base.on {
		n.base = p.base.counts
	}
	return n
}

// Do carries out an action.
func (p *Page) Do(a keys.Action, f *page.Frame) tea.Cmd {
	if !p.sync(f) {
		return nil
	}
	defer p.sync(f)
	if p.move(a) {
		return nil
	}
	switch a {
	case keys.Enter:
		return p.enter(f, true)
	case keys.Right:
		return p.enter(f, false)
	case keys.Left, keys.Back:
		p.out(a)
	case keys.NeverHit:
		if p.never = !p.never; p.never {
			return page.Send(page.Say{Text: "only rules that were never hit; * again shows all"})
		}
		return page.Send(page.Say{Text: "all rules"})
	case keys.Baseline:
		return p.setBaseline(f)
	case keys.Copy:
		if r, ok := p.selected(); ok {
			return page.Send(page.CopyRequest{Text: plain(r)})
		}
	}
	return nil
}

// move carries out what moves the selection.
func (p *Page) move(a keys.Action) bool {
	by := map[keys.Action]int{keys.Up: -1, keys.Down: 1, keys.PageUp: -max(1, p.height-1), keys.PageDown: max(1, p.height-1),
		keys.Top: -1 << 30, keys.Bottom: 1 << 30}[a]
	if by == 0 {
		return false
	}
	if p.inRows {
		p.cursor.Move(by, p.at)
		return true
	}
	p.tree.Cursor.Move(by, p.tree.At)
	p.back = nil // another chain by hand: the jumps are left
	return true
}

// selected is the row the keys speak of; in the tree there is none.
func (p *Page) selected() (row, bool) {
	if i := p.cursor.Index(); i < len(p.rows) && p.inRows {
		return p.rows[i], true
	}
	return row{}, false
}

// enter goes from the tree to the rules, and from a rule after its jump.
func (p *Page) enter(f *page.Frame, hard bool) tea.Cmd {
	if !p.inRows {
		if n := p.tree.Selected(); n != nil && n.Folds && !p.tree.Open(n) {
			p.tree.Fold(true)
			return nil
		}
		if len(p.rows) > 0 {
			p.inRows = true
		}
		return nil
	}
	r, ok := p.selected()
	switch {
	case !ok:
		return nil
	case r.kind == rowHead && hard:
		p.follow(keyOf(r.table, r.chain))
	case r.rule != nil && r.rule.Jump != "":
		if r.table.Chain(r.rule.Jump) == nil {
			return page.Send(page.Say{Text: "there is no chain " + r.rule.Jump + " in this table"})
		}
		k := keyOf(r.table, r.chain)
		k.Chain = r.rule.Jump
		p.follow(k)
	case hard && r.rule != nil:
		return page.Send(page.Say{Text: "rule " + number(r.rule) + " jumps nowhere"})
	}
	return nil
}

func (p *Page) follow(k chainKey) {
	from := place{scope: p.scope(), row: p.at(p.cursor.Index())}
	if p.tree.Select(k) {
		p.back = append(p.back, from)
		p.cursor = list.Cursor[rowKey]{}
		p.version++
	}
}

// out goes back after a jump, or from the rules to the tree, or up in the tree.
func (p *Page) out(a keys.Action) {
	switch n := len(p.back); {
	case p.inRows && n > 0:
		from := p.back[n-1]
		p.back = p.back[:n-1]
		if p.tree.Select(from.scope) {
			p.cursor.Want(from.row)
		}
	case p.inRows:
		p.inRows = false
	case a == keys.Left:
		if !p.tree.Fold(false) {
			p.tree.Parent()
		}
	}
}

func (p *Page) setBaseline(f *page.Frame) tea.Cmd {
	if p.base.on {
		p.base = baseline{}
		return page.Send(page.Say{Text: "counting from the kernel's beginning"})
	}
	if f.Snap.Counts == nil || f.Snap.Counts.Generation != f.Snap.Rules.Generation {
		return page.Send(page.Say{Text: "no counters were read yet"})
	}
	p.base = baseline{on: true, counts: f.Snap.Counts, index: p.index}
	return page.Send(page.Say{Text: "counting from now; the kernel's counters stay. b again ends it"})
}

// ShowRule selects a rule by its ID in the ruleset.
func (p *Page) ShowRule(id int, f *page.Frame) {
	if !p.sync(f) {
		return
	}
	r, ok := p.index.rule(id)
	if !ok {
		return
	}
	p.never, p.back, p.inRows = false, nil, true
	if p.tree.Select(keyOf(r.table, r.chain)) {
		p.cursor.Want(p.index.key(r))
		p.sync(f)
	}
}
