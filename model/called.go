package model

// Called names a base chain that a hook calls. One that is made anew is registered anew, and
// has other handles where the backend tells any.
type Called struct {
	Backend      Backend
	Family       Family
	Hook         Hook
	Table, Chain string
	Handles      [2]uint64
}

// CalledOf names a base chain of a table.
func CalledOf(t *Table, c *Chain) Called {
	return Called{t.Backend, t.Family, c.Hook, t.Name, c.Name, [2]uint64{t.Handle, c.Handle}}
}
