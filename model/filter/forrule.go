package filter

import (
	"fmt"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/match"
	"nfscope/model/nft"
)

// ForRule gives a filter for the packets that hit a rule. Table, chain and number make it
// exact, but the kernel cannot know them where a packet begins; so the conditions of the
// rule that surely hold there already stand before them, and fewer packets are traced for
// nothing. left lists the conditions that may not: of what NAT may have changed before the
// rule, of what only the rule's program understands. The number is the one that the rule has
// now. text is "" where packets of the table's family cannot be traced.
func ForRule(t *model.Table, c *model.Chain, r *model.Rule) (text string, left []string) {
	q := ruleFilter{from: begins(t, c)}
	switch t.Family {
	case model.FamilyIPv4:
		q.add("ip")
	case model.FamilyIPv6:
		q.add("ip6")
	case model.FamilyInet:
	default:
		return "", nil
	}
	switch {
	case strings.HasPrefix(r.Text, "#"):
	case t.Backend == model.BackendNFTables:
		for _, s := range nft.Parse(r.Text, t.Family).Statements {
			switch s := s.(type) {
			case *nft.Match:
				q.native(s)
			case *nft.Limit, *nft.Quota, *nft.ConnLimit, *nft.VerdictMap, *nft.Unknown:
				q.left = append(q.left, s.String())
			}
		}
	default:
		for _, m := range match.Parse(r.Text, t.Family).Conds {
			q.legacy(&m)
		}
	}
	q.add("table " + quote(t.Name))
	q.add("chain " + quote(c.Name))
	q.add("rule " + strconv.Itoa(r.Index))
	return strings.Join(q.conds, " and "), q.left
}

// ForRuleFlows is the text of a filter for the connections that a rule translates.
func ForRuleFlows(t *model.Table, c *model.Chain, r *model.Rule) string {
	s := "table " + quote(t.Name) + " and chain " + quote(c.Name) + " and rule " + strconv.Itoa(r.Index)
	switch t.Family {
	case model.FamilyIPv4:
		return "ip and " + s
	case model.FamilyIPv6:
		return "ip6 and " + s
	}
	return s
}

// begins tells which ends of a packet are, in a chain, those that it had where its trace
// began: chains of type nat see the first packet of a connection, not rewritten yet, and
// others behind them a destination that may be. A chain that is called may be so from
// anywhere.
func begins(t *model.Table, c *model.Chain) ends {
	nat := t.NAT(c)
	switch c.Hook {
	case model.HookPrerouting, model.HookOutput:
		return ends{in: c.Hook == model.HookPrerouting, src: true, dst: nat || c.Priority < -100}
	case model.HookInput, model.HookForward:
		return ends{in: true, src: !nat} // before SNAT, behind DNAT
	}
	return ends{}
}

type ends struct{ in, src, dst bool }

type ruleFilter struct {
	from  ends
	conds []string
	left  []string
}

func (q *ruleFilter) add(s string) {
	for _, c := range q.conds {
		if c == s {
			return
		}
	}
	q.conds = append(q.conds, s)
}

// either adds alternatives, negated or not; none where the packet may have been another.
func (q *ruleFilter) either(sure, not bool, text string, l []string) {
	if !sure || len(l) == 0 {
		q.left = append(q.left, text)
		return
	}
	s := strings.Join(l, " or ")
	switch {
	case not:
		s = "not (" + s + ")"
	case len(l) > 1:
		s = "(" + s + ")"
	}
	if _, err := Parse(s); err != nil { // a name that the language does not take
		q.left = append(q.left, text)
		return
	}
	q.add(s)
}

// legacy adds what can be said of one match of x_tables.
func (q *ruleFilter) legacy(m *match.Match) {
	for i := range m.Options {
		o := &m.Options[i]
		text := o.String()
		if o.Unknown != "" {
			q.left = append(q.left, text)
			continue
		}
		switch v := o.Value.(type) {
		case match.Proto:
			q.either(true, o.Negated, text, protoCond(v.Number()))
			continue
		case match.Nets:
			if o.Name == "-s" || o.Name == "-d" {
				dir := map[string]string{"-s": "src", "-d": "dst"}[o.Name]
				q.either(q.sure(dir), o.Negated, text, netConds(dir, v))
				continue
			}
		case match.Iface:
			if o.Name == "-i" {
				q.either(q.from.in, o.Negated, text, []string{"in " + quote(string(v))})
				continue
			}
		case match.Range:
			switch {
			case o.Name == "--sport":
				q.either(q.from.src, o.Negated, text, []string{portCond("src", v.Lo, v.Hi)})
				continue
			case o.Name == "--dport":
				q.either(q.from.dst, o.Negated, text, []string{portCond("dst", v.Lo, v.Hi)})
				continue
			}
		case match.Ranges:
			if dir := map[string]string{"--sports": "src", "--dports": "dst"}[o.Name]; dir != "" {
				var l []string
				for _, r := range v {
					l = append(l, portCond(dir, r.Lo, r.Hi))
				}
				q.either(q.sure(dir), o.Negated, text, l)
				continue
			}
		}
		if m.Name != "comment" {
			q.left = append(q.left, text)
		}
	}
	if len(m.Options) == 0 && m.Name != "" && !transport(m.Name) {
		q.left = append(q.left, m.String())
	}
}

// transport reports whether a module without options asks no more than its -p does.
func transport(name string) bool {
	switch name {
	case "tcp", "udp", "udplite", "sctp", "dccp", "esp", "ah", "icmp", "icmp6", "mh", "ipcomp":
		return true
	}
	return false
}

func (q *ruleFilter) sure(dir string) bool {
	if dir == "src" {
		return q.from.src
	}
	return q.from.dst
}

func protoCond(p model.Proto) []string {
	name := p.String()
	if _, ok := protoWord(name); ok {
		return []string{"proto " + name}
	}
	return []string{fmt.Sprintf("proto %d", uint8(p))}
}

func netConds(dir string, nets match.Nets) (l []string) {
	for _, n := range nets {
		bits := n.Bits()
		if bits < 0 {
			return nil // a mask that is no prefix
		}
		if bits == n.Addr.BitLen() {
			l = append(l, dir+" host "+n.Addr.String())
		} else {
			l = append(l, fmt.Sprintf("%s net %s/%d", dir, n.Addr, bits))
		}
	}
	return l
}

func portCond(dir string, lo, hi uint64) string {
	if lo == hi {
		return fmt.Sprintf("%s port %d", dir, lo)
	}
	return fmt.Sprintf("%s portrange %d-%d", dir, lo, hi)
}

// native adds what can be said of one match of nf_tables.
func (q *ruleFilter) native(m *nft.Match) {
	if f, ok := m.Left.(*nft.Payload); ok {
		if p, ok := protoWord(f.Header); ok { // tcp dport asks for tcp too
			q.add(protoCond(p)[0])
		} else if f.Header == "ip" || f.Header == "ip6" {
			q.add(f.Header)
		}
	}
	not := m.Op == nft.Ne || m.Op == nft.NotIn
	values := []nft.Expr{m.Right}
	switch m.Op {
	case nft.Eq, nft.Ne:
	case nft.In, nft.NotIn:
		s, ok := m.Right.(nft.Set)
		if !ok {
			q.left = append(q.left, m.String())
			return
		}
		values = values[:0]
		for _, e := range s {
			values = append(values, e.Key)
		}
	default:
		q.left = append(q.left, m.String())
		return
	}
	dir, sure := "", true
	say := func(string, nft.Expr) string { return "" }
	switch f := m.Left.(type) {
	case *nft.Payload:
		switch {
		case f.Name == "saddr" && (f.Header == "ip" || f.Header == "ip6"):
			dir, say = "src", addrCond
		case f.Name == "daddr" && (f.Header == "ip" || f.Header == "ip6"):
			dir, say = "dst", addrCond
		case f.Name == "sport":
			dir, say = "src", portExpr
		case f.Name == "dport":
			dir, say = "dst", portExpr
		}
	case *nft.Meta:
		switch f.Key {
		case "l4proto":
			say = protoExpr
		case "iifname":
			sure, say = q.from.in, func(_ string, v nft.Expr) string {
				if name, ok := v.(nft.Quoted); ok {
					p, star := name.Prefix()
					if star {
						p += "+"
					}
					return "in " + quote(p)
				}
				return ""
			}
		}
	}
	if dir != "" {
		sure = q.sure(dir)
	}
	var l []string
	for _, v := range values {
		s := say(dir, v)
		if s == "" {
			l = nil
			break
		}
		l = append(l, s)
	}
	q.either(sure, not, m.String(), l)
}

func addrCond(dir string, v nft.Expr) string {
	switch v := v.(type) {
	case nft.Addr:
		return dir + " host " + v.Addr.String()
	case nft.Prefix:
		return fmt.Sprintf("%s net %s", dir, v.Masked())
	}
	return ""
}

func portExpr(dir string, v nft.Expr) string {
	switch v := v.(type) {
	case nft.Number:
		if !v.Wide && v.N <= 0xffff {
			return portCond(dir, v.N, v.N)
		}
	case nft.Range:
		lo, ok1 := v.Lo.(nft.Number)
		hi, ok2 := v.Hi.(nft.Number)
		if ok1 && ok2 && !lo.Wide && !hi.Wide && lo.N <= hi.N && hi.N <= 0xffff {
			return portCond(dir, lo.N, hi.N)
		}
	}
	return ""
}

func protoExpr(_ string, v nft.Expr) string {
	var n uint64
	switch v := v.(type) {
	case nft.Symbol:
		if !v.Known {
			return ""
		}
		n = v.N
	case nft.Number:
		n = v.N
	default:
		return ""
	}
	if n > 255 {
		return ""
	}
	return protoCond(model.Proto(n))[0]
}
