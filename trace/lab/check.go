package lab

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// Evidence is what was seen while a lab's steps ran once. A part that is nil was not
// looked at, and nothing is stated of it.
type Evidence struct {
	Results  []Result
	Journeys []*journey.Journey
	Flows    []*flow.Flow
	// Rules is the observed host's ruleset; Counts, of the same generation, are its
	// counters after the last step. Where Counts is nil those of Rules itself are taken.
	Rules  *model.Ruleset
	Counts *model.Counts
	// Drops are those of the observed host.
	Drops *snapshot.Drops
	// Misses gives a journey with the rules that did not match among its steps.
	Misses func(*journey.Journey) *journey.Journey
	// Counted is what the kernel counted from before the first step on.
	Counted Counted
}

// Failure is one statement of a lab that was not so.
type Failure struct {
	// Step is the step's name, "" for what is stated of all of them.
	Step             string
	What, Want, Have string
}

// String is the failure as a sentence.
func (f Failure) String() string {
	where := "after all steps"
	if f.Step != "" {
		where = "step " + f.Step
	}
	return fmt.Sprintf("%s: %s: the lab states %s, there was %s", where, f.What, f.Want, f.Have)
}

// Check holds what a lab states against what was seen.
func Check(l *Lab, ev Evidence) []Failure {
	c := &checker{lab: l, ev: ev}
	if ev.Results != nil {
		for i := range l.Steps {
			c.step(i)
		}
	}
	if ev.Rules != nil {
		for _, s := range l.Counters {
			c.counter(s)
		}
	}
	if ev.Counted != nil {
		for _, k := range l.Kernel {
			c.kernel(k)
		}
	}
	if ev.Flows != nil {
		for _, p := range l.Pools {
			c.pool(p)
		}
	}
	return c.failures
}

type checker struct {
	lab      *Lab
	ev       Evidence
	current  string
	failures []Failure
}

func (c *checker) fail(what, want, have string) {
	if have == "" {
		have = "nothing"
	}
	c.failures = append(c.failures, Failure{c.current, what, want, have})
}

// same fails where want is stated and is not have.
func (c *checker) same(what, want, have string) {
	if want != "" && want != have {
		c.fail(what, want, have)
	}
}

func (c *checker) step(i int) {
	s := &c.lab.Steps[i]
	c.current = s.Name
	defer func() { c.current = "" }()
	at := slices.IndexFunc(c.ev.Results, func(r Result) bool { return r.Step == i })
	if at < 0 || len(c.ev.Results[at].Attempts) == 0 {
		c.fail("result", string(s.Result), "")
		return
	}
	r := c.ev.Results[at]
	if r.Word != s.Result {
		c.fail("result", string(s.Result), r.String())
	}
	if a := r.Attempts[0].Answer; s.Answer != "" && !strings.HasPrefix(a, s.Answer) {
		c.fail("answer", fmt.Sprintf("%q at its beginning", s.Answer), fmt.Sprintf("%q", a))
	}
	c.shares(s.Shares, r)
	if s.Expect == nil {
		return
	}
	if c.ev.Journeys != nil {
		c.journey(s.Expect, r.Attempts[0])
	}
	if c.sees() && s.Expect.Drop != nil {
		c.drop(s.Expect.Drop, r.Attempts[0].Tuple)
	}
	if c.ev.Flows != nil && s.Expect.Flow != nil {
		c.flow(s.Expect.Flow, r.Attempts[0].Tuple)
	}
}

// sees reports whether each packet that the kernel drops was told.
func (c *checker) sees() bool { return c.ev.Drops != nil && c.ev.Drops.Watch.Step == drop.StepBPF }

func (c *checker) counter(s Counter) {
	if c.ev.Counts != nil && c.ev.Counts.Generation != c.ev.Rules.Generation {
		c.fail(s.At, "a counter", "only one of older rules")
		return
	}
	table, chain, rule, _ := splitPlace(s.At)
	var have *model.Counters
	for _, t := range c.ev.Rules.Tables {
		if t.Name != table || (t.Family == model.FamilyIPv6) != (s.Family == "ip6") {
			continue
		}
		ch := t.Chain(chain)
		if ch == nil {
			continue
		}
		counts := c.ev.Counts
		switch {
		case rule == 0 && counts != nil:
			have = &counts.Chains[ch.ID]
		case rule == 0:
			have = &ch.Counters
		case rule > len(ch.Rules):
		case counts != nil:
			have = &counts.Rules[ch.Rules[rule-1].ID]
		default:
			have = &ch.Rules[rule-1].Counters
		}
	}
	switch {
	case have == nil:
		c.fail(s.At, "a counter", "no such rule")
	case !have.Valid:
		c.fail(s.At, "a counter", "a rule without one")
	default:
		c.number(s.At, s.Packets, s.Least, less(s.Packets, have.Packets, c.resent(table, chain, rule)))
	}
}

// number holds a count against an exact number, or else against the least.
func (c *checker) number(what string, exact *uint64, least, have uint64) {
	switch {
	case exact != nil && have != *exact:
		c.fail(what, fmt.Sprintf("%d packets", *exact), fmt.Sprint(have))
	case exact == nil && have < least:
		c.fail(what, fmt.Sprintf("at least %d packets", least), fmt.Sprint(have))
	}
}

// resent is how many SYNs that came to a rule, or to the policy, the senders' TCP sent a
// second time: each meets what the first one met, and counts there. One whose way was not
// traced may have come to any.
func (c *checker) resent(table, chain string, rule int) (n uint64) {
	for _, r := range c.ev.Results {
		for _, a := range r.Attempts {
			if a.Resent == 0 {
				continue
			}
			if j := c.find(a); j == nil || slices.ContainsFunc(j.Steps, func(s journey.Step) bool {
				return s.Table == table && s.Chain == chain && s.Rule == rule && s.Kind != journey.KindMiss
			}) {
				n += uint64(a.Resent)
			}
		}
	}
	return n
}

// less takes what was sent again off a number of packets, down to the one that is stated:
// where none is to be, there may be none of a second time either.
func less(exact *uint64, have, resent uint64) uint64 {
	if exact == nil || *exact == 0 || have <= *exact {
		return have
	}
	return have - min(resent, have-*exact)
}

func (c *checker) kernel(k Kernel) {
	host := k.Host
	if host == "" {
		host = c.lab.Observed
	}
	have, ok := c.ev.Counted.of(host, k.Counter)
	if !ok {
		c.fail(k.Counter+" of "+host, "a counter", "none of that name")
		return
	}
	c.number(k.Counter+" of "+host, k.Packets, k.Least, have)
}

// shares counts the attempts that were answered by each end.
func (c *checker) shares(list []Share, r Result) {
	for _, s := range list {
		n := 0
		for _, a := range r.Attempts {
			if strings.HasPrefix(a.Answer, s.Answer) {
				n++
			}
		}
		if have := float64(n) / float64(len(r.Attempts)); math.Abs(have-s.Of) > s.Within {
			c.fail("share of "+s.Answer, fmt.Sprintf("%.3g, within %.3g", s.Of, s.Within),
				fmt.Sprintf("%d of %d, %.3g", n, len(r.Attempts), have))
		}
	}
}
