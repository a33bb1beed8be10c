package main

import "runtime/debug"

const (
	// manyRules is from where a ruleset is most of our memory.
	manyRules = 20_000
	// fewGarbage is how much garbage, in percent of what lives, is waited for beside one.
	fewGarbage = 30
)

// collectFor sets how much garbage is waited for. Go waits for as much as lives, which
// is quick and right for a ruleset of some MB; 100,000 rules live for hours, are 60 MB,
// and would take the room of two.
func collectFor(rules int) {
	percent := 100
	if rules > manyRules {
		percent = fewGarbage
	}
	debug.SetGCPercent(percent)
}
