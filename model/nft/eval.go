package nft

import (
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
)

// Result is a rule held against a packet.
type Result struct {
	// Answer says whether all statements of the rule are carried out: then nf_tables
	// traces and counts it as hit.
	Answer fact.Answer
	// Because holds the conditions looked at, from left to right.
	Because []fact.Because
	// Verdict is what the rule says of a packet that it matches; nil where it says
	// nothing and the walk goes on, and where it is Undecided: a verdict map says it, and
	// what the map holds for the packet is not known.
	Verdict   *Verdict
	Undecided bool
	// Facts and Packet are as the rule leaves them where it matches; Unsure names the fields
	// of headers that it wrote of which the Packet does not have what.
	Facts  fact.Facts
	Packet model.Packet
	Unsure []string
}

// Eval holds the rule against a packet: whether it matches, and each condition with
// what it wants and what the packet has.
func (r *Rule) Eval(p *model.Packet, f *fact.Facts) (fact.Answer, []fact.Because) {
	res := r.Run(p, f)
	return res.Answer, res.Because
}

// Run is Eval with what comes of it. Statements are carried out in their order, so a
// condition sees what was written before it.
func (r *Rule) Run(p *model.Packet, f *fact.Facts) Result {
	e := &evaluation{packet: *p, facts: *f}
	switch r.Family {
	case model.FamilyIPv4, model.FamilyIPv6, model.FamilyARP:
		if r.Family != p.Family {
			e.because("family", r.Family.String(), p.Family.String(), fact.No)
		}
	}
	e.table = r.Family
	from := 0
	for i, s := range r.Statements {
		if n := len(e.res.Because); i == 0 || !besides(r.Statements[i-1], s) {
			e.together(from)
			from = n
		}
		e.statement(s)
	}
	e.together(from)
	e.res.Answer = fact.Yes
	for _, b := range e.res.Because {
		switch b.Result {
		case fact.No.String():
			e.res.Answer = fact.No
		case fact.Unsure.String():
			e.res.Answer = min(e.res.Answer, fact.Unsure)
		}
	}
	e.res.Facts, e.res.Packet = e.facts, e.packet
	return e.res
}

// Passed carries out what a rule that did not match did before that: the statements up to
// the one that did not hold. sure is false where it is not known which one that was, or what
// was written.
func (r *Rule) Passed(p *model.Packet, f *fact.Facts) (after model.Packet, facts fact.Facts, sure bool) {
	e := &evaluation{packet: *p, facts: *f, table: r.Family}
	for i, s := range r.Statements {
		n := len(e.res.Because)
		e.statement(s)
		for _, b := range e.res.Because[n:] {
			switch b.Result {
			case fact.No.String():
				return e.packet, e.facts, len(e.res.Unsure) == 0
			case fact.Unsure.String():
				more := slices.ContainsFunc(r.Statements[i+1:], func(s Statement) bool { _, ok := s.(*Assign); return ok })
				return e.packet, e.facts, !more && len(e.res.Unsure) == 0
			}
		}
	}
	return e.packet, e.facts, false
}

// evaluation is one rule held against one packet.
type evaluation struct {
	table  model.Family
	packet model.Packet
	facts  fact.Facts
	// net and trans are laid out when a rule first asks for them.
	net, trans *header
	// written holds what the rule wrote besides headers and marks.
	written map[string]reading
	res     Result
}

func (e *evaluation) network() *header {
	if e.net == nil {
		e.net = networkHeader(&e.packet)
		if e.facts.Bare {
			e.net.bare(e.packet.Family)
		}
	}
	return e.net
}

func (e *evaluation) upper() *header {
	if e.trans == nil {
		e.trans = transportHeader(&e.packet)
		if e.facts.Bare {
			e.trans.forget(32, 64) // sequence numbers; of an echo its identifier stays below
			if e.packet.Proto.ICMP() && echo(&e.packet) {
				e.trans.number(32, 16, uint64(e.packet.ICMPID))
			}
			if e.packet.Proto == model.ProtoTCP {
				e.trans.number(104, 8, uint64(e.packet.Flags))
			}
		}
	}
	return e.trans
}

// because notes a condition.
func (e *evaluation) because(match, want, have string, a fact.Answer) {
	e.res.Because = append(e.res.Because, fact.Held(match, want, have, a))
}

// cannot notes something that only somebody else knows.
func (e *evaluation) cannot(match, missing string) {
	e.because(match, "", fact.Missing+missing, fact.Unsure)
}

const traffic = "it depends on the traffic so far"

// statement carries one statement out.
func (e *evaluation) statement(s Statement) {
	switch s := s.(type) {
	case *Match:
		e.match(s)
	case *VerdictMap:
		e.verdictMap(s)
	case *Verdict:
		e.res.Verdict = s
	case *Assign:
		e.assign(s)
	case *Notrack:
		if c := &e.facts.Connection; c.Known {
			c.Value = c.Value.Untrack()
		}
	case *Limit, *Quota, *ConnLimit:
		e.cannot(s.String(), traffic)
	case *Object:
		if s.Kind == "quota" || s.Kind == "limit" || s.Kind == "synproxy" {
			e.cannot(s.String(), traffic)
		}
		if m, ok := s.Name.(*MapLookup); ok {
			e.goesThrough(m)
		}
	case *SetUpdate:
		e.goesThrough(s.Elem.Key)
		e.cannot(s.Op+" @"+s.Set, "whether the set takes the element")
	case *Meter:
		e.goesThrough(s.Elem.Key)
		e.cannot("meter "+s.Name, traffic)
	case *FlowAdd:
		e.cannot(s.String(), "whether the flow is taken over")
	case *TProxy:
		e.cannot(s.String(), "the host's sockets")
	case *Synproxy:
		e.cannot(s.String(), "what the proxy does of it")
	case *StripOption:
		if r, ok := e.transport(0, model.ProtoTCP); !ok {
			e.fails(s.String(), "", r)
		}
	case *NAT:
		e.goesThrough(s.Addr)
		e.goesThrough(s.Port)
	case *Queue:
		e.goesThrough(s.To)
	case *Dup:
		e.goesThrough(s.To)
		e.goesThrough(s.Device)
	case *Fwd:
		e.goesThrough(s.To)
		e.goesThrough(s.Device)
	case *Unknown:
		e.because(s.Text, "", s.Why, fact.Unsure)
	}
}

// besides reports whether two conditions are ones that nft 1.0 makes one comparison of,
// because their fields stand side by side: "ip saddr != A ip daddr != B" then is no
// match only where both are equal (rule.c, payload_try_merge), and is listed as before.
func besides(a, b Statement) bool {
	x, ok1 := a.(*Match)
	y, ok2 := b.(*Match)
	if !ok1 || !ok2 || x.Op != Ne || y.Op != Ne || !single(x.Right) || !single(y.Right) {
		return false
	}
	l, ok1 := x.Left.(*Payload)
	r, ok2 := y.Left.(*Payload)
	if !ok1 || !ok2 || l.Header != r.Header {
		return false
	}
	for _, spots := range []map[string]spot{networkSpots, transportSpots} {
		if at, ok := spots[l.String()]; ok {
			return at.at+at.len == spots[r.String()].at
		}
	}
	return true // where the fields stand is not known
}

func single(x Expr) bool {
	switch x.(type) {
	case Number, Addr, Symbol, MAC, Quoted:
		return true
	}
	return false
}

// together puts the answers of such conditions right, which are those from a place on:
// where one says no and another does not, it depends on nft's version.
func (e *evaluation) together(from int) {
	l := e.res.Because[from:]
	if !slices.ContainsFunc(l, func(b fact.Because) bool { return b.Result != fact.No.String() }) {
		return
	}
	for i := range l {
		if len(l) > 1 && l[i].Result == fact.No.String() {
			l[i].Have, l[i].Result = fact.Missing+"some versions of nft mean both conditions together", fact.Unsure.String()
		}
	}
}

// goesThrough evaluates an expression for whether it ends the rule: what cannot be read
// and what a map does not hold counts as no match.
func (e *evaluation) goesThrough(x Expr) {
	if x == nil {
		return
	}
	if r := e.read(x); r.breaks != fact.No {
		e.fails(x.String(), "", r)
	}
}

// fails notes an expression that ends the rule, or may.
func (e *evaluation) fails(match, want string, r reading) {
	a := fact.Unsure
	have := fact.Missing + r.missing
	if r.breaks == fact.Yes {
		a, have = fact.No, r.have
	}
	if r.match != "" {
		match, want = r.match, r.want
	}
	e.because(match, want, have, a)
}

// match is a comparison.
func (e *evaluation) match(m *Match) {
	want := wanted(m)
	left := label(m.Left)
	var parts []reading
	if c, ok := m.Left.(Concat); ok {
		for _, x := range c {
			parts = append(parts, e.read(x))
		}
	} else {
		parts = []reading{e.read(m.Left)}
	}
	breaks := fact.No
	for _, r := range parts {
		if r.breaks == fact.Yes {
			e.fails(left, want, r)
			return
		}
		breaks = max(breaks, r.breaks)
	}
	a := e.compare(parts, m.Op, m.Right)
	if c, ok := m.Left.(*CT); ok && c.Key == "state" && a == fact.Unsure && e.facts.Connection.Known {
		a = e.inEachState(m)
	}
	if breaks == fact.Unsure {
		a = min(a, fact.Unsure)
	}
	have := texts(parts)
	if a == fact.Unsure {
		have = fact.Missing + lacking(parts, m.Right)
	}
	e.because(left, want, have, a)
}

// inEachState compares for each state that the packet may have: where all answers are the
// same it does not matter which it is.
func (e *evaluation) inEachState(m *Match) fact.Answer {
	all := e.facts.Connection.Value.States().List()
	if len(all) == 0 {
		return fact.Unsure
	}
	first := e.compare([]reading{states(all[0])}, m.Op, m.Right)
	for _, s := range all[1:] {
		if e.compare([]reading{states(s)}, m.Op, m.Right) != first {
			return fact.Unsure
		}
	}
	return first
}

// label names a field for a person: "meta mark" is the mark.
func label(x Expr) string {
	if c, ok := x.(Concat); ok {
		l := make([]string, len(c))
		for i := range c {
			l[i] = label(c[i])
		}
		return strings.Join(l, " . ")
	}
	return strings.TrimPrefix(x.String(), "meta ")
}

// wanted puts the right side in words.
func wanted(m *Match) string {
	s := m.Right.String()
	switch m.Op {
	case Ne, NotIn:
		return "not " + s
	case Lacks:
		return "without " + s
	case Lt, Gt, Le, Ge:
		return m.Op.String() + " " + s
	}
	return s
}

func texts(parts []reading) string {
	l := make([]string, len(parts))
	for i, r := range parts {
		if l[i] = r.have; l[i] == "" {
			l[i] = format(r.v, r.typ)
		}
	}
	return strings.Join(l, " . ")
}

// lacking names what nobody knows.
func lacking(parts []reading, right Expr) string {
	var l []string
	for _, r := range parts {
		if r.missing != "" && !slices.Contains(l, r.missing) {
			l = append(l, r.missing)
		}
	}
	if len(l) > 0 {
		return strings.Join(l, ", ")
	}
	if s, ok := right.(SetRef); ok {
		return "what " + s.String() + " holds"
	}
	return "what " + right.String() + " stands for"
}

// verdictMap looks the verdict up. A key that is not there ends the rule.
func (e *evaluation) verdictMap(m *VerdictMap) {
	data, r := e.lookup(m.Key, m.In)
	switch {
	case r.breaks != fact.No:
		want := m.In.String()
		if _, ok := m.In.(Set); ok {
			want = "one of " + keys(m.In.(Set))
		}
		e.fails(label(m.Key), want, r)
	default:
		if r.missing != "" {
			r.have = fact.Missing + r.missing
		}
		e.because(label(m.Key), m.In.String(), r.have, fact.Yes)
	}
	e.res.Verdict, _ = data.(*Verdict)
	e.res.Undecided = e.res.Verdict == nil && r.breaks != fact.Yes
}

// keys lists what a map has keys for.
func keys(s Set) string {
	l := make([]string, len(s))
	for i := range s {
		l[i] = s[i].Key.String()
	}
	return "{ " + strings.Join(l, ", ") + " }"
}
