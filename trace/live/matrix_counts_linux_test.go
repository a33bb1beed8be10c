package live

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/netns"
	"nfscope/trace/rules"
)

// counted is a ruleset and its counters as they were last read.
type counted struct {
	reader *rules.Reader
	rs     *model.Ruleset
	last   *model.Counts
	prio   map[string]model.Priority // by "backend table/chain"
}

func newCounted(t *testing.T, ns *netns.Handle) *counted {
	t.Helper()
	r, err := rules.Open(ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	c := &counted{reader: r, prio: map[string]model.Priority{}}
	c.rs, err = r.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, tb := range c.rs.Tables {
		for _, ch := range tb.Chains {
			c.prio[stepChain(tb.Backend, tb.Family, tb.Name, ch.Name)] = ch.Priority
		}
	}
	c.last = c.read(t)
	return c
}

func stepChain(b model.Backend, f model.Family, table, chain string) string {
	return fmt.Sprintf("%s %s %s/%s", b, f, table, chain)
}

func (c *counted) read(t *testing.T) *model.Counts {
	t.Helper()
	n, err := c.reader.Counts(context.Background(), c.rs)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// compare reads the counters anew and says where the journeys since the last reading
// do not agree with them. A policy counts where its backend does so.
func (c *counted) compare(t *testing.T, journeys []*journey.Journey) (bad []string) {
	t.Helper()
	now := c.read(t)
	want, got := map[string]int{}, map[string]int{}
	policy := map[string]bool{}
	for _, tb := range c.rs.Tables {
		for _, ch := range tb.Chains {
			at := stepChain(tb.Backend, tb.Family, tb.Name, ch.Name)
			if ch.Base() && now.Chains[ch.ID].Valid {
				policy[at] = true
				want[at+" policy"] = int(now.Chains[ch.ID].Packets - c.last.Chains[ch.ID].Packets)
			}
			for i := range ch.Rules {
				if id := ch.Rules[i].ID; now.Rules[id].Valid {
					want[fmt.Sprintf("%s %d", at, i+1)] = int(now.Rules[id].Packets - c.last.Rules[id].Packets)
				}
			}
		}
	}
	for _, j := range journeys {
		for i := range j.Steps {
			st := &j.Steps[i]
			at := stepChain(st.Backend, st.Family, st.Table, st.Chain)
			switch {
			case st.Kind == journey.KindRule:
				got[fmt.Sprintf("%s %d", at, st.Rule)]++
			case st.Kind == journey.KindPolicy && policy[at]:
				got[at+" policy"]++
			}
		}
	}
	for k, n := range want {
		if got[k] != n {
			bad = append(bad, fmt.Sprintf("%s: the kernel counted %d, the ladders have %d", k, n, got[k]))
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			bad = append(bad, k+" is in a ladder, and not in the kernel")
		}
	}
	slices.Sort(bad)
	c.last = now
	return bad
}

// ordered says where a ladder's steps are not in the order of the packet's way: hooks
// forward, priorities up within one, rules of a chain up unless it is called anew.
func (c *counted) ordered(j *journey.Journey) (bad []string) {
	rank := map[model.Hook]int{model.HookPrerouting: 1, model.HookInput: 2, model.HookForward: 2, model.HookOutput: 2, model.HookPostrouting: 3}
	var last *journey.Step
	lastRule := map[string]int{}
	for i := range j.Steps {
		st := &j.Steps[i]
		if last != nil {
			a, b := c.prio[stepChain(last.Backend, last.Family, last.Table, last.Base)], c.prio[stepChain(st.Backend, st.Family, st.Table, st.Base)]
			if d := cmp.Compare(rank[last.Hook], rank[st.Hook]); st.Family != model.FamilyBridge && last.Family != model.FamilyBridge && (d > 0 || d == 0 && a > b) {
				bad = append(bad, fmt.Sprintf("#%d: %q (priority %d) comes before %q (%d)", j.Number, strings.TrimSpace(line(last)), a, strings.TrimSpace(line(st)), b))
			}
			if last.Base != st.Base || last.Table != st.Table || last.Backend != st.Backend {
				clear(lastRule)
			}
		}
		if st.Kind == journey.KindRule {
			if st.Rule <= lastRule[st.Chain] {
				bad = append(bad, fmt.Sprintf("#%d: rule %d of %s comes after rule %d", j.Number, st.Rule, st.Chain, lastRule[st.Chain]))
			}
			lastRule[st.Chain] = st.Rule
			if st.Verdict == model.VerdictJump || st.Verdict == model.VerdictGoto {
				delete(lastRule, st.Target) // it begins there
			}
		}
		last = st
	}
	return bad
}
