package main

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"nfscope/model/snapshot"
	"nfscope/trace/netns"
)

const (
	// manyRules is from where a ruleset is most of our memory.
	manyRules = 20_000
	// fewGarbage is how much garbage, in percent of what lives, is waited for beside one.
	fewGarbage = 20
	// someGarbage is what is waited for beside some connections, which change all the time;
	// beside many, which the collector has not to look through, it is flowRoom, but
	// flowGarbage at least.
	someGarbage = 50
	flowGarbage = 5
	flowRoom    = 12 << 20
	// ruleBytes and elseBytes are the memory from which the collector hurries: what two
	// rulesets that share their text take by the rule, chains and counters included, while
	// they are compared or a page out of sight holds the older one; and all else. Less
	// would keep it busy all the time.
	ruleBytes = 600
	elseBytes = 40 << 20
	// traceBytes is what a trace's packets take when they come as fast as they are taken:
	// those under way, those kept, and as many again in the last snapshot.
	traceBytes = 100 << 20
	// flowStep is the number of connections that are counted together; flowBytes is what one
	// takes, in two orders beside each other. They have no pointers: the collector is done
	// with them at once.
	flowStep = 1 << 16
	// fewerFlows is how many steps fewer there are when a storm is over: what it took goes
	// back to the kernel then. Go would keep a tenth of all.
	fewerFlows = 2
	flowBytes  = 300
)

// collectFor sets how much garbage is waited for. Go waits for as much as lives, which
// is quick and right for a ruleset of some MB; 100,000 rules live for hours, are 60 MB,
// and would take the room of two. A flood of packets makes garbage faster than a collector
// that waits for as much as lives: packets tells that there are some. flows counts
// connections in steps.
func collectFor(rules, flows int, packets bool) {
	percent, limit := 100, elseBytes+ruleBytes*int64(rules)+flowBytes*flowStep*int64(flows)
	if flows > 0 {
		percent = min(someGarbage, max(flowGarbage, 100*flowRoom/(flowBytes*flowStep*flows)))
	}
	if rules > manyRules {
		percent = min(percent, fewGarbage)
	}
	if packets {
		limit += traceBytes
	} else if rules <= manyRules {
		limit = math.MaxInt64
	}
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(limit)
}

// room fits the memory to what is shown.
type room struct {
	rules, flows int // flows in steps
	packets      bool
	most         int // of flows, since memory was last given back
}

// fit sets how much garbage is waited for beside what a snapshot has, where that is other than
// before.
func (r *room) fit(s *snapshot.Snapshot) {
	rules, flows, packets := r.rules, s.Flows.Table.Len()/flowStep, s.Trace.Armed || len(s.Journeys) > 0
	switch {
	case s.Rules != nil:
		_, rules = s.Rules.Size()
	case s.Reading != nil:
		rules = s.Reading.Total // known before they are there
	}
	if rules == r.rules && flows == r.flows && packets == r.packets {
		return
	}
	r.rules, r.flows, r.packets = rules, flows, packets
	collectFor(rules, flows, packets)
	if r.most = max(r.most, flows); flows <= r.most-fewerFlows {
		r.most = flows
		go debug.FreeOSMemory()
	}
}

// tracked is how many connections there are, 0 where that cannot be read.
func tracked(ns *netns.Handle) (n int) {
	_ = ns.Do(func() error {
		b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")
		if err == nil {
			n, err = strconv.Atoi(strings.TrimSpace(string(b)))
		}
		return err
	})
	return n
}
