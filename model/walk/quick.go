package walk

import (
	"nfscope/model"
	"nfscope/model/match"
)

// cannot reports whether one look at addresses, protocol and destination port shows that an
// x_tables rule does not match: most rules fail there, and holding all of a rule against a
// packet takes thirty times as long.
func cannot(r *match.Rule, p *model.Packet) bool {
	for i := range r.Conds {
		m := &r.Conds[i]
		for j := range m.Options {
			o := &m.Options[j]
			if o.Negated { // what is not understood has no value of these kinds
				continue
			}
			switch v := o.Value.(type) {
			case match.Nets:
				if o.Name == "-s" && p.Src.IsValid() && !v.Has(p.Src) || o.Name == "-d" && p.Dst.IsValid() && !v.Has(p.Dst) {
					return true
				}
			case match.Proto:
				if p.ProtoKnown() && p.Proto != v.Number() {
					return true
				}
			case match.Range:
				if (m.Name == "tcp" || m.Name == "udp") && o.Name == "--dport" && p.Transport && !v.Has(uint64(p.DPort)) {
					return true
				}
			}
		}
	}
	return false
}
