package journey

import (
	"slices"
	"strings"

	"nfscope/model"
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

// does lists the fields that a rule may change, parted by blanks.
func (s *Step) does() string {
	if s.Kind != KindRule {
		return ""
	}
	if s.Backend != model.BackendNFTables {
		return rewrites[s.Target]
	}
	fields := ""
	for _, st := range nft.Parse(s.Text, s.Family).Statements {
		switch st := st.(type) {
		case *nft.NAT:
			fields += " " + rewrites[st.Kind]
		case *nft.Assign:
			switch to := st.To.(type) {
			case *nft.Payload:
				fields += " " + sets[to.String()]
			case *nft.Meta:
				fields += " " + sets["meta "+to.Key]
			}
		}
	}
	return fields
}

// changes keeps what rules may change: packet after packet meets the same rules.
type changes struct{ known map[ruleText]string }

type ruleText struct {
	text   string
	family model.Family
}

// maxChanges bounds the rules that are kept.
const maxChanges = 4096

// of is Step.does.
func (ch *changes) of(s *Step) string {
	if s.Kind != KindRule || s.Backend != model.BackendNFTables {
		return s.does()
	}
	k := ruleText{s.Text, s.Family}
	fields, ok := ch.known[k]
	if !ok {
		if ch.known == nil || len(ch.known) >= maxChanges {
			ch.known = map[ruleText]string{}
		}
		fields = s.does()
		ch.known[k] = fields
	}
	return fields
}

// changer finds who changed a field: the last step that may have, among those from one
// to before another. Of a step whose own event carries the change, own is true: nf_tables
// tells of a rule when it is done.
func (ch *changes) changer(steps []Step, from, to int, own bool, field string) (step int, by string) {
	if !own {
		to--
	}
	for i := min(to, len(steps)-1); i >= from; i-- {
		for f := range strings.FieldsSeq(ch.of(&steps[i])) {
			if f == field {
				return i, ""
			}
		}
	}
	switch field {
	case "src", "dst", "sport", "dport", "icmp_id":
		return -1, ByConntrack
	case "ttl":
		return -1, ByForwarding
	}
	for i := min(to, len(steps)-1); i >= max(from, 0); i-- {
		if steps[i].Verdict == model.VerdictQueue {
			return -1, ByUserSpace
		}
	}
	return -1, ""
}

// attribute tells for the changes that headers show who made them: they are noted at the
// step that did, or with who else did. since is the first step that may have, at
// the one that showed them, len(steps) where none did. own are those that the step made
// itself: they are no changes before it.
func (ch *changes) attribute(steps []Step, since, at int, changes Delta) (own Delta) {
	for _, c := range changes {
		told := at < len(steps) && steps[at].Backend != model.BackendLegacy
		i, by := ch.changer(steps, since, at, told, c.Field)
		switch {
		case i >= 0:
			if !slices.Contains(steps[i].Did, c) { // our probes may have shown it already
				steps[i].Did = append(steps[i].Did, c)
			}
			if i == at {
				own = append(own, c)
			}
		case by != "" && at < len(steps):
			steps[at].By = append(steps[at].By, Author{c.Field, by})
		}
	}
	return own
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
	By    string `json:"by"` // ByConntrack, ByForwarding, ByUserSpace
}
