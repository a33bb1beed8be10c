package why

import "nfscope/model/journey"

// ruled reports whether netfilter dropped the packet in a chain, by which rule or not.
func (x *sight) ruled() bool { return x.fate == byRule || x.fate == byNetwork }

// vague reports whether a rule or a policy dropped the packet, and which one is not certain:
// it was not traced there, or by rules that changed meanwhile.
func (x *sight) vague() bool { return x.ruled() && !(x.fate == byRule && x.journey.Complete) }

// exact finds, for a packet of which the rule is not certain, the first one of its side that
// shows a rule for certain: rules that are made while it is looked are read a little later than
// the first packets meet them.
func (t *talk) exact(x *sight) *sight {
	if !x.vague() {
		return x
	}
	for _, y := range t.sights {
		if y.reply == x.reply && y.ruled() && !y.vague() && y.lost() && !t.bearable(y) {
			return y
		}
	}
	return x
}

// endsLike reports whether two lost packets had the same end.
func (x *sight) endsLike(y *sight) bool {
	if x.fate != y.fate {
		return false
	}
	if x.fate != byRule {
		return x.cause() == y.cause()
	}
	a, b := &x.journey.Outcome.By, &y.journey.Outcome.By
	if *a == *b {
		return true
	}
	// The text may be that of another ruleset; what the kernel told of the rule is not.
	return (x.vague() || y.vague()) && x.decided() == y.decided()
}

// cause tells ends of packets apart that no rule is known of.
func (x *sight) cause() any {
	d := x.drop
	if d == nil {
		return x.reason()
	}
	return [3]string{d.Reason, d.Place, d.Hook.String()}
}

// place is a rule or a policy by what the kernel told of it: in nftables its handle, which
// stays, else its number in the chain.
type place struct {
	by     journey.Culprit
	handle uint64
}

// decided is the rule or policy that dropped the packet, without its words.
func (x *sight) decided() place {
	p := place{by: x.journey.Outcome.By}
	p.by.Text = ""
	if list := x.journey.Steps; len(list) > 0 {
		if s := &list[len(list)-1]; s.Kind == journey.KindRule && s.Handle != 0 && journey.CulpritOf(s) == x.journey.Outcome.By {
			p.handle, p.by.Rule = s.Handle, 0
		}
	}
	return p
}
