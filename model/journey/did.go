package journey

import (
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/match"
	"nfscope/model/nft"
)

// Those that change packets without a rule: parts of the kernel, and programs.
const (
	// ByConntrack is address translation that an earlier packet of the connection, or a
	// rule that no event told of, had decided.
	ByConntrack = "conntrack"
	// ByForwarding is the router's own step: the hop limit falls by one (ip_forward).
	ByForwarding = "forwarding"
	// ByUserSpace is whoever listened on the queue that the packet came back from.
	ByUserSpace = "user space"
)

// rewrites are the fields of a Delta that targets of iptables and nat statements of
// nf_tables change.
var rewrites = map[string]string{
	"SNAT": "src sport icmp_id", "MASQUERADE": "src sport icmp_id", "snat": "src sport icmp_id", "masquerade": "src sport icmp_id",
	"DNAT": "dst dport", "REDIRECT": "dst dport", "dnat": "dst dport", "redirect": "dst dport",
	"NETMAP": "src dst", "DNPT": "dst", "SNPT": "src", "TPROXY": "mark",
	"MARK": "mark", "CONNMARK": "mark", "HMARK": "mark", "SET": "mark", "CONNSECMARK": "", "SECMARK": "",
	"TTL": "ttl", "HL": "ttl", "TOS": "tos", "DSCP": "tos", "ECN": "tos",
}

// sets are the fields of a Delta by the fields of packets that nft statements set.
var sets = map[string]string{
	"meta mark": "mark", "ip ttl": "ttl", "ip6 hoplimit": "ttl", "ip dscp": "tos", "ip6 dscp": "tos", "ip ecn": "tos", "ip6 ecn": "tos",
	"ip saddr": "src", "ip6 saddr": "src", "ip daddr": "dst", "ip6 daddr": "dst", "ip length": "length", "ip6 length": "length",
	"tcp sport": "sport", "udp sport": "sport", "sctp sport": "sport", "th sport": "sport",
	"tcp dport": "dport", "udp dport": "dport", "sctp dport": "dport", "th dport": "dport",
}

// changes keeps what rules may change: packet after packet meets the same rules.
type changes struct{ known map[ruleText]*doing }

type ruleText struct {
	text   string
	family model.Family
}

// maxChanges bounds the rules that are kept.
const maxChanges = 4096

// doing is what a rule may change: the fields, parted by blanks, and the rule as it was read,
// in the words of its backend.
type doing struct {
	fields string
	nft    *nft.Rule
	match  *match.Rule
}

// of is what the rule of a step may change; nil where it is none, or changes nothing.
func (ch *changes) of(s *Step) *doing {
	if s.Kind != KindRule || s.Backend != model.BackendNFTables && rewrites[s.Target] == "" {
		return nil
	}
	return ch.text(s.Backend, s.Family, s.Text)
}

// text is of for the text of a rule.
func (ch *changes) text(b model.Backend, f model.Family, text string) *doing {
	k := ruleText{text, f}
	d, ok := ch.known[k]
	if ok {
		return d
	}
	if ch.known == nil || len(ch.known) >= maxChanges {
		ch.known = map[ruleText]*doing{}
	}
	if b != model.BackendNFTables {
		d = &doing{match: match.Parse(text, f)}
		d.fields = rewrites[d.match.Target.Name]
	} else {
		d = &doing{nft: nft.Parse(text, f)}
		for _, st := range d.nft.Statements {
			switch st := st.(type) {
			case *nft.NAT:
				d.fields += " " + rewrites[st.Kind]
			case *nft.Assign:
				switch to := st.To.(type) {
				case *nft.Payload:
					d.fields += " " + sets[to.String()]
				case *nft.Meta:
					d.fields += " " + sets["meta "+to.Key]
				}
			}
		}
	}
	if d.fields = strings.TrimSpace(d.fields); d.fields == "" {
		d = nil
	}
	ch.known[k] = d
	return d
}

// changes reports whether a rule may change a field.
func (d *doing) changes(field string) bool {
	return d != nil && slices.Contains(strings.Fields(d.fields), field)
}

// effect reckons what the rule wrote into a packet that it matched; sure is false where that
// cannot be reckoned.
func (d *doing) effect(b model.Backend, p *model.Packet) (after model.Packet, sure bool) {
	if d.nft == nil {
		return d.match.Target.Rewrites(p)
	}
	res := d.nft.Run(p, &fact.Facts{Backend: b, Mark: fact.Of(p.Mark)})
	after = res.Packet
	if after.Mark = res.Facts.Mark.Value; !res.Facts.Mark.Known {
		after.Mark = p.Mark
	}
	return after, len(res.Unsure) == 0 && res.Facts.Mark.Known
}

// without is d without the fields of o.
func (d Delta) without(o Delta) Delta {
	if len(o) == 0 {
		return d
	}
	var out Delta
	for _, c := range d {
		if !slices.ContainsFunc(o, func(x Change) bool { return x.Field == c.Field }) {
			out = append(out, c)
		}
	}
	return out
}

// Author is who changed a field where no rule did.
type Author struct {
	Field string `json:"field"`
	// By is ByConntrack, ByForwarding or ByUserSpace, or the words for a rule of which no
	// event told, or for several of which one did it.
	By string `json:"by"`
}
