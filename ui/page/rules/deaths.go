package rules

import (
	"slices"

	"charm.land/lipgloss/v2"

	"nfscope/model/journey"
	"nfscope/ui/component/player"
	"nfscope/ui/page"
)

// deaths are the rows where packets died, found once for the places and the ruleset.
type deaths struct {
	index *index
	from  []player.Death
	rows  map[ref]string
}

// deaths reads the player's marks. A place is the one of the ruleset that the packet
// saw: since then rules may have moved, so the rule is found by its text.
func (p *Page) deaths(f *page.Frame) map[ref]string {
	from := f.Player.Deaths()
	d := &p.dead
	if d.index == p.index && len(from) == len(d.from) && (len(from) == 0 || &from[0] == &d.from[0]) {
		return d.rows
	}
	*d = deaths{index: p.index, from: from, rows: make(map[ref]string, len(from))}
	for _, at := range from {
		k := chainKey{Backend: at.Backend, Family: at.Family, Table: at.Table, Chain: at.Chain}
		chain, ok := p.index.chain(k)
		if !ok {
			continue
		}
		if at.Rule == 0 && at.Kind != string(journey.KindPolicy) {
			continue // which rule it was nobody told
		}
		if at.Rule == 0 {
			d.rows[ref{chain, endOf}] = at.Verdict
			continue
		}
		text := lastText(f.Snap.Journeys, at.Journey)
		if rules := p.index.chains[chain].chain.Rules; text == "" && at.Rule <= len(rules) {
			text = rules[at.Rule-1].Text // nobody remembers it
		}
		if r, ok := p.index.ruleAt(k, at.Rule, text); ok {
			d.rows[r] = at.Verdict
		}
	}
	return d.rows
}

// lastText is the text of the rule that a journey ended at, "" where it is forgotten.
func lastText(js []*journey.Journey, number int) string {
	i, ok := slices.BinarySearchFunc(js, number, func(j *journey.Journey, n int) int { return j.Number - n })
	if !ok || len(js[i].Steps) == 0 {
		return ""
	}
	return js[i].Steps[len(js[i].Steps)-1].Text
}

// died is the sign of a row where packets died.
func (d *drawing) died(at ref) (string, lipgloss.Style) {
	if v, ok := d.dead[at]; ok {
		return d.th.Fate(v)
	}
	return "", d.th.Text
}
