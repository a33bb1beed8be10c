// Package connections is the page that lists conntrack's flows: who speaks to whom,
// through which translation, and how the reply finds its way back.
package connections

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/ui/component/list"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// Page is the Connections page. Make it with New.
type Page struct {
	cursor list.Cursor[uint32]
	groups list.Cursor[flow.GroupKey]
	order  order
	shown  shown
	ends   ends
	height int
	detail bool // the inspector has the screen, where there is no room for both
	// held is the connection that the user chose, in its newest form: it stays in the list
	// when it is over, so that the cursor, and what a key does next, never falls to another
	// one. chosen is its row.
	held   *flow.Flow
	chosen flow.Row
	in     *flow.Table // that chosen is a row of
	ghost  ghost
	placed int // the list's number that ghost is for

	nature nature
	pools  pools
	// above is how many lines stand above the first row.
	above int
	// ruled is the connection whose rules were gone to, turn how often.
	ruled flow.Key
	turn  int
	// writing makes the connections that a file's name is asked for.
	writing func() []*flow.Flow
	export  Exporter // nil where nothing can be written
	says    speech.Connections
	tells   speech.Notices
}

// ghost is a chosen connection that the list has no more, at the place where it was; -1
// is nowhere.
type ghost struct {
	at   int
	flow *flow.Flow
	row  flow.Row
	snap uint64 // the snapshot it was put there with
}

// New makes the page.
func New() *Page { return &Page{ghost: ghost{at: -1}} }

// Name is Connections.
func (p *Page) Name() string { return "Connections" }

// Filters says that flows are filtered, by text too.
func (p *Page) Filters() (filter.Kind, bool) { return filter.Flows, true }

// Live says that the page is narrowed as a filter is typed.
func (p *Page) Live() {}

// Deep reports whether Back leads somewhere.
func (p *Page) Deep() bool { return p.detail || p.pools.open || p.order.want.kind != flow.NoGroups }

// Work gives the next piece of what takes longer than a frame: a long list's making, the
// counting of ports, what the rules have to do with connections.
func (p *Page) Work(f *page.Frame) func() any {
	p.sync(f)
	if run := p.order.work(f); run != nil {
		return run
	}
	if p.pools.open {
		return p.pools.work(f)
	}
	return p.nature.work(f, p.inSight())
}

// Done takes a piece of that work.
func (p *Page) Done(answer any, f *page.Frame) {
	if !p.pools.done(answer) && !p.nature.done(answer, f) {
		p.order.worked(answer)
	}
	p.sync(f)
}

// inSight are the connections that are drawn, the chosen one first; nil for one that left.
func (p *Page) inSight() (out []*flow.Flow) {
	fl := p.Selected()
	if fl == nil {
		return nil
	}
	_, list := p.window(max(1, p.height))
	return append(append(out, fl), list...)
}

func (p *Page) sync(f *page.Frame) {
	p.order.sync(f)
	p.shown.sync(f, p.order.number)
	if p.order.made.groups() {
		p.groups.Sync(p.order.number, len(p.order.groups), func(i int) flow.GroupKey { return p.order.groups[i].Key })
		return
	}
	if p.placed != p.order.number {
		p.placed = p.order.number
		at := p.place(f)
		p.cursor.Place([2]int{p.order.number, p.ghost.at}, p.len(), at, p.at)
	} else if p.ghost.at >= 0 && p.ghost.snap != f.Snap.Version && p.cursor.Index() != p.ghost.at {
		p.ghost = ghost{at: -1}
	}
	p.cursor.Sync([2]int{p.order.number, p.ghost.at}, p.len(), p.at)
	p.hold(f)
}

// place gives the place of the held connection in a new list, -1 for none: where it is not
// in it any more it stays where it was, as long as it is one of those that are wanted.
func (p *Page) place(f *page.Frame) int {
	old := p.cursor.Index()
	p.ghost = ghost{at: -1}
	if p.held == nil {
		return -1
	}
	t := p.order.made.table
	if t != p.in { // as when a recording goes elsewhere
		p.in, p.chosen = t, flow.Row{}
		if _, row := t.Find(p.held.Key()); row.ID != 0 {
			p.chosen = row
		}
	}
	if at := p.order.view.Find(p.chosen); at >= 0 {
		return at
	}
	l := p.held.Look()
	if want := p.order.made.want(new(int)); want != nil && !want()(&l) {
		p.held = nil
		return -1
	}
	if p.held.Gone.IsZero() {
		over := *p.held
		over.Gone = f.Snap.Time
		p.held = &over
	}
	p.ghost = ghost{min(old, p.order.view.Len()), p.held, p.chosen, f.Snap.Version}
	return p.ghost.at
}

// len is the length of the list of connections.
func (p *Page) len() int {
	if p.ghost.at >= 0 {
		return p.order.view.Len() + 1
	}
	return p.order.view.Len()
}

// row is the row of the view at a place of the list; ok is false for that of the ghost.
func (p *Page) row(i int) (at int, ok bool) {
	if p.ghost.at < 0 || i < p.ghost.at {
		return i, true
	}
	return i - 1, i > p.ghost.at
}

func (p *Page) at(i int) uint32 {
	if k, ok := p.row(i); ok {
		return p.order.view.Row(k).ID
	}
	return p.ghost.row.ID
}

// hold keeps the newest form of the selected flow.
func (p *Page) hold(f *page.Frame) {
	i := p.cursor.Index()
	if i >= p.len() {
		p.held = nil
		return
	}
	k, ok := p.row(i)
	if !ok {
		p.held, p.chosen = p.ghost.flow, p.ghost.row
		return
	}
	row := p.order.view.Row(k)
	if fl := p.shown.flow(p.order.made.table, row); fl != nil {
		p.held = fl
	} else if row != p.chosen || p.in != p.order.made.table {
		p.held = nil
	} else if p.held != nil && p.held.Gone.IsZero() {
		over := *p.held
		over.Gone = f.Snap.Time
		p.held = &over
	}
	p.chosen, p.in = row, p.order.made.table
}

// Selected is the selected flow, nil where there is none.
func (p *Page) Selected() *flow.Flow {
	if p.order.made.groups() {
		return nil
	}
	return p.held
}

// move moves the cursor.
func (p *Page) move(by int, f *page.Frame) {
	if p.order.made.groups() {
		p.groups.Move(by, func(i int) flow.GroupKey { return p.order.groups[i].Key })
		return
	}
	p.cursor.Move(by, p.at)
	p.hold(f)
}

// Do carries out an action.
func (p *Page) Do(a keys.Action, f *page.Frame) tea.Cmd {
	p.sync(f)
	if p.pools.open {
		return p.inPools(a)
	}
	if a == keys.Pools {
		p.pools.open = true
		return nil
	}
	by := map[keys.Action]int{keys.Up: -1, keys.Down: 1, keys.PageUp: -max(1, p.height-1), keys.PageDown: max(1, p.height-1),
		keys.Top: -1 << 30, keys.Bottom: 1 << 30}[a]
	if by != 0 {
		p.move(by, f)
		return nil
	}
	switch a {
	case keys.Sort, keys.SortBack, keys.Group, keys.GroupBack:
		return p.arrange(a, f)
	case keys.Enter, keys.Right:
		if p.order.made.groups() {
			p.enter(f)
			return nil
		}
		p.detail = p.Selected() != nil
	case keys.Back, keys.Left:
		p.leave(a, f)
	}
	if p.order.made.groups() && a == keys.Copy {
		if i := p.groups.Index(); i < len(p.order.groups) {
			return page.Send(page.CopyRequest{Text: p.order.groups[i].Key.String()})
		}
	}
	fl := p.Selected()
	if fl == nil {
		return nil
	}
	if a == keys.ExportAll {
		return p.askFile(p.listed(), "nfscope-connections.txt")
	}
	if cmd, ok := p.about(a, fl); ok {
		return cmd
	}
	switch a {
	case keys.TraceThis:
		if !fl.Gone.IsZero() { // nothing of it will come any more
			return page.Send(page.ArmRequest{Filter: like(fl), Why: "it is over: this catches new ones", Both: true})
		}
		return page.Send(page.TraceRequest{Filter: filter.ForFlow(fl)})
	case keys.Why: // of new ones too: what is wrong is mostly their first packet
		return page.Send(page.WhyRequest{Filter: similar(fl)})
	case keys.Copy:
		return page.Send(page.CopyRequest{Text: fl.Orig.Tuple.Proto.String() + " " + fl.Line()})
	}
	return nil
}

// arrange orders and groups.
func (p *Page) arrange(a keys.Action, f *page.Frame) tea.Cmd {
	w := &p.order.want
	switch a {
	case keys.Sort:
		w.next()
	case keys.SortBack:
		w.down = !w.down
	case keys.Group, keys.GroupBack:
		step := flow.Kind(1)
		if a == keys.GroupBack {
			step = flow.Kinds - 1
		}
		w.group((w.kind + step) % flow.Kinds)
		p.detail = false
	}
	p.sync(f)
	return page.Send(page.Say{Text: w.words()})
}

// enter goes into the selected group.
func (p *Page) enter(f *page.Frame) {
	if i := p.groups.Index(); i < len(p.order.groups) {
		p.order.want.inside = p.order.groups[i].Key
		p.order.want.by, p.order.want.down = flow.ByAge, false
		p.sync(f)
	}
}

// leave goes out of the inspector, of a group, of the groups.
func (p *Page) leave(a keys.Action, f *page.Frame) {
	w := &p.order.want
	switch {
	case p.detail:
		p.detail = false
	case w.kind == flow.NoGroups:
	case w.inside != flow.GroupKey{}:
		w.group(w.kind)
	case a == keys.Back:
		w.group(flow.NoGroups)
	}
	p.sync(f)
}

// like is a filter for new connections of the same kind: those of the same client to
// the same service, from any port, and the answers.
func like(fl *flow.Flow) string {
	proto, _, _ := strings.Cut(filter.ForFlow(fl), " and ")
	o, r := fl.Orig.Tuple, fl.Reply.Tuple
	there := fmt.Sprintf("src host %s and dst host %s", o.Src, o.Dst)
	back := fmt.Sprintf("src host %s and dst host %s", r.Src, r.Dst)
	if o.Proto.Ports() {
		there += fmt.Sprintf(" and dst port %d", o.DPort)
		back += fmt.Sprintf(" and src port %d", r.SPort)
	}
	if !r.Src.IsValid() || !r.Dst.IsValid() {
		return proto + " and " + there
	}
	return proto + " and ((" + there + ") or (" + back + "))"
}
