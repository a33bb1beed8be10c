package ruleset

import (
	"slices"
	"strings"

	"nfscope/model"
)

// Tracks tells for which families conntrack is at work for certain, because a rule
// holds it there: a rule that looks at connections or translates addresses switches it
// on in its namespace, wherever the rule stands and whether a packet can reach it or
// not, and for its table's family; a nat chain without such a rule does not
// (nf_ct_netns_get, net/netfilter/nf_conntrack_proto.c). What else may have switched it
// on (Open vSwitch, IPVS) is not seen in rules.
func Tracks(rs *model.Ruleset) (v4, v6 bool) {
	if rs == nil {
		return false, false
	}
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				if v4 && v6 {
					return v4, v6
				}
				r := &c.Rules[i]
				if t.Backend != model.BackendNFTables {
					if xtTracks(r) {
						v4, v6 = v4 || t.Family == model.FamilyIPv4, v6 || t.Family == model.FamilyIPv6
					}
					continue
				}
				four, six := nftTracks(r.Text)
				v4 = v4 || four && (t.Family == model.FamilyIPv4 || t.Family == model.FamilyInet)
				v6 = v6 || six && (t.Family == model.FamilyIPv6 || t.Family == model.FamilyInet)
			}
		}
	}
	return v4, v6
}

// The matches and targets of x_tables that ask for conntrack when a rule is made
// (their checkentry calls nf_ct_netns_get).
var (
	xtTrackMatches = []string{"conntrack", "state", "connmark", "connbytes", "connlabel", "connlimit", "helper"}
	xtTrackTargets = []string{"SNAT", "DNAT", "NETMAP", "MASQUERADE", "REDIRECT", "CONNMARK", "CONNSECMARK", "SYNPROXY", "CT"}
)

func xtTracks(r *model.Rule) bool {
	f := strings.Fields(unquoted(r.Text))
	if len(f) == 0 || f[0] == "#" || strings.HasPrefix(f[0], "#") {
		return false // nothing could print it
	}
	if r.Jump == "" && slices.Contains(xtTrackTargets, r.Target) {
		return !slices.Contains(f, "--notrack")
	}
	for i, w := range f {
		if w == "-m" && i+1 < len(f) && slices.Contains(xtTrackMatches, f[i+1]) {
			return true
		}
	}
	return false
}

// ctKeys are the words behind ct in an expression or a statement of nft.
var ctKeys = []string{"state", "direction", "status", "mark", "expiration", "helper", "original", "reply", "l3proto", "protocol",
	"bytes", "packets", "avgpkt", "zone", "label", "count", "id", "secmark", "event"}

// nftTracks reads the text of one nft rule. A chain may be called ct or masquerade.
func nftTracks(text string) (v4, v6 bool) {
	if !strings.Contains(text, "ct ") && !strings.Contains(text, "nat") && !strings.Contains(text, "masquerade") && !strings.Contains(text, "redirect") && !strings.Contains(text, "synproxy") {
		return false, false
	}
	f := strings.Fields(unquoted(text))
	if len(f) == 0 || strings.HasPrefix(f[0], "#") {
		return false, false
	}
	for i, w := range f {
		if i > 0 && (f[i-1] == "jump" || f[i-1] == "goto") {
			continue
		}
		next := ""
		if i+1 < len(f) {
			next = f[i+1]
		}
		switch w {
		case "ct":
			if slices.Contains(ctKeys, next) {
				return true, true
			}
		case "masquerade", "synproxy":
			return true, true
		case "redirect":
			if !strings.Contains(text, "icmp") { // an ICMP type is called so too
				return true, true
			}
		case "snat", "dnat":
			// In an inet table they are of one family, which is said unless there is no address.
			v4 = v4 || next != "ip6" && next != "to"
			v6 = v6 || next == "ip6"
			if next == "to" {
				v4, v6 = true, true // the table's own family
			}
		}
	}
	return v4, v6
}

// unquoted leaves out what stands between quotes.
func unquoted(s string) string {
	if !strings.Contains(s, `"`) {
		return s
	}
	var b strings.Builder
	in := false
	for i := 0; i < len(s); i++ {
		switch {
		case in && s[i] == '\\':
			i++
		case s[i] == '"':
			in = !in
			b.WriteByte('_')
		case !in:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
