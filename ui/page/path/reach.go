package path

import "nfscope/model"

// reach finds the user chains that base chains call, one after the other or through
// others. The base chains of one table mostly reach the same ones, 36,000 on a large
// host: whom a chain calls is looked up by name only once.
type reach struct {
	w    *world
	next [][]*model.Chain // by Chain.ID; nil where it was not asked for
	seen []int            // by Chain.ID: the last walk that came by
	walk int
	// common is a chain that several call, as KUBE-MARK-MASQ: it is not looked up each time.
	common *model.Chain
	table  *model.Table // of common
}

func newReach(w *world) *reach {
	n, _ := w.rules.Size()
	return &reach{w: w, next: make([][]*model.Chain, n), seen: make([]int, n)}
}

// from lists the user chains that can be reached from a chain of a table.
func (r *reach) from(t *model.Table, c *model.Chain) []*model.Chain {
	var out []*model.Chain
	r.walk++
	for todo := []*model.Chain{c}; len(todo) > 0; {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, u := range r.calls(t, c) {
			if r.seen[u.ID] != r.walk {
				r.seen[u.ID] = r.walk
				out, todo = append(out, u), append(todo, u)
			}
		}
	}
	return out
}

// calls lists whom a chain's own rules call, some maybe twice.
func (r *reach) calls(t *model.Table, c *model.Chain) []*model.Chain {
	if r.next[c.ID] == nil {
		n := 0
		for i := range c.Rules {
			n += boolInt(c.Rules[i].Jump != "")
		}
		list := make([]*model.Chain, 0, n) // not nil: it was asked for
		for i := range c.Rules {
			if u := r.called(t, &c.Rules[i]); u != nil {
				list = append(list, u)
			} else {
				list = append(list, r.w.index.Chosen(t, &c.Rules[i])...)
			}
		}
		r.next[c.ID] = list
	}
	return r.next[c.ID]
}

func (r *reach) called(t *model.Table, rule *model.Rule) *model.Chain {
	if r.common != nil && r.table == t && rule.Jump == r.common.Name {
		return r.common
	}
	u := r.w.jump(t, rule)
	if u != nil && r.next[u.ID] != nil {
		r.common, r.table = u, t
	}
	return u
}
