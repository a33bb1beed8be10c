// Package list keeps a selection in a list of any length. The selection follows
// the row's identity, never its number, and only the rows in sight are asked for.
package list

// Cursor is the selection and the part of the list in sight. K is a row's identity.
// The zero value selects the first row.
type Cursor[K comparable] struct {
	key     K
	has     bool
	index   int
	top     int
	n       int
	version any
}

// Sync tells the cursor what the list is now. version is any comparable value that
// changes with the list's order or content; while it stays the same nothing is
// looked at. Where the selected row is gone, the row that took its place is selected.
func (c *Cursor[K]) Sync(version any, n int, at func(int) K) {
	if c.version == version && c.n == n {
		return
	}
	c.version, c.n = version, n
	if n == 0 {
		c.index, c.top = 0, 0
		return
	}
	old := c.index
	if c.has && c.find(c.key, at) {
		c.top += c.index - old // the rows around it stay where they were
	} else {
		c.index = min(old, n-1)
	}
	c.take(at)
}

// Place is Sync where it is known where the selected row is by now, below 0 for nowhere: a
// list of a million is not looked through.
func (c *Cursor[K]) Place(version any, n, where int, at func(int) K) {
	if n == 0 || where >= n {
		where = -1
	}
	if where >= 0 {
		c.top += where - c.index
		c.index = where
	}
	c.has = false
	c.version = nil
	c.Sync(version, n, at)
}

// find looks around the old place first: rows seldom move far.
func (c *Cursor[K]) find(key K, at func(int) K) bool {
	for d := 0; d < c.n || d <= c.index; d++ {
		if i := c.index + d; i < c.n && at(i) == key {
			c.index = i
			return true
		}
		if i := c.index - d; d > 0 && i >= 0 && i < c.n && at(i) == key {
			c.index = i
			return true
		}
	}
	return false
}

func (c *Cursor[K]) take(at func(int) K) { c.key, c.has = at(c.index), true }

// Move selects the row by rows further down.
func (c *Cursor[K]) Move(by int, at func(int) K) { c.Go(c.index+by, at) }

// Go selects a row by its number, the nearest where there is none.
func (c *Cursor[K]) Go(i int, at func(int) K) {
	if c.n == 0 {
		return
	}
	c.index = max(0, min(i, c.n-1))
	c.take(at)
}

// Select selects a row by its identity and reports whether there is one.
func (c *Cursor[K]) Select(key K, at func(int) K) bool {
	if !c.find(key, at) {
		return false
	}
	c.take(at)
	return true
}

// Want selects a row by identity once Sync finds it.
func (c *Cursor[K]) Want(key K) { c.key, c.has, c.version = key, true, nil }

// Forget lets go of the selected row: at the next Sync the row in its place is selected.
func (c *Cursor[K]) Forget() { c.has, c.version = false, nil }

// Index is the number of the selected row, 0 where the list is empty.
func (c *Cursor[K]) Index() int { return c.index }

// Len is the length of the list at the last Sync.
func (c *Cursor[K]) Len() int { return c.n }

// Key is the identity of the selected row; ok is false where there is none.
func (c *Cursor[K]) Key() (key K, ok bool) { return c.key, c.has && c.n > 0 }

// Window gives the rows in sight, from to before to, when height rows fit.
func (c *Cursor[K]) Window(height int) (from, to int) {
	if height <= 0 {
		return 0, 0
	}
	c.top = min(c.top, c.index)
	c.top = max(c.top, c.index-height+1)
	c.top = max(0, min(c.top, c.n-height))
	return c.top, min(c.n, c.top+height)
}
