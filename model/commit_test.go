package model

import "testing"

func TestAuthors(t *testing.T) {
	at := func(g uint32, own bool) Commit {
		return Commit{First: g, Generation: g, Program: "nft", PID: int(g), Own: own}
	}
	for _, c := range []struct {
		older, newer uint32
		list         []Commit
		told, untold int
	}{
		{5, 8, []Commit{at(4, false), at(5, false), at(6, false), at(7, true), at(8, false), at(9, false)}, 2, 0},
		{5, 8, []Commit{at(8, false)}, 1, 2},
		{5, 8, nil, 0, 3},
		{5, 8, []Commit{{First: 2, Generation: 7}}, 1, 1},
		{5, 8, []Commit{{First: 7, Generation: 9}}, 1, 1},
		{5, 8, []Commit{{First: 1, Generation: 90, Own: true}}, 0, 0},
		{5, 5, []Commit{at(5, false)}, 0, 0},
		{8, 5, []Commit{at(6, false)}, 0, 0}, // another boot, or another namespace
		{0, 5, []Commit{at(4, false)}, 0, 0},
		{1<<32 - 2, 1, []Commit{at(1<<32-1, false), at(1, false)}, 2, 0}, // 0 is passed over
	} {
		rs := &Ruleset{Transaction: c.newer, Commits: c.list}
		list, untold := rs.Authors(&Ruleset{Transaction: c.older})
		if len(list) != c.told || untold != c.untold {
			t.Errorf("%d to %d of %+v: %+v and %d", c.older, c.newer, c.list, list, untold)
		}
		for _, m := range list {
			if n := m.Count(); n < 1 || uint32(n) > c.newer-c.older {
				t.Errorf("%d to %d of %+v: %d in %+v", c.older, c.newer, c.list, n, m)
			}
		}
	}
}
