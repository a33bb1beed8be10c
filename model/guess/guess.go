// Package guess is the question that a lesson asks before a packet leaves: what will
// happen to it, and by which rule. It offers what a ruleset has to offer, and holds the
// answer against the packet's true way.
package guess

import (
	"nfscope/model"
	"nfscope/model/journey"
)

// Verdict is what can become of a packet, as a learner says it.
type Verdict string

// The verdicts. Unseen is what no hook of netfilter ever saw. Unknown is no answer: it is that
// of a packet whose end nothing tells.
const (
	Accepted Verdict = "accepted"
	Dropped  Verdict = "dropped"
	Rejected Verdict = "rejected"
	Unseen   Verdict = "unseen"
	Unknown  Verdict = "unknown"
)

// Kind says what a Place is.
type Kind string

// The kinds. Kernel is no rule and no policy: what routing, rp_filter and the like drop,
// and conntrack letting pass what belongs to a connection that it knows.
const (
	Rule   Kind = "rule"
	Policy Kind = "policy"
	Kernel Kind = "kernel"
)

// Place is who decides.
type Place struct {
	Kind    Kind
	Backend model.Backend
	Family  model.Family
	Table   string
	Chain   string
	// Rule is the rule's number from 1, 0 for a policy. Text is the rule as its backend's
	// save command prints it; of a policy it is ACCEPT or DROP.
	Rule int
	Text string
}

// Answer is what a learner said. The zero value is no answer at all; Where is nil where
// only a verdict was given.
type Answer struct {
	Verdict Verdict
	Where   *Place
}

// Verdicts lists those that can be with these rules, which may be nil.
func Verdicts(rs *model.Ruleset) []Verdict {
	list := []Verdict{Accepted, Dropped}
	if len(Places(rs, Rejected)) > 0 {
		list = append(list, Rejected)
	}
	return append(list, Unseen)
}

// Places lists who could give a packet a verdict, in the order of the rules: every rule
// with a target that does, the policies, and last the kernel itself: for a drop, and where no
// rule and no policy is asked at all.
func Places(rs *model.Ruleset, v Verdict) []Place {
	var list []Place
	if rs == nil || v == Unseen {
		return nil
	}
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			at := Place{Backend: t.Backend, Family: t.Family, Table: t.Name, Chain: c.Name}
			for i := range c.Rules {
				if gives(&c.Rules[i], v) {
					p := at
					p.Kind, p.Rule, p.Text = Rule, c.Rules[i].Index, c.Rules[i].Text
					list = append(list, p)
				}
			}
			if policy(t, c, v) {
				p := at
				p.Kind, p.Text = Policy, c.Policy
				list = append(list, p)
			}
		}
	}
	if v == Dropped || v == Accepted {
		list = append(list, Place{Kind: Kernel})
	}
	return list
}

// gives reports whether a rule can give a packet a verdict. Behind a queue a program
// decides, which may say either.
func gives(r *model.Rule, v Verdict) bool {
	switch r.Verdict() {
	case model.VerdictAccept:
		return v == Accepted
	case model.VerdictDrop:
		return v == Dropped
	case model.VerdictReject:
		return v == Rejected
	case model.VerdictQueue:
		return v == Accepted || v == Dropped
	}
	return false
}

// policy reports whether a chain's policy is worth naming: one that drops, and those of
// filter that let pass.
func policy(t *model.Table, c *model.Chain, v Verdict) bool {
	switch c.PolicyVerdict() {
	case model.VerdictDrop:
		return v == Dropped
	case model.VerdictAccept:
		if v != Accepted {
			return false
		}
		if t.Backend == model.BackendNFTables {
			return c.Type == "filter" && len(c.Rules) > 0
		}
		return t.Name == "filter"
	}
	return false
}

// same reports whether a step of a journey is at a place.
func (p *Place) same(s *journey.Step) bool {
	if p.Kind == Kernel || s.Backend != p.Backend || s.Family != p.Family || s.Table != p.Table || s.Chain != p.Chain {
		return false
	}
	switch s.Kind {
	case journey.KindRule, journey.KindMiss:
		return p.Kind == Rule && s.Rule == p.Rule
	case journey.KindPolicy, journey.KindEnd:
		return p.Kind == Policy
	}
	return false
}
