package filter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
)

// slowRule is Rule as it was first written: it makes lists of all that a text names and
// asks every condition. Rule must answer the same.
func (f *Filter) slowRule(t *model.Table, c *model.Chain, r *model.Rule) bool {
	if f.root == nil {
		return true
	}
	var names *slowMentions // read once, and only where a word needs it
	s := subject{whole: func(l *leaf) Truth {
		if names == nil {
			names = slowRead(r.Text)
		}
		return slowLeaf(l, t, c, r, names)
	}}
	return s.eval(f.root) == Yes
}

func slowLeaf(l *leaf, t *model.Table, c *model.Chain, r *model.Rule, m *slowMentions) Truth {
	switch l.word {
	case "ip":
		return truth(t.Family.Carries(model.FamilyIPv4))
	case "ip6":
		return truth(t.Family.Carries(model.FamilyIPv6))
	case "chain":
		return truth(c.Name == l.name)
	case "table":
		return truth(t.Name == l.name)
	case "rule":
		return truth(r.Index == int(l.value))
	case "verdict":
		return truth(r.Verdict().String() == l.name)
	case "dropped":
		return truth(r.Verdict() == model.VerdictDrop || r.Verdict() == model.VerdictReject)
	case "nat":
		return truth(slowNAT(r.Target) != "")
	case "snat", "dnat", "masquerade", "redirect":
		return truth(slowNAT(r.Target) == l.word)
	case "proto":
		return truth(slices.Contains(m.words, l.proto.String()) ||
			l.proto == model.ProtoICMPv6 && (slices.Contains(m.words, "ipv6-icmp") || slices.Contains(m.words, "icmp6")))
	case "in":
		return truth(slices.Contains(m.in, l.name))
	case "out":
		return truth(slices.Contains(m.out, l.name))
	case "state":
		return truth(slices.Contains(m.words, l.name))
	case "net":
		return truth(slices.ContainsFunc(m.nets, func(n slowMentioned[netip.Prefix]) bool {
			return n.value == l.prefix && (l.dir == dirAny || l.dir == n.dir)
		}))
	case "portrange":
		return truth(slices.ContainsFunc(m.ports, func(n slowMentioned[[2]uint16]) bool {
			return n.value[0] <= l.lo && l.hi <= n.value[1] && (l.dir == dirAny || l.dir == n.dir)
		}))
	}
	return Unknown
}

func slowNAT(target string) string {
	switch s := strings.ToLower(target); s {
	case "snat", "dnat", "masquerade", "redirect":
		return s
	}
	return ""
}

// slowMentions is what a rule's text names, in iptables' or nft's spelling.
type slowMentions struct {
	words   []string // in small letters
	nets    []slowMentioned[netip.Prefix]
	ports   []slowMentioned[[2]uint16]
	in, out []string
}

type slowMentioned[T any] struct {
	dir   dir
	value T
}

// slowRead goes over the words; an option says what the values behind it are.
func slowRead(text string) *slowMentions {
	m := &slowMentions{}
	var d dir
	var ports bool
	var ifaces *[]string
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t,{}\"", r) }) {
		switch o := strings.TrimLeft(w, "-"); o {
		case "s", "source", "saddr", "to-source", "src-range":
			d, ports, ifaces = dirSrc, false, nil
		case "d", "destination", "daddr", "to-destination", "dst-range":
			d, ports, ifaces = dirDst, false, nil
		case "sport", "sports", "source-port", "source-ports":
			d, ports, ifaces = dirSrc, true, nil
		case "dport", "dports", "destination-port", "destination-ports":
			d, ports, ifaces = dirDst, true, nil
		case "ports", "to-ports", "port":
			d, ports, ifaces = dirAny, true, nil
		case "i", "in-interface", "iifname", "iif":
			d, ports, ifaces = dirAny, false, &m.in
		case "o", "out-interface", "oifname", "oif":
			d, ports, ifaces = dirAny, false, &m.out
		default:
			if o != w { // an option that says nothing of these
				d, ports, ifaces = dirAny, false, nil
			}
			if ifaces != nil {
				*ifaces = append(*ifaces, strings.Replace(w, "*", "+", 1))
			}
			m.value(w, d, ports)
		}
		m.words = append(m.words, strings.ToLower(w))
	}
	return m
}

func (m *slowMentions) value(w string, d dir, ports bool) {
	if p, err := netip.ParsePrefix(w); err == nil {
		m.nets = append(m.nets, slowMentioned[netip.Prefix]{d, p.Masked()})
		return
	}
	if ap, err := netip.ParseAddrPort(w); err == nil { // DNAT --to-destination
		m.addr(ap.Addr(), d)
		m.ports = append(m.ports, slowMentioned[[2]uint16]{d, [2]uint16{ap.Port(), ap.Port()}})
		return
	}
	if a, err := netip.ParseAddr(strings.Trim(w, "[]")); err == nil {
		m.addr(a, d)
		return
	}
	if strings.HasPrefix(w, ":") { // nft: redirect to :5555
		w, ports = w[1:], true
	}
	if !ports {
		return
	}
	lo, hi, isRange := strings.Cut(w, ":")
	if !isRange {
		if lo, hi, isRange = strings.Cut(w, "-"); !isRange {
			hi = lo
		}
	}
	a, errA := strconv.ParseUint(lo, 10, 16)
	b, errB := strconv.ParseUint(hi, 10, 16)
	if errA == nil && errB == nil {
		m.ports = append(m.ports, slowMentioned[[2]uint16]{d, [2]uint16{uint16(a), uint16(b)}})
	}
}

func (m *slowMentions) addr(a netip.Addr, d dir) {
	m.nets = append(m.nets, slowMentioned[netip.Prefix]{d, netip.PrefixFrom(a, a.BitLen())})
}
