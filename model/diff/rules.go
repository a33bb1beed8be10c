package diff

import (
	"slices"

	"nfscope/model"
)

// rules compares the part of a chain that is not the same. skipped is the number of
// equal rules before it.
//
// Rules that are in both are paired: by handle, or by text and how many of the same
// text stand before. The longest run of pairs whose order is unchanged stays as it
// is (longest increasing subsequence: where no text stands twice this is the longest
// common one); the other pairs have moved.
func (d *differ) rules(t *model.Table, c *model.Chain, a, b []model.Rule, skipped int) {
	at := make([]int, len(b)) // place in a, -1 for what is new
	paired := make([]bool, len(a))
	pair(a, b, at, paired)
	kept := longest(at)
	i, k := 0, 0
	for j := 0; j <= len(b); {
		// A gap is what lies between two rules that stayed: some that went, some that came.
		ai, bj := i, j
		for j < len(b) && !(k < len(kept) && kept[k] == j) {
			j++
		}
		end := len(a)
		if j < len(b) {
			end = at[j]
		}
		d.gap(t, c, a, b, at, paired, [2]int{ai, end}, [2]int{bj, j}, skipped)
		if j < len(b) && a[end].Text != b[j].Text { // one handle, another text
			d.add(Change{Kind: Changed, Index: b[j].Index, Rule: &b[j], Old: a[end].Text, New: b[j].Text}, t, c.Name)
		}
		i, k, j = end+1, k+1, j+1
	}
}

// pair finds for each rule of b its place in a.
func pair(a, b []model.Rule, at []int, paired []bool) {
	type key struct {
		handle uint64
		text   string
		nth    int
	}
	name := func(r *model.Rule, seen map[string]int) key {
		if r.Handle != 0 {
			return key{handle: r.Handle}
		}
		n := seen[r.Text]
		seen[r.Text]++
		return key{text: r.Text, nth: n}
	}
	where := make(map[key]int, len(a))
	seen := make(map[string]int, len(a))
	for i := range a {
		where[name(&a[i], seen)] = i
	}
	clear(seen)
	for j := range b {
		at[j] = -1
		if i, ok := where[name(&b[j], seen)]; ok && !paired[i] {
			at[j], paired[i] = i, true
		}
	}
}

// longest gives the places in at of a longest run of rising values; -1 is left out.
func longest(at []int) []int {
	var ends []int // ends[n]: place of the least value that ends a run of n+1
	before := make([]int, len(at))
	for j, v := range at {
		if v < 0 {
			continue
		}
		n, _ := slices.BinarySearchFunc(ends, v, func(e, v int) int { return at[e] - v })
		before[j] = -1
		if n > 0 {
			before[j] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, j)
		} else {
			ends[n] = j
		}
	}
	out := make([]int, len(ends))
	j := -1
	if len(ends) > 0 {
		j = ends[len(ends)-1]
	}
	for n := len(ends) - 1; n >= 0; n-- {
		out[n] = j
		j = before[j]
	}
	return out
}

// gap tells of rules that went and came in one place: as many as went are taken for
// replaced where as many came.
func (d *differ) gap(t *model.Table, c *model.Chain, a, b []model.Rule, at []int, paired []bool, from, to [2]int, skipped int) {
	var gone, come []int
	for i := from[0]; i < from[1]; i++ {
		if !paired[i] {
			gone = append(gone, i)
		}
	}
	for j := to[0]; j < to[1]; j++ {
		if at[j] < 0 {
			come = append(come, j)
		}
	}
	replaced := len(gone) == len(come)
	if !replaced {
		for _, i := range gone {
			// a may be counted from its own chain's head: the numbers of the older ruleset.
			d.add(Change{Kind: Removed, Index: skipped + i + 1, Old: a[i].Text}, t, c.Name)
		}
	}
	n := 0
	for j := to[0]; j < to[1]; j++ {
		ch := Change{Kind: Added, Index: b[j].Index, Rule: &b[j], New: b[j].Text}
		switch {
		case at[j] >= 0:
			ch.Kind, ch.Old = Moved, a[at[j]].Text
		case replaced:
			ch.Kind, ch.Old = Changed, a[gone[n]].Text
			n++
		}
		d.add(ch, t, c.Name)
	}
}
