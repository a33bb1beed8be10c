package flow

// Clone gives a Table that goes on from where t is, apart from it.
func (t *Table) Clone() Table {
	c := *t
	c.flows, c.order = make(map[Key]*entry, len(t.flows)), make([]*entry, len(t.order))
	for i, e := range t.order {
		n := *e
		c.order[i] = &n
		if !n.dead {
			c.flows[n.flow.Key()] = &n
		}
	}
	return c
}
