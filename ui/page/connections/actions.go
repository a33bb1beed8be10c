package connections

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/flow"
	"nfscope/ui/keys"
	"nfscope/ui/page"
)

// Exporter writes connections to files. It runs outside of the screen's goroutine and may
// block.
type Exporter interface {
	// ExportFlows writes a file whose name ends in .txt or .json. It never overwrites one.
	// said is what it did, in words.
	ExportFlows(name string, list []*flow.Flow) (said string, err error)
}

// NewLive makes the page where connections can be written to files.
func NewLive(e Exporter) *Page {
	p := New()
	p.export = e
	return p
}

// inPools carries an action out while the pools are shown.
func (p *Page) inPools(a keys.Action) tea.Cmd {
	v := &p.pools
	by := map[keys.Action]int{keys.Up: -1, keys.Down: 1, keys.PageUp: -max(1, v.height-1), keys.PageDown: max(1, v.height-1),
		keys.Top: -1 << 30, keys.Bottom: 1 << 30}[a]
	switch {
	case by != 0:
		v.cursor.Move(by, v.key)
	case a == keys.Pools || a == keys.Back || a == keys.Left:
		v.open = false
	case a == keys.Enter || a == keys.Right:
		text := v.filter()
		if text == "" {
			return page.Send(page.Say{Text: "no connection uses it"})
		}
		v.open = false
		return page.Send(page.FilterRequest{Page: p.Name(), Filter: text})
	case a == keys.ToRule:
		if x := v.selected(); x != nil && len(x.Rules) > 0 {
			return page.Send(page.GotoRule{RuleID: x.Rules[0].Rule.ID})
		}
		return page.Send(page.Say{Text: "no rule is known to translate to this address"})
	case a == keys.Copy:
		if x := v.selected(); x != nil {
			return page.Send(page.CopyRequest{Text: fmt.Sprintf("%s %s to %s: %d of %d ports", x.Proto, x.Addr, x.Destination(), x.Used, x.Ports.Size())})
		}
	}
	return nil
}

// about carries out an action about the chosen connection; ok is false for others.
func (p *Page) about(a keys.Action, fl *flow.Flow) (cmd tea.Cmd, ok bool) {
	switch a {
	case keys.ToRule:
		return p.toRule(fl), true
	case keys.Packets:
		k := p.nature.known[fl.Key()]
		if k.packets == 0 {
			return page.Send(page.Say{Text: "none of its packets was traced; t traces it"}), true
		}
		return page.Send(page.GotoJourney{Number: k.first}), true
	case keys.Likes:
		return page.Send(page.FilterRequest{Page: p.Name(), Filter: similar(fl)}), true
	case keys.Delete:
		return page.Send(page.DeleteRequest{Flow: fl}), true
	case keys.Export:
		return p.askFile(func() []*flow.Flow { return []*flow.Flow{fl} }, fmt.Sprintf("nfscope-connection-%d.txt", fl.ID)), true
	}
	return nil, false
}

// toRule goes to the rule that made the translation; asked again of the same connection
// to the next one.
func (p *Page) toRule(fl *flow.Flow) tea.Cmd {
	k, ok := p.nature.known[fl.Key()]
	if !ok {
		return page.Send(page.Say{Text: "its rules are being looked for"})
	}
	ids, traced := k.ruleIDs()
	if len(ids) == 0 {
		return page.Send(page.Say{Text: "no rule of now made its translation"})
	}
	if p.ruled != fl.Key() {
		p.ruled, p.turn = fl.Key(), 0
	}
	id := ids[p.turn%len(ids)]
	p.turn++
	how := "inferred"
	if traced {
		how = "traced"
	}
	say := fmt.Sprintf("the rule that translates it (%s)", how)
	if len(ids) > 1 {
		say = fmt.Sprintf("rule %d of %d that translate it, or may (%s)", (p.turn-1)%len(ids)+1, len(ids), how)
	}
	return tea.Batch(page.Send(page.GotoRule{RuleID: id}), page.Send(page.Say{Text: say}))
}

// similar is a filter for connections of the same client to the same service.
func similar(fl *flow.Flow) string {
	o := fl.Orig.Tuple
	s := fmt.Sprintf("%s and src host %s and dst host %s", o.Proto, o.Src, o.Dst)
	if o.Proto.Ports() {
		s += fmt.Sprintf(" and dst port %d", o.DPort)
	}
	return s
}

// askFile asks for the name of the file that connections are written to.
func (p *Page) askFile(list func() []*flow.Flow, name string) tea.Cmd {
	if p.export == nil {
		return page.Send(page.Say{Text: "nothing can be written from here", Bad: true})
	}
	p.writing = list
	return page.Send(page.TypeRequest{Prompt: "write to ", Hint: name, Text: name, Says: "text (.txt) or JSON (.json), by the name's end"})
}

// listed makes the connections that are listed now; those that leave meanwhile are left out.
func (p *Page) listed() func() []*flow.Flow {
	t, v := p.order.made.table, p.order.view
	return func() (out []*flow.Flow) {
		for i := range v.Len() {
			if fl := t.Flow(v.Row(i)); fl != nil {
				out = append(out, fl)
			}
		}
		return out
	}
}

// Take takes the name of a file.
func (p *Page) Take(text string, _ *page.Frame) tea.Cmd {
	list, to, name := p.writing, p.export, strings.TrimSpace(text)
	p.writing = nil
	if list == nil || to == nil || name == "" {
		return nil
	}
	return func() tea.Msg {
		l := list()
		if len(l) == 0 {
			return page.Say{Text: "there is no connection to write"}
		}
		said, err := to.ExportFlows(name, l)
		if err != nil {
			return page.Say{Text: err.Error(), Bad: true}
		}
		return page.Say{Text: said}
	}
}
