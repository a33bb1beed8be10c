package ruleset

import (
	"strings"

	"nfscope/model"
)

// Tracer is a rule that switches the kernel's trace on for the packets that meet it.
type Tracer struct {
	Table *model.Table
	Chain *model.Chain
	Rule  *model.Rule
}

// Tracers lists the rules that switch the trace on, in the order of the ruleset, but for
// those in tables and chains whose names begin with own: "-j TRACE" of iptables and "meta
// nftrace set 1" of nft. Both set the same bit (skb->nf_trace).
func Tracers(rs *model.Ruleset, own string) (list []Tracer) {
	if rs == nil {
		return nil
	}
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			if strings.HasPrefix(t.Name, own) || strings.HasPrefix(c.Name, own) {
				continue
			}
			for i := range c.Rules {
				if r := &c.Rules[i]; traces(t.Backend, r) {
					list = append(list, Tracer{t, c, r})
				}
			}
		}
	}
	return list
}

func traces(b model.Backend, r *model.Rule) bool {
	if b != model.BackendNFTables {
		return r.Target == "TRACE" && r.Jump == ""
	}
	return strings.Contains(r.Text, "nftrace set 1") && strings.Contains(unquoted(r.Text), "nftrace set 1")
}
