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
	// traceBytes is what a trace's packets take when they come as fast as they are taken:
	// those under way, those kept, and as many again in the last snapshot.
	traceBytes = 100 << 20
)

// collectFor sets how much garbage is waited for. Go waits for as much as lives, which
// is quick and right for a ruleset of some MB; 100,000 rules live for hours, are 60 MB,
// and would take the room of two. A flood of packets makes garbage faster than a collector
// that waits for as much as lives: packets tells that there are some.
func collectFor(rules int, packets bool) {
	percent, limit := 100, elseBytes+ruleBytes*int64(rules)
	if rules > manyRules {
		percent = fewGarbage
	}
	if packets {
		limit += traceBytes
	} else if rules <= manyRules {
		limit = math.MaxInt64
	}
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(limit)
}
