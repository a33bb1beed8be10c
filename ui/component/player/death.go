package player

import (
	"slices"

	"nfscope/model"
	"nfscope/model/journey"
)

// maxDeaths bounds how many places of death are marked, the latest.
const maxDeaths = 64

// Death marks a place where packets died. It stays.
type Death struct {
	// Journey is the number of the last packet that died here.
	Journey int
	// RuleID is the rule's ID in the ruleset that the packet saw, -1 where no rule did it.
	RuleID  int
	Backend model.Backend
	Family  model.Family
	Hook    model.Hook
	Table   string
	// Base is the base chain, Chain the chain that the rule or the policy stands in. Where
	// nobody told which rule it was they are the chain's that must have done it, and "", as
	// Table is, where it may have been one of several, or none.
	Base, Chain string
	// Rule is the rule's number from 1, 0 for the policy, the kernel and a rule that is not known.
	Rule int
	// Kind is rule, policy, kernel or unknown, Verdict journey.Dropped or journey.Rejected.
	Kind, Verdict string
	// Count is how many packets died here.
	Count int
}

// place is what tells places of death apart.
func (d Death) place() Death {
	d.Journey, d.RuleID, d.Count = 0, 0, 0
	return d
}

// Deaths lists where packets died, the latest place last.
func (p *Player) Deaths() []Death { return p.deaths }

// die marks where a journey died, if it did.
func (p *Player) die(j *journey.Journey) {
	if !j.Closed || j.Outcome.Verdict != journey.Dropped && j.Outcome.Verdict != journey.Rejected || len(j.Steps) == 0 {
		return
	}
	s, by := &j.Steps[len(j.Steps)-1], &j.Outcome.By
	if Lost(j) {
		return // no chain's: it is marked at its station, with what was not traced
	}
	d := Death{Journey: j.Number, RuleID: -1, Backend: s.Backend, Family: s.Family, Hook: s.Hook, Table: s.Table,
		Base: s.Base, Chain: s.Chain, Kind: by.Kind, Verdict: j.Outcome.Verdict, Count: 1}
	switch journey.Kind(by.Kind) {
	case journey.KindRule:
		d.RuleID, d.Rule = s.RuleID, by.Rule
	case journey.KindPolicy:
	default: // the last step let it go on
		d.Backend, d.Family, d.Table, d.Base, d.Chain = by.Backend, by.Family, by.Table, by.Chain, by.Chain
		if j.Drop != nil && j.Drop.Hook != model.HookNone {
			d.Hook = j.Drop.Hook
		}
	}
	if d.Base == "" {
		d.Base = d.Chain
	}
	// A new slice: what Deaths handed out does not change under its reader.
	ds := slices.Clone(p.deaths)
	for i := range ds {
		if ds[i].place() == d.place() {
			d.Count += ds[i].Count
			ds = slices.Delete(ds, i, i+1)
			break
		}
	}
	if len(ds) == maxDeaths {
		ds = ds[1:]
	}
	p.deaths = append(ds, d)
}
