package store

import (
	"slices"

	"nfscope/model/snapshot"
)

// setLab takes where the lab is now, and notes of each step which packet was the newest
// when it began.
func (s *Store) setLab(l *snapshot.Lab) {
	next, was := *l, s.lab
	next.Steps = slices.Clone(l.Steps)
	if was == nil || was.Name != l.Name || len(was.Steps) != len(l.Steps) {
		was = &snapshot.Lab{Current: -1}
	}
	if next.Round = was.Round; l.Current < was.Current {
		next.Round++
		was = &snapshot.Lab{Current: -1}
	}
	for i := range next.Steps {
		switch {
		case i > l.Current:
			next.Steps[i].After = -1
		case i > was.Current:
			next.Steps[i].After = s.fold.Count()
		default:
			next.Steps[i].After = was.Steps[i].After
		}
	}
	s.lab = &next
}
