package rules

import (
	"time"

	"nfscope/model"
	"nfscope/model/snapshot"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// baseline is the counters from which the page counts, our own: the kernel's are
// never set back.
type baseline struct {
	on bool
	// counts are the newest that there were at at. Taken is when all rules were counted:
	// those that were counted apart are newer.
	counts *model.Counts
	at     time.Time
	index  *index
}

// move carries the baseline over to a new ruleset: rules and chains that are still
// there keep theirs, new ones start at nothing.
func (b *baseline) move(x *index) {
	if !b.on || b.index == x {
		return
	}
	chains, rules := x.rs.Size()
	c := &model.Counts{Generation: x.rs.Generation, Taken: b.counts.Taken,
		Rules: make([]model.Counters, rules), Chains: make([]model.Counters, chains)}
	for at, p := range x.chains {
		was, ok := int32(at), at < len(b.index.chains) && b.index.chainKey(int32(at)) == x.chainKey(int32(at))
		if !ok {
			was, ok = b.index.chain(x.chainKey(int32(at)))
		}
		if !ok {
			continue
		}
		old := b.index.chains[was].chain
		if old.ID < len(b.counts.Chains) && p.chain.ID < len(c.Chains) {
			c.Chains[p.chain.ID] = b.counts.Chains[old.ID]
		}
		b.moveRules(old, p.chain, c)
	}
	b.counts, b.index = c, x
}

func (b *baseline) moveRules(old, now *model.Chain, c *model.Counts) {
	type name struct {
		handle uint64
		text   string
		nth    int
	}
	var where map[name]int // made where rules do not stand where they stood
	names := func(rules []model.Rule, each func(name, *model.Rule)) {
		seen := map[string]int{}
		for i := range rules {
			r := &rules[i]
			if r.Handle != 0 {
				each(name{handle: r.Handle}, r)
				continue
			}
			each(name{text: r.Text, nth: seen[r.Text]}, r)
			seen[r.Text]++
		}
	}
	same := 0
	for same < len(old.Rules) && same < len(now.Rules) && old.Rules[same].Handle == now.Rules[same].Handle && old.Rules[same].Text == now.Rules[same].Text {
		b.copy(&old.Rules[same], &now.Rules[same], c)
		same++
	}
	if same == len(now.Rules) || same == len(old.Rules) {
		return
	}
	where = map[name]int{}
	names(old.Rules[same:], func(n name, r *model.Rule) { where[n] = r.Index - 1 })
	names(now.Rules[same:], func(n name, r *model.Rule) {
		if i, ok := where[n]; ok {
			b.copy(&old.Rules[i], r, c)
		}
	})
}

func (b *baseline) copy(old, now *model.Rule, c *model.Counts) {
	if old.ID < len(b.counts.Rules) && now.ID < len(c.Rules) {
		c.Rules[now.ID] = b.counts.Rules[old.ID]
	}
}

// late is the age from which a counter is not of the moment.
const late = 3 * time.Second

// numbers are the counters of the frame. Rules are not all read at one time, where there
// are many; each has the rate of its own interval.
type numbers struct {
	snap *snapshot.Snapshot
	base *model.Counts
}

func (p *Page) numbers(f *page.Frame) *numbers {
	n := &numbers{snap: f.Snap}
	if p.base.on {
		n.base = p.base.counts
	}
	return n
}

// rates reports whether anything has a rate: two readings were made.
func (n *numbers) rates() bool {
	return n.snap.Counted() && (n.snap.Previous != nil && n.snap.Previous.Generation == n.snap.Counts.Generation || n.snap.Apart != nil)
}

// since gives the counters of a reading as they are to be shown: from the baseline, which
// has those in base. text are those that came with the rules.
func (n *numbers) since(r *snapshot.Tally, base []model.Counters, text model.Counters) (c model.Counters, rate float64) {
	if c = r.Now; r.At.IsZero() {
		c = text
	}
	if !c.Valid {
		return c, -1
	}
	if r.ID < len(base) && base[r.ID].Packets <= c.Packets && base[r.ID].Bytes <= c.Bytes {
		c.Packets -= base[r.ID].Packets
		c.Bytes -= base[r.ID].Bytes
	}
	return c, r.Rate()
}

// rule gives the counters of a rule; rate is below 0 where it is not known.
func (n *numbers) rule(r *model.Rule) (model.Counters, float64) {
	v := n.snap.Rule(r.ID)
	return n.reading(&v, r)
}

// reading is rule of what was read of it.
func (n *numbers) reading(v *snapshot.Tally, r *model.Rule) (model.Counters, float64) {
	var base []model.Counters
	if n.base != nil {
		base = n.base.Rules
	}
	return n.since(v, base, r.Counters)
}

// of gives the counters of a row: a rule's own, of a chain's end and heading the chain's.
func (n *numbers) of(r row) (model.Counters, float64) {
	switch {
	case r.rule != nil:
		return n.rule(r.rule)
	case r.chain != nil && r.chain.Base():
		v := n.snap.Chain(r.chain.ID)
		var base []model.Counters
		if n.base != nil {
			base = n.base.Chains
		}
		return n.since(&v, base, r.chain.Counters)
	}
	return model.Counters{}, -1
}

// hits is how many of the rules that were read apart have counted anything: while it stays
// the same, so do the rules that were never hit.
func (n *numbers) hits(x *index) int {
	if n.snap.Apart == nil {
		return 0
	}
	sum := 0
	for i := range n.snap.Apart.Rules {
		v := &n.snap.Apart.Rules[i]
		if r, ok := x.rule(v.ID); ok {
			if c, _ := n.reading(v, x.row(r).rule); c.Packets > 0 {
				sum++
			}
		}
	}
	return sum
}

// ageNote says of when the oldest counters among those of rows are, where that is not now.
// It is a time and no age, so that nothing is drawn anew while nothing is read. Of legacy
// tables, which are read with all others only, it is said all the time where that is
// seldom, not just before they are read again.
func (p *Page) ageNote(f *page.Frame, rows []ref) string {
	var oldest time.Time
	if !f.Snap.Counted() || f.Snap.Previous == nil {
		return ""
	}
	for _, at := range rows {
		var v snapshot.Tally
		r := p.index.row(at)
		switch {
		case r.rule != nil:
			v = f.Snap.Rule(r.rule.ID)
		case r.kind == rowPolicy:
			v = f.Snap.Chain(r.chain.ID)
		}
		if !v.Now.Valid || !oldest.IsZero() && !v.At.Before(oldest) {
			continue
		}
		if f.Now.Sub(v.At) > late || r.table.Backend == model.BackendLegacy && v.At.Sub(v.Since) > late {
			oldest = v.At
		}
	}
	if oldest.IsZero() {
		return ""
	}
	return speech.In(f.Language()).CountersOf(oldest.Format("15:04:05"))
}

// Visible adds the rows in sight and, of the tree's chains in sight, what their rates are
// made of.
func (p *Page) Visible(f *page.Frame, s *page.Sight) {
	if !p.sync(f) {
		return
	}
	left := p.split(f)
	if left < f.Width {
		from, to := p.cursor.Window(p.height)
		for _, at := range p.rows[from:to] {
			switch r := p.index.row(at); {
			case r.rule != nil:
				s.Rules = append(s.Rules, r.rule.ID)
			case r.chain != nil && r.chain.Base():
				s.Chains = append(s.Chains, r.chain.ID)
			}
		}
		if n := p.tree.Selected(); n != nil && n.Ref >= 0 { // its rate stands in the title
			p.visibleChain(p.index.chains[n.Ref].chain, s)
		}
	}
	if left == 0 {
		return
	}
	from, to := p.tree.Cursor.Window(p.treeHeight)
	for i := from; i < to; i++ {
		if n := p.tree.Node(i); n.Ref >= 0 {
			p.visibleChain(p.index.chains[n.Ref].chain, s)
		}
	}
}

// visibleChain adds what the rate of a chain is made of.
func (p *Page) visibleChain(c *model.Chain, s *page.Sight) {
	if c.Base() {
		s.Chains = append(s.Chains, c.ID)
		return
	}
	if p.marks == nil || p.marks.index != p.index || p.marks.graph.CallerCount(c) > manyCallers {
		return
	}
	for _, call := range p.marks.graph.Callers(c) {
		s.Rules = append(s.Rules, call.Rule.ID)
	}
}
