package rules

import (
	"nfscope/model"
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
	old := map[rowKey]model.Counters{}
	for id, r := range b.index.rules {
		if r.rule != nil && id < len(b.counts.Rules) {
			old[b.index.key(r)] = b.counts.Rules[id]
		}
	}
	for _, t := range b.index.rs.Tables {
		for _, ch := range t.Chains {
			if ch.ID < len(b.counts.Chains) {
				old[rowKey{kind: rowPolicy, chain: keyOf(t, ch)}] = b.counts.Chains[ch.ID]
			}
		}
	}
	for id, r := range x.rules {
		if r.rule != nil {
			c.Rules[id] = old[x.key(r)]
		}
	}
	for _, t := range x.rs.Tables {
		for _, ch := range t.Chains {
			if ch.ID < len(c.Chains) {
				c.Chains[ch.ID] = old[rowKey{kind: rowPolicy, chain: keyOf(t, ch)}]
			}
		}
	}
	b.counts, b.index = c, x
}

// numbers are the counters of the moment, with the rate since the reading before.
type numbers struct {
	now, before *model.Counts
	base        *model.Counts
	seconds     float64
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

// counters of a row: a rule's own, of a chain's end and heading the chain's.
func (n *numbers) of(r row) (model.Counters, float64) {
	switch {
	case r.rule != nil:
		return n.read(ofRules, r.rule.ID, r.rule.Counters)
	case r.chain != nil && r.chain.Base():
		return n.read(ofChains, r.chain.ID, r.chain.Counters)
	}
	return model.Counters{}, -1
}
