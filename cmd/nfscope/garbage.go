package main

import (
	"math"
	"runtime/debug"
)

const (
	// manyRules is from where a ruleset is most of our memory.
	manyRules = 20_000
	// fewGarbage is how much garbage, in percent of what lives, is waited for beside one.
	fewGarbage = 20
	// ruleBytes and elseBytes are the memory from which the collector hurries: what two
	// rulesets that share their text take by the rule, chains and counters included, while
	// they are compared or a page out of sight holds the older one; and all else. Less
	// would keep it busy all the time.
	ruleBytes = 700
	elseBytes = 40 << 20
)

// collectFor sets how much garbage is waited for. Go waits for as much as lives, which
// is quick and right for a ruleset of some MB; 100,000 rules live for hours, are 60 MB,
// and would take the room of two.
func collectFor(rules int) {
	percent, limit := 100, int64(math.MaxInt64)
	if rules > manyRules {
		percent, limit = fewGarbage, elseBytes+ruleBytes*int64(rules)
	}
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(limit)
}
