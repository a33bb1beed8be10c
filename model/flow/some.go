package flow

// Some appends the flows of one part of the Table to l, in no order; more is false behind
// the last part, which begin with 0. It is for who asks so much of each flow that the Table
// must not stand still meanwhile.
func (t *Table) Some(part int, l []Look) (out []Look, more bool) {
	if t == nil {
		return l, false
	}
	var x Look
	more = t.eachIn(part, &x, func(x *Look) bool {
		l = append(l, *x)
		return true
	})
	return l, more
}
