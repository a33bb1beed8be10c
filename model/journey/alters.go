package journey

import (
	"strings"

	"nfscope/model"
	"nfscope/model/nft"
)

// alters tells what the rules of a ruleset may write into packets. What no rule writes
// stays as it is on a packet's way, and so tells packets apart.
type alters struct{ ttl, tos, content bool }

// everything is what a rule may write that is not understood.
func everything() alters { return alters{true, true, true} }

func (a *alters) add(o alters) {
	a.ttl, a.tos, a.content = a.ttl || o.ttl, a.tos || o.tos, a.content || o.content
}

// altersOf is what a rule may write.
func altersOf(b model.Backend, f model.Family, r *model.Rule) alters {
	if b != model.BackendNFTables {
		return altersBy(r)
	}
	if strings.HasPrefix(r.Text, "#") || strings.Contains(r.Text, "xt target") {
		return everything()
	}
	if !strings.Contains(r.Text, " set ") { // of all statements that write, one for one rule in a hundred
		return alters{}
	}
	var out alters
	for _, st := range nft.Parse(r.Text, f).Statements {
		switch st := st.(type) {
		case *nft.Unknown:
			return everything()
		case *nft.Assign:
			out.add(assigned(st))
		case *nft.Object: // a helper may write into what a connection carries
			out.content = out.content || st.Kind == "ct helper"
		}
	}
	return out
}

func assigned(st *nft.Assign) alters {
	switch to := st.To.(type) {
	case *nft.Meta, *nft.CT:
		return alters{}
	case *nft.Payload:
		switch field, known := sets[to.String()]; {
		case field == "ttl":
			return alters{ttl: true}
		case field == "tos":
			return alters{tos: true}
		case known:
			return alters{}
		}
	}
	return everything()
}

// altersBy is altersOf for rules of iptables.
func altersBy(r *model.Rule) alters {
	switch r.Target {
	case "TTL", "HL":
		return alters{ttl: true}
	case "TOS", "DSCP", "ECN":
		return alters{tos: true}
	case "CT":
		return alters{content: strings.Contains(r.Text, "--helper")}
	case "TPROXY": // accepts, or goes on
		return alters{}
	}
	if r.Verdict() == model.VerdictUnknown {
		return everything()
	}
	return alters{}
}

// routed reports whether a router has lowered a packet's hop limit when a hook sees it:
// by one, before the forward hook (ip_forward, ip6_forward), unless a bridge forwards it. Of
// what is made here none does.
func routed(h model.Hook) bool {
	switch h {
	case model.HookOutput, model.HookForward, model.HookPostrouting, model.HookEgress, sentOutput, sentPostrouting, sentEgress:
		return true
	}
	return false
}

// alike reports whether an event at a place can show the packet that a walk has shown as p,
// by what no rule of the ruleset writes. Nothing is known without one.
func (b *builder) alike(p *model.Packet, w *walk, at place, e *Event) bool {
	q := e.Packet
	if b.bases == nil || p.Unshown || q.Unshown {
		return true
	}
	if !b.bases.alters.tos && p.TOS != q.TOS {
		return false
	}
	if b.bases.alters.ttl {
		return true
	}
	least, most := 0, 0
	was, is := routed(w.place.hook), routed(at.hook)
	switch {
	case below(w.family) || below(e.Family): // a bridge's output hook sees routed packets too
		least, most = -1, 1
	case !was && is:
		most = 1
	case was && !is:
		least = -1
	}
	lowered := int(p.TTL) - int(q.TTL)
	return lowered >= least && lowered <= most
}

// lowered reports whether a router has lowered the packet's hop limit since it was shown before an
// event at a place, and no rule can have done that.
func (b *builder) lowered(at place, e *Event) bool {
	p, _ := b.shown(at)
	q := e.Packet
	return b.bases != nil && !b.bases.alters.ttl && p.TTL == q.TTL+1
}
