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
)

// Page is the Connections page. Make it with New.
type Page struct {
	cursor list.Cursor[flow.Key]
	order  order
	rates  rates
	ends   ends
	height int
	detail bool // the inspector has the screen, where there is no room for both
	// held is the connection that the user chose: it stays in the list when it is over,
	// so that the cursor, and what a key does next, never falls to another one.
	held *flow.Flow
}

// New makes the page.
func New() *Page { return &Page{} }

// Name is Connections.
func (p *Page) Name() string { return "Connections" }

// Filters says that flows are filtered, by text too.
func (p *Page) Filters() (filter.Kind, bool) { return filter.Flows, true }

// Deep reports whether Back leads somewhere.
func (p *Page) Deep() bool { return p.detail }

func (p *Page) sync(f *page.Frame) {
	p.rates.learn(f, p.order.by == byRate)
	p.order.sync(f, &p.rates, p.held)
	p.cursor.Sync(p.order.version, len(p.order.list), p.at)
	if p.held != nil {
		p.hold()
	}
}

// hold keeps the newest form of the selected flow.
func (p *Page) hold() { p.held = p.Selected() }

func (p *Page) at(i int) flow.Key { return p.order.list[i].Key() }

// Selected is the selected flow, nil where there is none.
func (p *Page) Selected() *flow.Flow {
	if i := p.cursor.Index(); i < len(p.order.list) {
		return p.order.list[i]
	}
	return nil
}

// Do carries out an action.
func (p *Page) Do(a keys.Action, f *page.Frame) tea.Cmd {
	p.sync(f)
	by := map[keys.Action]int{keys.Up: -1, keys.Down: 1, keys.PageUp: -max(1, p.height-1), keys.PageDown: max(1, p.height-1),
		keys.Top: -1 << 30, keys.Bottom: 1 << 30}[a]
	if by != 0 {
		p.cursor.Move(by, p.at)
		p.hold()
		return nil
	}
	switch a {
	case keys.Sort:
		p.order.next()
		p.sync(f)
		return page.Send(page.Say{Text: "ordered by " + p.order.name()})
	case keys.SortBack:
		p.order.down = !p.order.down
		p.sync(f)
		return page.Send(page.Say{Text: "ordered by " + p.order.name()})
	case keys.Enter, keys.Right:
		p.detail = p.Selected() != nil
	case keys.Back, keys.Left:
		p.detail = false
	}
	fl := p.Selected()
	if fl == nil {
		return nil
	}
	switch a {
	case keys.TraceThis:
		p.hold()
		if !fl.Gone.IsZero() { // nothing of it will come any more
			return page.Send(page.ArmRequest{Filter: like(fl), Why: "it is over: this catches new ones", Both: true})
		}
		return page.Send(page.TraceRequest{Filter: filter.ForFlow(fl)})
	case keys.Copy:
		return page.Send(page.CopyRequest{Text: fl.Orig.Tuple.Proto.String() + " " + fl.Line()})
	}
	return nil
}

// like is a filter for new connections of the same kind: those of the same client to
// the same service, from any port, and the answers.
func like(fl *flow.Flow) string {
	proto, _, _ := strings.Cut(filter.ForFlow(fl), " and (")
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
	return proto + " and (" + there + " or " + back + ")"
}

// match turns the text of the filter bar into a test; nil for an empty one.
func match(text string) func(*flow.Flow) bool {
	if text == "" {
		return nil
	}
	if flt, err := filter.Parse(text); err == nil && flt.Check(filter.Flows) == nil {
		return flt.Flow
	}
	low := strings.ToLower(text)
	return func(f *flow.Flow) bool {
		return strings.Contains(strings.ToLower(f.Orig.Tuple.Proto.String()+" "+f.Line()+" "+f.State+" "+f.NAT.String()), low) ||
			strings.Contains(f.Reply.Tuple.String(), low)
	}
}
