package ui

import (
	"slices"

	"nfscope/model"
	"nfscope/ui/page"
)

// look tells Look what is on the screen where that has changed.
func (m *Model) look() {
	if m.opt.Look == nil {
		return
	}
	s := &m.room
	s.Chains, s.Rules = s.Chains[:0], s.Rules[:0]
	var of *model.Ruleset
	if v, ok := m.page().(page.Viewer); ok && m.snap.Rules != nil {
		of = m.snap.Rules
		v.Visible(m.frame(), s)
	}
	if of == m.seen && slices.Equal(s.Chains, m.sight.Chains) && slices.Equal(s.Rules, m.sight.Rules) {
		return
	}
	m.seen, m.sight = of, page.Sight{Chains: slices.Clone(s.Chains), Rules: slices.Clone(s.Rules)}
	m.opt.Look(of, m.sight.Chains, m.sight.Rules)
}
