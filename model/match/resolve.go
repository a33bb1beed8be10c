package match

import (
	"net/netip"
	"slices"
	"strings"
)

// implicit loads the module of the rule's protocol, as iptables does when it meets an
// option that nobody knows; here only where that helps.
func (p *parser) implicit(option string) bool {
	if p.proto == nil || p.proto.Negated {
		return false
	}
	proto, _ := p.proto.Value.(Proto)
	name, ok := protoModules[proto]
	e := lookup(matches, name, p.rule.Family)
	if !ok || e == nil || slices.ContainsFunc(p.scopes, func(s scope) bool { return s.name == name && s.match >= 0 }) {
		return false
	}
	with := parser{scopes: append(slices.Clone(p.scopes), scope{ext: e})}
	if _, o := with.find(option); o == nil {
		return false
	}
	p.load(name)
	return true
}

// find looks an option up as getopt_long does with iptables' tables: the rule's own
// options, then what was named last, then what was named before; the whole name, or a
// beginning that only one name has.
func (p *parser) find(name string) (at int, found *option) {
	for i := range p.scopes {
		at = p.from(i)
		if e := p.scopes[at].ext; e != nil {
			for j := range e.options {
				if slices.Contains(e.options[j].names, name) {
					return at, &e.options[j]
				}
			}
		}
	}
	if !strings.HasPrefix(name, "--") || len(name) < 3 {
		return 0, nil
	}
	for i := range p.scopes {
		e := p.scopes[p.from(i)].ext
		if e == nil {
			continue
		}
		for j := range e.options {
			if !slices.ContainsFunc(e.options[j].names, func(n string) bool { return strings.HasPrefix(n, name) }) {
				continue
			}
			if found != nil && found != &e.options[j] {
				return 0, nil // ambiguous
			}
			if found == nil {
				at, found = p.from(i), &e.options[j]
			}
		}
	}
	return at, found
}

// from counts the scopes in the order in which find asks them: the first, then from
// the last.
func (p *parser) from(i int) int {
	if i == 0 {
		return 0
	}
	return len(p.scopes) - i
}

// valueReason says why a value is not understood.
func valueReason(option, value string) string {
	addr, _, _ := strings.Cut(value, "/")
	if _, err := netip.ParseAddr(addr); err == nil && strings.ContainsAny(addr, ".:") && (option == "-s" || option == "-d") {
		return "an address of the other family, or a mask that is none"
	}
	switch option {
	case "-s", "-d", "--sport", "--dport", "--sports", "--dports", "--ports", "--uid-owner", "--gid-owner", "--to-ports":
		if value != "" && (value[0]|0x20 >= 'a' && value[0]|0x20 <= 'z') && !strings.Contains(value, ":") {
			return "a name that only its host can look up"
		}
	case "--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--ctrepldst", "--tunnel-src", "--tunnel-dst":
		if strings.Contains(value, "/") {
			return "a mask that iptables loads as that of one address"
		}
	}
	return "a value that nfscope does not understand"
}
