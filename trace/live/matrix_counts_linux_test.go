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
	policy map[string]bool           // whether a chain counts what its policy decides of
}

func newCounted(t *testing.T, ns *netns.Handle) *counted {
	t.Helper()
	r, err := rules.Open(ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	c := &counted{reader: r, prio: map[string]model.Priority{}, policy: map[string]bool{}}
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
	for _, tb := range c.rs.Tables {
		for _, ch := range tb.Chains {
			c.policy[stepChain(tb.Backend, tb.Family, tb.Name, ch.Name)] = ch.Base() && c.last.Chains[ch.ID].Valid
		}
	}
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

// turn is one packet of a test: its journeys, and the counters when it was through.
type turn struct {
	name     string
	journeys []*journey.Journey
	after    *model.Counts
}

// compare reads the counters anew and says where the journeys since the last reading do not
// agree with them.
func (c *counted) compare(t *testing.T, journeys []*journey.Journey) (bad []string) {
	t.Helper()
	return c.compareEach([]turn{{"together", journeys, c.read(t)}}, nil)
}

// compareEach says where the journeys of packets that were sent one after the other do not agree
// with the counters, rule for rule and packet for packet. A policy counts where its backend
// does so. Of others it is not known which packet they belong to (an ICMP error): a counter
// that they moved too is held to the sum.
func (c *counted) compareEach(packets []turn, others []*journey.Journey) (bad []string) {
	rest := map[string]int{} // what the ladders of the packets do not explain
	for i := range packets {
		p := &packets[i]
		got := c.steps(p.journeys)
		for k, n := range c.rose(c.last, p.after) {
			if n < got[k] {
				bad = append(bad, fmt.Sprintf("%s: %s: the kernel counted %d, the ladders have %d", p.name, k, n, got[k]))
			}
			if n > got[k] {
				rest[k] += n - got[k]
			}
			delete(got, k)
		}
		for k := range got {
			bad = append(bad, fmt.Sprintf("%s: %s is in a ladder, and not in the kernel", p.name, k))
		}
		c.last = p.after
	}
	for k, n := range c.steps(others) {
		if rest[k] -= n; rest[k] == 0 {
			delete(rest, k)
		}
	}
	for k, n := range rest {
		bad = append(bad, fmt.Sprintf("%s: the kernel counted %d more than the ladders have", k, n))
	}
	slices.Sort(bad)
	return bad
}

// rose is by how much each counter rose from one reading to the next.
func (c *counted) rose(from, to *model.Counts) map[string]int {
	all := map[string]int{}
	for _, tb := range c.rs.Tables {
		for _, ch := range tb.Chains {
			at := stepChain(tb.Backend, tb.Family, tb.Name, ch.Name)
			if ch.Base() && to.Chains[ch.ID].Valid {
				all[at+" policy"] = int(to.Chains[ch.ID].Packets - from.Chains[ch.ID].Packets)
			}
			for i := range ch.Rules {
				if id := ch.Rules[i].ID; to.Rules[id].Valid {
					all[fmt.Sprintf("%s %d", at, i+1)] = int(to.Rules[id].Packets - from.Rules[id].Packets)
				}
			}
		}
	}
	return all
}

// steps is how often each counter must have been moved by journeys.
func (c *counted) steps(journeys []*journey.Journey) map[string]int {
	all := map[string]int{}
	for _, j := range journeys {
		for i := range j.Steps {
			st := &j.Steps[i]
			at := stepChain(st.Backend, st.Family, st.Table, st.Chain)
			switch {
			case st.Kind == journey.KindRule:
				all[fmt.Sprintf("%s %d", at, st.Rule)]++
			case st.Kind == journey.KindPolicy && c.policy[at]:
				all[at+" policy"]++
			}
		}
	}
	return all
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
