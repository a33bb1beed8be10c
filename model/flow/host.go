package flow

import (
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
)

// Host is what is known of the namespace that holds the flows. The kernel does not
// keep which target made a mapping; the addresses and the rules tell.
type Host struct {
	// Local are the addresses of the interfaces with their prefix lengths.
	Local []netip.Prefix
	// Known is true where Rules are the namespace's rules; without it their absence
	// says nothing.
	Known bool
	Rules []NATRule
}

// NATRule is one rule that translates addresses.
type NATRule struct {
	Family model.Family
	// Class is ClassSNAT, ClassDNAT, ClassMasquerade or ClassRedirect.
	Class Class
	// To are the address ranges the rule translates to; none where it names no
	// address (masquerade, redirect) or takes it from a map.
	To []Range
	// Only is what the rule's text surely asks for.
	Only Only
}

// Range is a range of addresses, both ends in it.
type Range struct{ First, Last netip.Addr }

// Contains reports whether a lies in the range.
func (r Range) Contains(a netip.Addr) bool {
	return a.BitLen() == r.First.BitLen() && r.First.Compare(a) <= 0 && a.Compare(r.Last) <= 0
}

// HostFrom reads the NAT rules of a ruleset; rs may be nil where none was read.
func HostFrom(rs *model.Ruleset, local []netip.Prefix) Host {
	h := Host{Local: local}
	if rs == nil {
		return h
	}
	h.Known = true
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				h.Rules = append(h.Rules, natRules(t.Family, &c.Rules[i])...)
			}
		}
	}
	return h
}

// natRules gives the translations of one rule: one, or two for NETMAP, which
// translates the destination or the source, depending on its chain.
func natRules(family model.Family, r *model.Rule) []NATRule {
	words := splitWords(r.Text)
	target := strings.ToLower(r.Target)
	for i, w := range words {
		if i > 0 && (words[i-1] == "-j" || words[i-1] == "--jump") {
			target = strings.ToLower(w)
		}
	}
	rule := NATRule{Family: family, Only: onlyOf(words)}
	if i := statement(words); i >= 0 && !strings.HasPrefix(r.Text, "-A ") {
		target = words[i]
		if target == "snat" || target == "dnat" {
			rule.To = nftTargets(words[i+1:])
		}
	}
	switch target {
	case "snat":
		rule.Class = ClassSNAT
	case "dnat":
		rule.Class = ClassDNAT
	case "masquerade":
		rule.Class = ClassMasquerade
	case "redirect":
		rule.Class = ClassRedirect
	case "netmap":
		to := option(words, "--to")
		return []NATRule{{family, ClassDNAT, to, rule.Only}, {family, ClassSNAT, to, rule.Only}}
	default:
		return nil
	}
	if rule.To == nil {
		rule.To = append(option(words, "--to-source"), option(words, "--to-destination")...)
	}
	return []NATRule{rule}
}

// splitWords cuts a rule's text at blanks; a quoted text, such as a comment, is one word
// that keeps its quotes.
func splitWords(text string) []string {
	var words []string
	start, quoted := -1, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
			if start < 0 {
				start = i
			}
		case (c == ' ' || c == '\t') && !quoted:
			if start >= 0 {
				words = append(words, text[start:i])
			}
			start = -1
		case start < 0:
			start = i
		}
	}
	if start >= 0 {
		words = append(words, text[start:])
	}
	return words
}

// statement finds nft's NAT statement, -1 where there is none.
func statement(words []string) int {
	return slices.IndexFunc(words, func(w string) bool {
		return w == "snat" || w == "dnat" || w == "masquerade" || w == "redirect"
	})
}

// option reads the address ranges behind every occurrence of an iptables option.
func option(words []string, name string) []Range {
	var out []Range
	for i := 1; i < len(words); i++ {
		if words[i-1] == name {
			if r, ok := parseRange(words[i]); ok {
				out = append(out, r)
			}
		}
	}
	return out
}

// nftTargets reads the addresses of what follows snat or dnat: one range, or the
// values of an anonymous map ("numgen inc mod 2 map { 0 : 10.2.0.2, 1 : 10.2.0.3 }").
// Keys are not told from values where both are addresses: the worst that comes of it
// is that an address counts as named by a rule.
func nftTargets(words []string) []Range {
	to := slices.Index(words, "to")
	if to < 0 {
		return nil
	}
	var out []Range
	for _, w := range words[to+1:] {
		if r, ok := parseRange(strings.Trim(w, "{},;")); ok {
			out = append(out, r)
		}
	}
	return out
}

// parseRange reads ADDR, ADDR-ADDR or ADDR/LEN, with or without :PORT behind it;
// an IPv6 address with a port stands in brackets.
func parseRange(s string) (Range, bool) {
	if strings.HasPrefix(s, "[") {
		end := strings.LastIndexByte(s, ']')
		if end < 0 {
			return Range{}, false
		}
		s = strings.NewReplacer("[", "", "]", "").Replace(s[:end])
	} else if strings.Count(s, ":") == 1 { // IPv4 and a port
		s, _, _ = strings.Cut(s, ":")
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return PrefixRange(p), true
	}
	first, last, two := strings.Cut(s, "-")
	if !two {
		last = first
	}
	a, err := netip.ParseAddr(first)
	if err != nil {
		return Range{}, false
	}
	b, err := netip.ParseAddr(last)
	return Range{a, b}, err == nil
}

// PrefixRange is the range of a network.
func PrefixRange(p netip.Prefix) Range {
	p = p.Masked()
	last := p.Addr().AsSlice()
	for i := p.Bits(); i < len(last)*8; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	end, _ := netip.AddrFromSlice(last)
	return Range{p.Addr(), end}
}

// isLocal reports whether an address is one of the namespace's own.
func (h *Host) isLocal(a netip.Addr) bool {
	return a.IsLoopback() || slices.ContainsFunc(h.Local, func(p netip.Prefix) bool { return p.Addr() == a })
}

// named tells what made an end one of this host's own addresses: a rule of a class that
// names addresses (SNAT, DNAT), or one of the class that takes the host's (MASQUERADE,
// REDIRECT). Where both kinds of rules are there, the one counts that fits the flow, if only
// one does.
func (h *Host) named(l *Look, at netip.Addr, names, takes Class) bool {
	source := names == ClassSNAT
	rule := func(fits bool, ok func(*NATRule) bool) bool {
		for i := range h.Rules {
			if r := &h.Rules[i]; ok(r) && (!fits || r.Only.fits(l, source)) {
				return true
			}
		}
		return false
	}
	naming := func(r *NATRule) bool { return r.names(names, at) }
	taking := func(r *NATRule) bool { return r.Class == takes && r.Family.Carries(l.Family) }
	if !rule(false, naming) {
		return h.Known && !rule(false, taking)
	}
	return !rule(false, taking) || rule(true, naming) || !rule(true, taking)
}

// Doubtful are the classes, ClassSNAT and ClassDNAT, of which some flows may be of the class that
// takes the host's address (masquerade, redirect): there are rules of both kinds that give an
// address of this host, and may be for the same packets.
func (h *Host) Doubtful() (c Classes) {
	for i := range h.Rules {
		r := &h.Rules[i]
		takes, ok := map[Class]Class{ClassSNAT: ClassMasquerade, ClassDNAT: ClassRedirect}[r.Class]
		if !ok || !slices.ContainsFunc(h.Local, func(p netip.Prefix) bool { return r.names(r.Class, p.Addr()) }) {
			continue
		}
		if slices.ContainsFunc(h.Rules, func(o NATRule) bool { return o.Class == takes && r.both(&o) }) {
			c |= Set(r.Class)
		}
	}
	return c
}

// both reports whether a packet may be for both rules, as far as their texts surely tell.
func (r *NATRule) both(o *NATRule) bool {
	a, b := &r.Only, &o.Only
	if a.Proto != 0 && b.Proto != 0 && a.Proto != b.Proto || !a.Src.meets(b.Src) || !a.Dst.meets(b.Dst) {
		return false
	}
	return len(a.DPorts) == 0 || len(b.DPorts) == 0 || slices.ContainsFunc(a.DPorts, func(x PortRange) bool {
		return slices.ContainsFunc(b.DPorts, func(y PortRange) bool { return x.First <= y.Last && y.First <= x.Last })
	})
}

// names reports whether the rule is of this class and names the address.
func (r *NATRule) names(c Class, a netip.Addr) bool {
	return r.Class == c && slices.ContainsFunc(r.To, func(x Range) bool { return x.Contains(a) })
}

// names reports whether a rule of this class names the address.
func (h *Host) names(c Class, a netip.Addr) bool {
	for i := range h.Rules {
		if h.Rules[i].names(c, a) {
			return true
		}
	}
	return false
}

// masquerades reports whether a MASQUERADE can be there that may have made the flow's mapping.
func (h *Host) masquerades(l *Look) bool {
	for i := range h.Rules {
		if r := &h.Rules[i]; r.Class == ClassMasquerade && r.Family.Carries(l.Family) && r.Only.fits(l, true) {
			return true
		}
	}
	return !h.Known
}

// sameSide reports whether two hosts hang on the same side of this one: both in the
// prefix of one interface. Where no address of this host is known, hosts of one /24
// or /64 count as neighbours. This host itself is on no side.
func (h *Host) sameSide(a, b netip.Addr) bool {
	if len(h.Local) == 0 {
		bits := 24
		if a.Is6() {
			bits = 64
		}
		return netip.PrefixFrom(a, bits).Contains(b)
	}
	if h.isLocal(a) || h.isLocal(b) {
		return false
	}
	return slices.ContainsFunc(h.Local, func(p netip.Prefix) bool { return p.Masked().Contains(a) && p.Masked().Contains(b) })
}
