package walk

import (
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/match"
	"nfscope/model/nft"
)

// Rule is a rule read from its text, in the words of its backend: one of the two is set.
type Rule struct {
	Match *match.Rule
	NFT   *nft.Rule
	// does is what the rule does where it matches.
	does does
	// stateless rules rewrite addresses, which the walk cannot follow.
	stateless bool
}

// does is what a rule does to the walk where it matches; jumps have a chain.
type does struct {
	verdict model.Verdict
	chain   string
	leaves  bool // goto
	nat     bool // it translates: the walk of a nat chain ends
}

// maxRead is how many rules are kept read.
const maxRead = 1 << 15

// rule reads a rule; nil where nobody could print it.
func (w *Walker) rule(t *model.Table, r *model.Rule) *Rule {
	if strings.HasPrefix(r.Text, "#") || r.Text == "" {
		return nil
	}
	if x := w.read[r]; x != nil {
		return x
	}
	if len(w.read) >= maxRead {
		clear(w.read)
	}
	x := ReadRule(t, r)
	w.read[r] = x
	return x
}

// ReadRule reads a rule of a table from its text.
func ReadRule(t *model.Table, r *model.Rule) *Rule {
	x := &Rule{}
	if t.Backend == model.BackendNFTables {
		x.NFT = nft.Parse(r.Text, t.Family)
		x.does = nftDoes(x.NFT)
		return x
	}
	x.Match = match.Parse(r.Text, t.Family)
	g := &x.Match.Target
	if g.Chain {
		x.does = does{verdict: model.VerdictJump, chain: g.Name, leaves: g.Goto}
		return x
	}
	x.does = does{verdict: model.TargetVerdict(g.Name)}
	switch g.Name {
	case "SNAT", "DNAT", "MASQUERADE", "REDIRECT", "NETMAP":
		x.does.nat = true
	case "DNPT", "SNPT":
		x.stateless = true
	}
	return x
}

// nftDoes looks for the statement that ends a rule of nftables. What a verdict map says
// is only known for a packet.
func nftDoes(r *nft.Rule) does {
	for _, s := range r.Statements {
		switch s := s.(type) {
		case *nft.NAT:
			return does{verdict: model.VerdictAccept, nat: true}
		case *nft.Reject:
			return does{verdict: model.VerdictReject}
		case *nft.Queue:
			return does{verdict: model.VerdictQueue}
		case *nft.Synproxy, *nft.Fwd:
			return does{verdict: model.VerdictStolen}
		case *nft.TProxy, *nft.Unknown:
			return does{verdict: model.VerdictUnknown}
		case *nft.Verdict:
			return verdictDoes(s)
		}
	}
	return does{verdict: model.VerdictContinue}
}

func verdictDoes(v *nft.Verdict) does {
	switch v.Name {
	case "accept":
		return does{verdict: model.VerdictAccept}
	case "drop":
		return does{verdict: model.VerdictDrop}
	case "continue":
		return does{verdict: model.VerdictContinue}
	case "return":
		return does{verdict: model.VerdictReturn}
	case "jump", "goto": // to no chain that there is, where rules in braces stand for it
		return does{verdict: model.VerdictJump, chain: v.Chain, leaves: v.Name == "goto"}
	}
	return does{verdict: model.VerdictUnknown}
}

// outcome is a rule held against a packet, and the packet as the rule leaves it.
type outcome struct {
	answer fact.Answer
	does   does
	at
}

// hold holds the rule against a packet.
func (x *Rule) hold(p *at) outcome {
	if x.NFT == nil && !p.muddled && cannot(x.Match, &p.packet) {
		return outcome{}
	}
	o := outcome{does: x.does, at: *p}
	if x.NFT == nil {
		if o.answer, _ = x.Match.Eval(&p.packet, &p.facts); p.muddled {
			o.answer = fact.Unsure
		}
		if o.answer != fact.No {
			o.facts = x.Match.Leaves(&p.facts)
			o.muddled = o.muddled || x.stateless
		}
		return o
	}
	res := x.NFT.Run(&p.packet, &p.facts)
	if o.answer = res.Answer; p.muddled {
		o.answer = fact.Unsure
	}
	if o.answer == fact.No {
		return o
	}
	o.packet, o.facts = res.Packet, res.Facts
	switch {
	case res.Undecided || p.muddled && o.does.verdict == model.VerdictContinue && x.decides():
		o.does = does{verdict: model.VerdictUnknown}
	case res.Verdict != nil && o.does.verdict == model.VerdictContinue:
		o.does = verdictDoes(res.Verdict) // of a verdict map
	}
	return o
}

// decides reports whether a verdict map says what becomes of the packet.
func (x *Rule) decides() bool {
	for _, s := range x.NFT.Statements {
		if _, ok := s.(*nft.VerdictMap); ok {
			return true
		}
	}
	return false
}
