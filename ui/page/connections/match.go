package connections

import (
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/nat"
)

// matcher turns the text of the filter bar into what makes a test; nil for an empty one. A
// text that is no filter is looked for as it stands. rules are asked where the filter asks
// about rules; nil where it does not, or nothing is known. open counts the questions about sets
// that had no answer: what depends on them is not found.
func matcher(text string, rules *basis, open *int) func() func(*flow.Look) bool {
	if text == "" {
		return nil
	}
	if flt, err := filter.Parse(text); err == nil && flt.Check(filter.Flows) == nil {
		if rules != nil {
			return func() func(*flow.Look) bool {
				by := nat.Ruling{Finder: rules.newFinder(open)}
				return func(l *flow.Look) bool { return flt.LookBy(l, by) }
			}
		}
		return func() func(*flow.Look) bool { return flt.Look }
	}
	return func() func(*flow.Look) bool { return newSearch(text).finds }
}
