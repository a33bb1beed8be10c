package list

import "testing"

func at(rows []string) func(int) string { return func(i int) string { return rows[i] } }

func TestSelectionFollowsIdentity(t *testing.T) {
	var c Cursor[string]
	rows := []string{"a", "b", "c", "d"}
	c.Sync(1, 4, at(rows))
	c.Go(2, at(rows))
	rows = []string{"x", "y", "a", "b", "c", "d"}
	c.Sync(2, 6, at(rows))
	if k, _ := c.Key(); k != "c" || c.Index() != 4 {
		t.Errorf("selected %q at %d, want c at 4", k, c.Index())
	}
	rows = []string{"c"}
	c.Sync(3, 1, at(rows))
	if k, _ := c.Key(); k != "c" || c.Index() != 0 {
		t.Errorf("selected %q at %d, want c at 0", k, c.Index())
	}
	rows = []string{"x", "y"}
	c.Sync(4, 2, at(rows))
	if k, _ := c.Key(); k != "x" {
		t.Errorf("selected %q, want the row in the place of the one that is gone", k)
	}
	c.Sync(5, 0, nil)
	if _, ok := c.Key(); ok {
		t.Error("an empty list has a selection")
	}
	if from, to := c.Window(5); from != 0 || to != 0 {
		t.Error("an empty list has rows in sight")
	}
}

// What is known of the selected row's place is not looked for.
func TestPlace(t *testing.T) {
	var c Cursor[int]
	asked := 0
	id := func(i int) int { asked++; return i }
	c.Sync(1, 1_000_000, id)
	c.Go(30, id)
	c.Window(10)
	asked = 0
	c.Place(2, 1_000_000, 700_000, func(i int) int { asked++; return i - 700_000 + 30 })
	if from, _ := c.Window(10); c.Index() != 700_000 || from != 700_000-9 || asked > 1 {
		t.Errorf("row %d, from %d, %d rows were asked for", c.Index(), from, asked)
	}
	if c.Place(3, 500, -1, id); c.Index() != 499 {
		t.Errorf("without its row the cursor is at %d of 500", c.Index())
	}
	if c.Place(4, 0, -1, nil); c.Index() != 0 || c.Len() != 0 {
		t.Errorf("row %d of none", c.Index())
	}
}

func TestWindowHoldsTheSelection(t *testing.T) {
	var c Cursor[int]
	id := func(i int) int { return i }
	c.Sync(1, 1000, id)
	for _, i := range []int{0, 999, 500, 3, 998} {
		c.Go(i, id)
		from, to := c.Window(10)
		if to-from != 10 || i < from || i >= to {
			t.Errorf("row %d: window %d to %d", i, from, to)
		}
	}
	asked := 0
	c.Sync(1, 1000, func(i int) int { asked++; return i })
	if asked != 0 {
		t.Errorf("an unchanged list was asked for %d rows", asked)
	}
}

func TestForget(t *testing.T) {
	var c Cursor[string]
	rows := []string{"a", "b", "c"}
	c.Sync(1, 3, at(rows))
	c.Go(1, at(rows))
	c.Forget()
	rows = []string{"x", "y", "b"}
	c.Sync(2, 3, at(rows))
	if k, _ := c.Key(); k != "y" {
		t.Errorf("selected %q, want the row in the place of the one that was let go of", k)
	}
}
