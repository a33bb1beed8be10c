// Package rules is the page that lists tables, chains and rules as the backends have
// them, with counters, rates and the rules that packets just hit.
package rules

import (
	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/list"
	"nfscope/ui/component/tree"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// Page is the Rules page. Make it with New.
type Page struct {
	tree   tree.Tree[chainKey]
	cursor list.Cursor[ref]
	inRows bool // keys go to the rules, not to the tree

	index *index
	// outline is true while index is of the outline of the first ruleset, and reading what
	// the frame says of it.
	outline bool
	reading *snapshot.Reading
	// touched is true once the user did something; restart that the page may choose what to
	// open on again.
	touched, restart bool
	nodes            treeVersion
	shown            listVersion
	rows             []ref
	drawn            drawn
	heats            []heat // room to sort in
	base             baseline
	never            bool
	hot              bool
	back             []spot
	trail            history
	notices          speech.Notices
	inWords          speech.Rules
	doubts           speech.Doubts
	say              ladder.Say
	dead             deaths
	// version grows with every new list of rows; the cursor looks for its row then.
	version int
	height  int // of the rows in sight at the last View
	// treeHeight is of the tree's.
	treeHeight int

	// What is worked on beside the screen; see work.go.
	busy     bool
	search   *search
	searched float64
	hits     *hits
	marks    *marks
	older    *model.Ruleset // that the ruleset is still to be held against
	news     []batch        // of changes, newest last
	glow     map[*model.Rule]glow

	sets book
	uses *uses // nil while the rules are searched

	menu *menu    // nil while none is open
	box  *inspect // nil while none is open
	// before is where the page was before a filter moved it; acted is true once
	// something was done under the filter.
	before *spot
	acted  bool
	topFor string // the filter for which the tree went to the top
	// aside is the chain that a jump led to: it is shown in full, whatever the filter.
	aside chainKey
}

// spot is where the page was: what a jump, a caller or a filter leads back to.
type spot struct {
	scope  chainKey
	row    rowKey
	has    bool // a row was selected
	inRows bool
	back   []spot
}

// New makes the page.
func New() *Page { return &Page{} }

// Name is Rules.
func (p *Page) Name() string { return "Rules" }

// Filters says that rules are filtered, by text too.
func (p *Page) Filters() (filter.Kind, bool) { return filter.Rules, true }

// Deep reports whether Back leads somewhere.
func (p *Page) Deep() bool { return len(p.back) > 0 || p.inRows || p.menu != nil || p.box != nil }

// narrow is the width below which one panel is shown at a time.
const narrow = 76

// sync brings what is kept in step with the frame. Everything is cached by the
// pointers it was made from; a frame without news costs nothing.
func (p *Page) sync(f *page.Frame) bool {
	rs := f.Snap.Shown()
	if rs == nil {
		return false
	}
	p.reading = f.Snap.Reading
	if p.index == nil || p.index.rs != rs {
		p.swap(f.Snap.Names(rs), f.Snap.Rules == nil)
	}
	if p.index.rules <= small {
		for run := p.due(f); run != nil; run = p.due(f) {
			p.take(run(), f)
		}
	}
	h := p.hits
	switch {
	case f.Filter == "":
		p.hits, p.search, h = nil, nil, nil
	case h != nil && h.index != p.index:
		h = nil
	}
	p.syncTree(f, h)
	p.syncSet()
	v := listVersion{index: p.index, scope: p.scope(), filter: f.Filter, hits: h, never: p.never, hot: p.hot}
	switch {
	case h != nil:
		v.filter = h.text // an older one, while the newer is looked for
	case p.topFor == "":
		v.filter = "" // the first is looked for: all stays in sight until it is found
	}
	if p.aside.Chain != "" && v.scope == p.aside {
		v.filter, v.hits = "", nil
	}
	if p.base.on {
		v.base = p.base.counts
	}
	if p.never || p.hot {
		v.counts = f.Snap.Counts // what is hottest is told by those of one moment
	}
	if p.never {
		v.hit = p.numbers(f).hits(p.index)
	}
	if p.outline && len(p.reading.Waiting) > 0 {
		v.waiting = &p.reading.Waiting[0]
	}
	if v != p.shown || p.rows == nil {
		room := 0
		if p.shown.scope == v.scope && p.shown.hits == v.hits && p.shown.never == v.never { // about as many as there were
			room = len(p.rows)
		}
		p.shown = v
		p.rows = p.list(v, p.numbers(f), room)
		p.version++
	}
	p.cursor.Sync(p.version, len(p.rows), p.at)
	return true
}

// swap takes another ruleset. What the user has selected is found again by name.
func (p *Page) swap(names *ruleset.Index, outline bool) {
	old, x := p.index, newIndex(names)
	was := p.outline
	p.index, p.outline = x, outline
	p.base.move(x)
	p.trail.move(old, x)
	if old == nil {
		return
	}
	p.settleNews()
	if was { // what was shown was never all: nothing changed since
		p.older, p.restart = nil, !p.touched
	} else if p.older == nil { // else more than one came since, and the first is what was seen
		p.older = old.rs
	}
	if r, ok := p.cursor.Key(); ok {
		if r, ok = x.find(old.key(r)); ok {
			p.cursor.Want(r)
		} else {
			p.cursor.Forget()
		}
	}
	p.search, p.marks, p.uses, p.rows = nil, nil, nil, nil
}

func (p *Page) at(i int) ref { return p.rows[i] }

// scope is what the tree has selected.
func (p *Page) scope() chainKey {
	if n := p.tree.Selected(); n != nil {
		return n.Key
	}
	return chainKey{}
}

// Do carries out an action.
func (p *Page) Do(a keys.Action, f *page.Frame) tea.Cmd {
	if !p.sync(f) {
		return nil
	}
	defer p.sync(f)
	p.acted, p.touched = true, true
	if p.menu != nil {
		return p.doMenu(a)
	}
	if p.box != nil {
		return p.doInspect(a, f)
	}
	if p.move(a) {
		return nil
	}
	if cmd, done := p.doSet(a); done {
		return cmd
	}
	switch a {
	case keys.Enter:
		return p.enter(true)
	case keys.Right:
		return p.enter(false)
	case keys.Left, keys.Back:
		p.out(a)
	case keys.NeverHit:
		if p.never = !p.never; p.never {
			return page.Send(page.Say{Text: "only rules that were never hit; * again shows all"})
		}
		return page.Send(page.Say{Text: "all rules"})
	case keys.Hottest:
		if p.hot = !p.hot; p.hot {
			return page.Send(page.Say{Text: "hottest first within each chain; the kernel still asks by number (o: in order again)"})
		}
		return page.Send(page.Say{Text: "in the kernel's order"})
	case keys.Inspect:
		return p.inspectRule()
	case keys.TraceThis:
		if r, ok := p.selected(); ok && p.inRows && r.rule != nil {
			return traceRule(r)
		}
	case keys.Flows:
		if r, ok := p.selected(); ok && p.inRows && r.rule != nil {
			return flowsOf(r)
		}
	case keys.Callers:
		if k, ok := setKey(p.scope()); ok {
			return p.users(k)
		}
		return p.callers()
	case keys.ToSet:
		return p.setsOfRule()
	case keys.Changes:
		return p.changes(f)
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
	by := steps(a, p.height)
	if by == 0 {
		return false
	}
	if m := p.sets.open; p.inRows && m != nil {
		m.cursor.Move(by, m.at)
		m.failed, m.said = false, ""
		return true
	}
	if p.inRows {
		p.cursor.Move(by, p.at)
		return true
	}
	p.tree.Cursor.Move(by, p.tree.At)
	p.aside = chainKey{}
	return true
}

// steps is how many rows an action moves by, 0 where it moves nothing.
func steps(a keys.Action, height int) int {
	switch a {
	case keys.Up:
		return -1
	case keys.Down:
		return 1
	case keys.PageUp:
		return -max(1, height-1)
	case keys.PageDown:
		return max(1, height-1)
	case keys.Top:
		return -1 << 30
	case keys.Bottom:
		return 1 << 30
	}
	return 0
}

// selected is the row that keys act on.
func (p *Page) selected() (row, bool) {
	if i := p.cursor.Index(); i < len(p.rows) {
		return p.index.row(p.rows[i]), true
	}
	return row{}, false
}

// enter goes from the tree to the rules, and from a rule after its jump.
func (p *Page) enter(hard bool) tea.Cmd {
	if !p.inRows {
		if n := p.tree.Selected(); n != nil && n.Folds && !p.tree.Open(n) {
			p.tree.Fold(true)
			return nil
		}
		if len(p.rows) > 0 || p.sets.open != nil {
			p.inRows = true
		}
		return nil
	}
	r, ok := p.selected()
	switch {
	case !ok:
		return nil
	case r.kind == rowHead && hard:
		p.goTo(keyOf(r.table, r.chain), ref{}, false)
	case r.rule != nil && r.rule.Jump != "":
		k := keyOf(r.table, r.chain)
		k.Chain = r.rule.Jump
		return p.goChain(k)
	case r.rule != nil:
		if cmd, some := p.choices(r); some {
			return cmd
		}
		if hard {
			return p.inspectRule()
		}
	}
	return nil
}

// goChain goes to a chain that a rule names.
func (p *Page) goChain(k chainKey) tea.Cmd {
	if _, ok := p.index.chain(k); !ok {
		return page.Send(page.Say{Text: "there is no chain " + k.Chain + " in this table"})
	}
	p.goTo(k, ref{}, false)
	return nil
}

// here is the spot that Back returns to.
func (p *Page) here() spot {
	s := spot{scope: p.scope(), inRows: p.inRows}
	if r, ok := p.cursor.Key(); ok {
		s.row, s.has = p.index.key(r), true
	}
	return s
}

// goTo shows a chain, and a row of it where has says so; Back returns.
func (p *Page) goTo(k chainKey, to ref, has bool) {
	from := p.here()
	if !p.reveal(k) {
		return
	}
	p.back = append(p.back, from)
	p.inRows = true
	p.cursor = list.Cursor[ref]{}
	if has {
		p.cursor.Want(to)
	}
	p.version++
}

// reveal selects a chain in the tree; where a filter hides it, it is shown in full.
func (p *Page) reveal(k chainKey) bool {
	p.aside = chainKey{}
	if p.nodes.hits != nil && (k.Chain != "" || k.Extra != "") {
		p.aside = k
		p.setTree(p.nodes.hits)
	}
	return p.tree.Select(k)
}

// returnTo goes to a spot.
func (p *Page) returnTo(s spot) {
	p.inRows = s.inRows
	if !p.reveal(s.scope) || !s.has {
		return
	}
	if r, ok := p.index.find(s.row); ok {
		p.cursor.Want(r)
	}
}

// out goes back after a jump, or from the rules to the tree, or up in the tree.
func (p *Page) out(a keys.Action) {
	switch n := len(p.back); {
	case n > 0 && (p.inRows || a == keys.Back):
		from := p.back[n-1]
		p.back = p.back[:n-1]
		p.returnTo(from)
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
	counts := f.Snap.Merged()
	if counts == nil {
		return page.Send(page.Say{Text: "no counters were read yet"})
	}
	p.base = baseline{on: true, counts: counts, at: counts.Taken, index: p.index}
	if a := f.Snap.Apart; a != nil {
		for i := range a.Rules {
			if at := a.Rules[i].At; at.After(p.base.at) {
				p.base.at = at
			}
		}
	}
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
	p.never, p.back, p.inRows, p.menu, p.box, p.touched = false, nil, true, nil, nil, true
	if p.reveal(p.index.chainKey(r.at)) {
		p.sync(f)
		p.cursor.Want(r)
		p.sync(f)
	}
}
