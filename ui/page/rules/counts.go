package rules

import (
	"nfscope/model"
	"nfscope/ui/page"
)

// baseline is the counters from which the page counts, our own: the kernel's are
// never set back.
type baseline struct {
	on     bool
	counts *model.Counts
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

// numbers are the counters of the moment, with the rate since the reading before.
type numbers struct {
	now, before *model.Counts
	base        *model.Counts
	seconds     float64
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

// read gives the counters of one rule or chain; rate is below 0 where it is not known.
func (n *numbers) read(list func(*model.Counts) []model.Counters, id int, text model.Counters) (c model.Counters, rate float64) {
	c, rate = text, -1
	if n.now != nil {
		if l := list(n.now); id < len(l) {
			c = l[id]
		}
	}
	if !c.Valid {
		return c, -1
	}
	if n.now != nil && n.before != nil && n.seconds > 0 {
		if l := list(n.before); id < len(l) && l[id].Valid && l[id].Packets <= c.Packets {
			rate = float64(c.Packets-l[id].Packets) / n.seconds
		}
	}
	if n.base != nil {
		if l := list(n.base); id < len(l) && l[id].Packets <= c.Packets && l[id].Bytes <= c.Bytes {
			c.Packets -= l[id].Packets
			c.Bytes -= l[id].Bytes
		}
	}
	return c, rate
}

func ofRules(c *model.Counts) []model.Counters  { return c.Rules }
func ofChains(c *model.Counts) []model.Counters { return c.Chains }

// rule gives the counters of a rule.
func (n *numbers) rule(r *model.Rule) (model.Counters, float64) {
	return n.read(ofRules, r.ID, r.Counters)
}

// of gives the counters of a row: a rule's own, of a chain's end and heading the chain's.
func (n *numbers) of(r row) (model.Counters, float64) {
	switch {
	case r.rule != nil:
		return n.rule(r.rule)
	case r.chain != nil && r.chain.Base():
		return n.read(ofChains, r.chain.ID, r.chain.Counters)
	}
	return model.Counters{}, -1
}
