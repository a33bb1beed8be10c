package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/journey"
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
}

// Failure is one statement of a lab that was not so.
type Failure struct {
	// Step is the step's name, "" for counters.
	Step             string
	What, Want, Have string
}

// String is the failure as a sentence.
func (f Failure) String() string {
	where := "the counters"
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
	if ev.Rules != nil && (ev.Counts == nil || ev.Counts.Generation == ev.Rules.Generation) {
		for _, s := range l.Counters {
			c.counter(s)
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
	if s.Expect == nil {
		return
	}
	if c.ev.Journeys != nil {
		c.journey(s.Expect, r.Attempts[0])
	}
	if c.ev.Flows != nil && s.Expect.Flow != nil {
		c.flow(s.Expect.Flow, r.Attempts[0].Tuple)
	}
}

// journey finds the way of an attempt's first packet: the earliest one with its tuple
// that did not begin before it.
func (c *checker) journey(e *Expect, a Attempt) {
	var j *journey.Journey
	for _, k := range c.ev.Journeys {
		if sameTuple(k.Packet.Tuple(), a.Tuple) && !k.Start.Before(a.Start) && (j == nil || k.Start.Before(j.Start)) {
			j = k
		}
	}
	if j == nil {
		c.fail("journey", "one of "+a.Tuple.String(), "")
		return
	}
	c.same("outcome", e.Outcome, j.Outcome.Verdict)
	c.same("sentence", e.Sentence, j.Outcome.Sentence)
	if e.By != nil {
		have := j.Outcome.By
		c.same("backend", e.By.Backend, have.Backend.String())
		c.same("family", e.By.Family, have.Family.String())
		c.same("decided in", e.By.Table+"/"+e.By.Chain, have.Table+"/"+have.Chain)
		c.same("decided by", e.By.Kind, have.Kind)
		if e.By.Rule != 0 && e.By.Rule != have.Rule {
			c.fail("decided by", fmt.Sprintf("rule %d", e.By.Rule), fmt.Sprintf("rule %d", have.Rule))
		}
	}
	var hits []string
	for _, s := range j.Steps {
		if s.Kind == journey.KindRule {
			hits = append(hits, fmt.Sprintf("%s/%s %d", s.Table, s.Chain, s.Rule))
		}
	}
	rest := hits
	for _, h := range e.Hits {
		i := slices.Index(rest, h)
		if i < 0 {
			c.fail("rules hit", strings.Join(e.Hits, ", "), strings.Join(hits, ", "))
			return
		}
		rest = rest[i+1:]
	}
}

// sameTuple compares tuples. An echo's DPort is type and code, the same in both.
func sameTuple(a, b model.Tuple) bool {
	return a.Proto == b.Proto && a.Src == b.Src && a.Dst == b.Dst && a.SPort == b.SPort && a.DPort == b.DPort
}

func (c *checker) flow(e *ExpectFlow, t model.Tuple) {
	i := slices.IndexFunc(c.ev.Flows, func(f *flow.Flow) bool { return sameTuple(f.Orig.Tuple, t) })
	if i < 0 {
		c.fail("flow", "one of "+t.String(), "")
		return
	}
	f := c.ev.Flows[i]
	for _, class := range e.Class {
		if !slices.Contains(f.NAT.Class, flow.Class(class)) {
			c.fail("NAT class", class, fmt.Sprint(f.NAT.Class))
		}
	}
	c.end("the replies' source", e.Reply.Src, f.Reply.Tuple.Src, f.Reply.Tuple.SPort)
	c.end("the replies' destination", e.Reply.Dst, f.Reply.Tuple.Dst, f.Reply.Tuple.DPort)
}

func (c *checker) end(what, want string, addr netip.Addr, port uint16) {
	a, p, ok := splitEnd(want)
	if ok && (a != addr || p != 0 && p != port) {
		c.fail(what, want, netip.AddrPortFrom(addr, port).String())
	}
}

func (c *checker) counter(s Counter) {
	table, chain, rule, _ := splitPlace(s.At)
	var have *model.Counters
	for _, t := range c.ev.Rules.Tables {
		if t.Name != table || t.Family == model.FamilyIPv6 {
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
	case s.Packets != nil && have.Packets != *s.Packets:
		c.fail(s.At, fmt.Sprintf("%d packets", *s.Packets), fmt.Sprint(have.Packets))
	case s.Packets == nil && have.Packets < s.Least:
		c.fail(s.At, fmt.Sprintf("at least %d packets", s.Least), fmt.Sprint(have.Packets))
	}
}
