package rules

import (
	"strings"

	"nfscope/model"
	"nfscope/ui/component/tree"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// treeVersion is what the tree depends on.
type treeVersion struct {
	index *index
	hits  *hits
	aside chainKey
	sets  int
	uses  *uses
}

// The kinds of a node, beside chains, whose Ref is their place: below 0.
const (
	nodeAll     = -1
	nodeBackend = -2
	nodeTable   = -3
	nodeLine    = -4
	nodeSets    = -5 // the ipsets
	nodeSet     = -6 // a set that the rules' text does not have
	nodeObject  = -7 // and below: objects by their place
)

func (p *Page) syncTree(f *page.Frame, h *hits) {
	was := p.nodes
	if was.index == p.index && was.hits == h && was.aside == p.aside && was.sets == p.sets.version && was.uses == p.namers() {
		return
	}
	if h != nil && was.hits == nil && p.before == nil {
		s := p.here()
		s.back = p.back
		p.before, p.acted = &s, false
	}
	p.setTree(h)
	switch {
	case h != nil && h.text != p.topFor: // nothing found may be out of sight
		p.topFor = h.text
		p.reveal(chainKey{})
		p.back = nil
	case f.Filter == "" && p.before != nil:
		s := *p.before
		p.before, p.topFor = nil, ""
		if !p.acted {
			p.returnTo(s)
			p.back = s.back
		}
	case was.index == nil || p.restart: // a chain of the outline may have turned out to be empty
		p.restart = false
		p.start()
	}
}

// setTree gives the tree its nodes.
func (p *Page) setTree(h *hits) {
	p.nodes = treeVersion{p.index, h, p.aside, p.sets.version, p.namers()}
	p.tree.Set(p.nodes, func() []tree.Node[chainKey] { return p.nodeList(h) })
}

// start selects the first chain that has rules, so that the page does not open on
// an empty panel.
func (p *Page) start() {
	for _, c := range p.index.chains {
		if c.chain.Hook == model.HookInput && (len(c.chain.Rules) > 0 || p.waits(c.chain) != 0) {
			p.tree.Select(keyOf(c.table, c.chain))
			return
		}
	}
}

// treeLines is how many lines of an object the tree unfolds; the panel shows all.
const treeLines = 200

// nodeList lists backends, tables, chains and sets; with hits only those that have some,
// and the chain or set that a jump led to.
func (p *Page) nodeList(h *hits) []tree.Node[chainKey] {
	x, aside := p.index, p.aside
	out := make([]tree.Node[chainKey], 0, len(x.chains)+2*len(x.tables)+2)
	out = append(out, tree.Node[chainKey]{Ref: nodeAll})
	backend := model.BackendUnknown
	for i := range x.tables {
		s := &x.tables[i]
		k := keyOf(s.table, nil)
		here := (aside.Chain != "" || aside.Extra != "") && aside.Backend == k.Backend && aside.Family == k.Family && aside.Table == k.Table
		if h != nil && h.start[s.chains] == h.start[s.chainsEnd] && !here && !s.named(x, h.text) && !p.listedNamed(s.table, h.text) {
			continue
		}
		if s.table.Backend != backend {
			backend = s.table.Backend
			out = append(out, tree.Node[chainKey]{Key: chainKey{Backend: backend}, Ref: nodeBackend, Folds: true})
		}
		out = append(out, tree.Node[chainKey]{Key: k, Ref: nodeTable, Depth: 1, Folds: s.anything || len(p.listedOnly(s.table, nil)) > 0})
		for at := s.chains; at < s.chainsEnd; at++ {
			if h == nil || h.start[at] < h.start[at+1] || here && x.chains[at].chain.Name == aside.Chain {
				k.Chain = x.chains[at].chain.Name
				out = append(out, tree.Node[chainKey]{Key: k, Ref: at, Depth: 2})
			}
		}
		k.Chain = ""
		seen := map[string]bool{}
		for at := s.objects; at < s.objectsEnd; at++ {
			o := &x.objects[at]
			k.Extra = o.name
			isSet, ok := setKey(k)
			if ok {
				seen[isSet.Name] = true
			}
			switch {
			case h != nil && !containsFold(o.name, strings.ToLower(h.text)) && k != aside:
			case ok && p.sets.from != nil: // its members are for the panel
				out = append(out, tree.Node[chainKey]{Key: k, Ref: nodeObject - at, Depth: 2})
			default:
				out = append(out, tree.Node[chainKey]{Key: k, Ref: nodeObject - at, Depth: 2, Folds: true, Closed: true})
				out = objectLines(out, k, o.text)
			}
		}
		for _, name := range p.listedOnly(s.table, seen) {
			if k.Extra = name; h == nil || containsFold(name, strings.ToLower(h.text)) || k == aside {
				out = append(out, tree.Node[chainKey]{Key: k, Ref: nodeSet, Depth: 2})
			}
		}
	}
	return p.ipsetNodes(out, h)
}

// ipsetNodes adds the ipsets, which belong to no table.
func (p *Page) ipsetNodes(out []tree.Node[chainKey], h *hits) []tree.Node[chainKey] {
	head := len(out)
	for _, name := range p.ipsetNames() {
		k := chainKey{Extra: ipsetNode + " " + name}
		if h != nil && !containsFold(name, strings.ToLower(h.text)) && k != p.aside {
			continue
		}
		if len(out) == head {
			out = append(out, tree.Node[chainKey]{Key: chainKey{Extra: ipsetNode}, Ref: nodeSets, Folds: true})
		}
		out = append(out, tree.Node[chainKey]{Key: k, Ref: nodeSet, Depth: 1})
	}
	return out
}

// listedNamed reports whether a set that only the list has has the text in its name.
func (p *Page) listedNamed(t *model.Table, text string) bool {
	low := strings.ToLower(text)
	for _, name := range p.listedOnly(t, nil) {
		if containsFold(name, low) {
			return true
		}
	}
	return false
}

// named reports whether an object of the table has the text in its name.
func (s *span) named(x *index, text string) bool {
	low := strings.ToLower(text)
	for _, o := range x.objects[s.objects:s.objectsEnd] {
		if containsFold(o.name, low) {
			return true
		}
	}
	return false
}

func objectLines(out []tree.Node[chainKey], k chainKey, text string) []tree.Node[chainKey] {
	name := k.Extra
	n := 0
	for l := range strings.Lines(text) {
		if l = strings.TrimRight(l, "\r\n"); n > 0 && l != "}" {
			k.Extra = name + "\n" + l
			out = append(out, tree.Node[chainKey]{Key: k, Ref: nodeLine, Depth: 3})
		}
		if n++; n > treeLines {
			break
		}
	}
	return out
}

// face is what a node looks like.
func (p *Page) face(f *page.Frame, nums *numbers, n *tree.Node[chainKey]) tree.Face {
	th, x, h := f.Theme, p.index, p.nodes.hits
	out := tree.Face{Style: th.Text, NoteStyle: th.Dim}
	note := func(s string) { out.Notes = []string{s} }
	switch {
	case n.Ref == nodeAll && h != nil:
		out.Text = p.say.Of("all that is found")
		note(units.Count(uint64(len(h.rules)), 6))
	case n.Ref == nodeAll:
		out.Text = p.say.Of("all rules")
		switch {
		case !p.outline:
			note(units.Count(uint64(x.rules), 6))
		case p.reading.Total > 0:
			note(units.Count(uint64(p.reading.Total), 6))
		default:
			note("?")
		}
	case n.Ref == nodeBackend:
		out.Text, out.Style = n.Key.Backend.String(), th.Backend(n.Key.Backend).Bold(true)
	case n.Ref == nodeTable:
		out.Text, out.Style = n.Key.Family.String()+" "+n.Key.Table, th.Strong
		if t := x.rs.Table(n.Key.Backend, n.Key.Family, n.Key.Table); t != nil {
			note(t.Flags)
		}
	case n.Ref == nodeLine:
		_, l, _ := strings.Cut(n.Key.Extra, "\n")
		out.Text, out.Style = l, th.Dim
	case n.Ref == nodeSets:
		out.Text, out.Style = ipsetNode, th.Accent.Bold(true)
		note(units.Count(uint64(len(p.ipsetNames())), 6))
	case n.Ref <= nodeSet:
		out.Text, out.Style = n.Key.Extra, th.Accent
		if k, ok := setKey(n.Key); ok {
			p.setFace(th, n.Key, k, &out)
		}
	default:
		p.chainFace(f, nums, n.Ref, &out)
	}
	return out
}

func (p *Page) chainFace(f *page.Frame, nums *numbers, at int32, out *tree.Face) {
	th, c := f.Theme, p.index.chains[at].chain
	out.Text = c.Name
	if h := p.nodes.hits; h != nil {
		out.Notes = []string{units.Count(uint64(h.start[at+1]-h.start[at]), 6)}
		return
	}
	if len(c.Rules) == 0 {
		out.Style = th.Dim
	}
	if n := p.waits(c); n != 0 {
		out.Notes = []string{speech.In(f.Language()).Reading(n), p.say.Of("reading")}
		return
	}
	maker, _ := p.index.origin(at)
	words, word := p.marks.says(c)
	switch {
	case words != "":
		words, word = p.say.Of(words), p.say.Of(word)
		out.Notes = []string{words, word}
		if maker.Name != "" {
			out.Notes = []string{maker.Name + p.say.Of(", ") + words, words, word}
		}
		if len(c.Rules) > 0 {
			out.NoteStyle = th.Warn
		}
	case c.Base() && strings.EqualFold(c.Name, c.Hook.String()):
		out.Notes = []string{priority(c), ""} // a bare number would look like a count
	case c.Base():
		out.Notes = []string{c.Hook.String() + " " + priority(c), c.Hook.String(), ""}
	case maker.Name == "kube-proxy": // the prefix tells it; which service does not show
		about := strings.TrimPrefix(maker.About, "service ")
		_, short, _ := strings.Cut(about, "/") // without its Kubernetes namespace
		out.Notes = []string{about, short, maker.Name}
	case maker.About != "":
		out.Notes = []string{maker.Name + ", " + maker.About, maker.Name}
	default:
		out.Notes = []string{maker.Name}
	}
	if rate := p.chainRate(f, nums, c); rate > 0 {
		// What passes now goes before what never changes.
		speed := units.Rate(rate) + "/s"
		out.Notes = append([]string{speed + "  " + out.Notes[0], speed}, out.Notes...)
	}
}

// priority is a base chain's place among those of its hook, in the tree.
func priority(c *model.Chain) string { return "prio " + c.Priority.String() }

// manyCallers is the number of callers up to which a chain's rate is summed up.
const manyCallers = 64

// chainRate is how many packets a second come into a chain: a base chain's as it was
// counted, of another what the rules count that call it. Below 0 it is not known.
func (p *Page) chainRate(f *page.Frame, n *numbers, c *model.Chain) float64 {
	if c.Base() {
		if c.ID < len(f.Snap.Sparks) {
			if rates := f.Snap.Sparks[c.ID]; len(rates) > 0 {
				return rates[len(rates)-1]
			}
		}
		return -1
	}
	if !n.rates() || p.marks == nil || p.marks.index != p.index {
		return -1
	}
	if k := p.marks.graph.CallerCount(c); k == 0 || k > manyCallers || p.marks.graph.Unread(c) != nil {
		return -1
	}
	sum := 0.0
	for _, call := range p.marks.graph.Callers(c) {
		_, rate := n.rule(call.Rule)
		if rate < 0 {
			return -1
		}
		sum += rate
	}
	return sum
}

// treeWidth is the width of the tree beside the rules.
func treeWidth(width int) int { return max(26, min(48, width/4)) }

// waits is how many rules of a chain are still to be read, -1 where nobody knows.
func (p *Page) waits(c *model.Chain) int {
	if !p.outline {
		return 0
	}
	return p.reading.Waits(c)
}
