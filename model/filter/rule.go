package filter

import (
	"net/netip"
	"strings"

	"nfscope/model"
)

// Rule reports whether the filter matches a rule, to narrow the Rules page. chain,
// table and rule are the rule's place, verdict what its target does, dropped a drop
// or a reject, snat and the like its target. Addresses, networks, protocols,
// interfaces and states match where the rule's text names them; a port also where a
// range of the text holds it. It does not ask what packets the rule matches.
func (f *Filter) Rule(t *model.Table, c *model.Chain, r *model.Rule, _ model.Counters) bool {
	if f.root == nil {
		return true
	}
	a := asked{f: f, t: t, c: c, r: r}
	return a.eval(f.root) == Yes
}

// asked is a rule that a filter is asked of. Its text is read once at most, for all
// conditions that it can answer, and not at all where its place or target decide.
type asked struct {
	f     *Filter
	t     *model.Table
	c     *model.Chain
	r     *model.Rule
	read  bool
	named uint64 // by leaf.bit: the text names what the leaf asks for
}

// maxTextBits is how many conditions one reading of a text can answer. Of more each is
// read for alone.
const maxTextBits = 64

// numberText gives the conditions that a rule's text answers their bits.
func numberText(n *node, to []*leaf) []*leaf {
	if n.op == opLeaf && n.leaf.ofText() {
		n.text = true
		n.leaf.bit = len(to)
		if n.leaf.low = n.leaf.name; n.leaf.word == "proto" {
			n.leaf.low = n.leaf.proto.String()
		}
		return append(to, &n.leaf)
	}
	for _, k := range n.kids {
		to = numberText(k, to)
		n.text = n.text || k.text
	}
	return to
}

// ofText reports whether a rule's text answers the leaf.
func (l *leaf) ofText() bool {
	switch l.word {
	case "proto", "in", "out", "state", "net", "portrange":
		return true
	}
	return false
}

// eval is Kleene's logic: and is the least, or the greatest. What costs least is asked
// first, and no more than decides.
func (a *asked) eval(n *node) Truth {
	switch n.op {
	case opLeaf:
		return a.leaf(&n.leaf)
	case opNot:
		return a.eval(n.kids[0]).Not()
	}
	t, end := Yes, No
	if n.op == opOr {
		t, end = No, Yes
	}
	for _, text := range [...]bool{false, true} {
		for _, k := range n.kids {
			if k.text != text {
				continue
			}
			if n.op == opOr {
				t = max(t, a.eval(k))
			} else {
				t = min(t, a.eval(k))
			}
			if t == end {
				return t
			}
		}
	}
	return t
}

func (a *asked) leaf(l *leaf) Truth {
	switch l.word {
	case "ip":
		return truth(a.t.Family.Carries(model.FamilyIPv4))
	case "ip6":
		return truth(a.t.Family.Carries(model.FamilyIPv6))
	case "chain":
		return truth(a.c.Name == l.name)
	case "table":
		return truth(a.t.Name == l.name)
	case "rule":
		return truth(a.r.Index == int(l.value))
	case "verdict":
		return truth(a.r.Verdict().String() == l.name)
	case "dropped":
		v := a.r.Verdict()
		return truth(v == model.VerdictDrop || v == model.VerdictReject)
	case "nat":
		return truth(natTarget(a.r.Target) != "")
	case "snat", "dnat", "masquerade", "redirect":
		return truth(lowerIs(a.r.Target, l.word))
	}
	switch {
	case !l.ofText():
		return Unknown
	case l.bit >= maxTextBits:
		return truth(readText(a.r.Text, []*leaf{l}) != 0)
	case !a.read:
		a.read, a.named = true, readText(a.r.Text, a.f.text[:min(len(a.f.text), maxTextBits)])
	}
	return truth(a.named>>l.bit&1 != 0)
}

// natTarget is the kind of NAT that a target does, "" for none.
func natTarget(target string) string {
	for _, s := range [...]string{"snat", "dnat", "masquerade", "redirect"} {
		if lowerIs(target, s) {
			return s
		}
	}
	return ""
}

// readText tells which of some conditions, by their place, a rule's text names.
func readText(text string, leaves []*leaf) (named uint64) {
	all := uint64(1)<<len(leaves) - 1
	m := mentions{text: text}
	for named != all {
		w, value := m.next()
		if w == "" {
			break
		}
		var v values
		for i, l := range leaves {
			if named>>i&1 == 0 && m.names(w, value, l, &v) {
				named |= 1 << i
			}
		}
	}
	return named
}

// values are what a word says as an address and as ports, read where it is asked for.
type values struct {
	read, isNet, isPorts bool
	net                  netip.Prefix
	lo, hi               uint16
}

func (v *values) of(w string, ports bool) {
	if v.read {
		return
	}
	v.read = true
	v.net, v.lo, v.isPorts, v.isNet = addrOf(w)
	if v.hi = v.lo; !v.isNet {
		v.lo, v.hi, v.isPorts = portsOf(w, ports)
	}
}

// names tells whether a word is what a condition asks for.
func (m *mentions) names(w string, value bool, l *leaf, v *values) bool {
	switch l.word {
	case "proto":
		return lowerIs(w, l.low) || l.proto == model.ProtoICMPv6 && (lowerIs(w, "ipv6-icmp") || lowerIs(w, "icmp6"))
	case "state":
		return lowerIs(w, l.low)
	}
	if !value {
		return false
	}
	switch l.word {
	case "in":
		return m.iface == dirSrc && ifaceIs(w, l.name)
	case "out":
		return m.iface == dirDst && ifaceIs(w, l.name)
	case "net":
		v.of(w, m.ports)
		return v.isNet && v.net == l.prefix && (l.dir == dirAny || l.dir == m.dir)
	}
	v.of(w, m.ports)
	return v.isPorts && v.lo <= l.lo && l.hi <= v.hi && (l.dir == dirAny || l.dir == m.dir)
}

// ifaceIs compares an interface of a text with that of a filter, which writes eth* as
// iptables does: eth+.
func ifaceIs(w, name string) bool {
	if i := strings.IndexByte(w, '*'); i >= 0 {
		return len(w) == len(name) && w[:i] == name[:i] && name[i] == '+' && w[i+1:] == name[i+1:]
	}
	return w == name
}
