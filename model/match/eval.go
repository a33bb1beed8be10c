package match

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
)

// Answer says whether a condition holds: in Kleene's logic, what is not known is
// Unsure and so is all that depends on it.
type Answer uint8

// The answers, ordered so that "and" is the least of them.
const (
	No Answer = iota
	Unsure
	Yes
)

// String gives no, unknown or yes, the words of nfscope/journey/1.
func (a Answer) String() string { return [...]string{"no", "unknown", "yes"}[a] }

// Not turns Yes and No around.
func (a Answer) Not() Answer { return Yes - a }

func answer(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

// Because is one condition held against a packet, with the fields of journey.Because,
// to which it converts.
type Because struct {
	Match  string // tcp dport
	Want   string // not 80
	Have   string // 8080; for what is not known the fact that is missing
	Result string // no, unknown, yes
}

// Fact is something that may not be known.
type Fact[T any] struct {
	Value T
	Known bool
}

// Of makes a fact that is known.
func Of[T any](v T) Fact[T] { return Fact[T]{v, true} }

// Facts are what a rule may ask of a packet besides its headers. The zero value knows
// nothing.
type Facts struct {
	// Backend tells where the rule stands: one condition means different things.
	Backend model.Backend
	// In and Out are interfaces; known and "" at the hooks that have none.
	In, Out Fact[string]
	Mark    Fact[uint32]
	// Connection is what conntrack has of the packet; known and nil where it has
	// nothing and the packet is INVALID.
	Connection Fact[*Connection]
	// PacketType is unicast, broadcast or multicast, as the link layer says.
	PacketType Fact[string]
	Source     Fact[MAC]
	// User and Group own the socket that sent the packet.
	User, Group Fact[uint32]
}

// Connection is a conntrack entry as rules see it.
type Connection struct {
	// State is NEW, ESTABLISHED, RELATED or UNTRACKED.
	State string
	// Status holds EXPECTED, SEEN_REPLY, ASSURED, CONFIRMED, SNAT and DNAT.
	Status Fact[[]string]
	// Reply is the packet's direction.
	Reply Fact[bool]
	Mark  Fact[uint32]
	// Original and Answered are the entry's two tuples.
	Original, Answered Fact[model.Tuple]
}

// Eval holds the rule against a packet: whether it matches, and each condition with
// what it wants and what the packet has. A packet of the other family matches nothing.
func (r *Rule) Eval(p *model.Packet, f *Facts) (Answer, []Because) {
	all := Yes
	var why []Because
	for i := range r.Conds {
		a, b := r.Conds[i].Eval(p, f)
		all = min(all, a)
		why = append(why, b...)
	}
	if p.Family != r.Family {
		return No, append([]Because{{"family", r.Family.String(), p.Family.String(), No.String()}}, why...)
	}
	return all, why
}

// Eval holds the match against a packet.
func (m *Match) Eval(p *model.Packet, f *Facts) (Answer, []Because) {
	e := evaluation{p, f, m}
	if m.Unknown != "" {
		return Unsure, []Because{{m.Name, optionsText(m.Options), m.Unknown, Unsure.String()}}
	}
	if m.Name == "comment" {
		return Yes, nil
	}
	ask := questions[m.Name]
	if ask.about == nil {
		ask.about = missing("nfscope does not ask this of a packet")
	}
	if ask.before != nil {
		if have, a := ask.before(&e); a != Yes {
			return a, []Because{{m.Name, strings.Join(m.Words(), ", "), have, a.String()}}
		}
	}
	if len(m.Options) == 0 || ask.whole {
		have, a := ask.about(&e, nil)
		return a, []Because{{m.Name, optionsText(m.Options), have, a.String()}}
	}
	all := Yes
	var why []Because
	for i := range m.Options {
		o := &m.Options[i]
		have, a := o.Unknown, Unsure
		if o.Unknown == "" {
			if have, a = ask.about(&e, o); o.Negated {
				a = a.Not()
			}
		}
		all = min(all, a)
		why = append(why, Because{strings.TrimSpace(m.Name + " " + optionLabel(o)), wanted(o), have, a.String()})
	}
	return all, why
}

// optionLabel is the option's name for a person.
func optionLabel(o *Option) string {
	switch o.Name {
	case "-s":
		return "source"
	case "-d":
		return "destination"
	case "-i":
		return "in interface"
	case "-o":
		return "out interface"
	case "-p":
		return "protocol"
	case "-f":
		return "fragment"
	}
	return strings.TrimLeft(o.Name, "-")
}

func wanted(o *Option) string {
	s := ""
	if o.Value != nil {
		s = o.Value.String()
	}
	if o.Negated {
		s = strings.TrimSpace("not " + s)
	}
	return s
}

// evaluation is one match held against one packet.
type evaluation struct {
	p *model.Packet
	f *Facts
	m *Match
}

// question knows how a module asks.
type question struct {
	// about answers one option, its negation apart; o is nil where the module is asked
	// as a whole.
	about func(e *evaluation, o *Option) (have string, a Answer)
	// before says what must hold before any option is looked at, negated or not.
	before func(e *evaluation) (have string, a Answer)
	whole  bool
}

// missing is the answer to what only somebody else knows.
func missing(what string) func(*evaluation, *Option) (string, Answer) {
	return func(*evaluation, *Option) (string, Answer) { return "not known: " + what, Unsure }
}

// compare answers by a number.
func compare(have uint64, ok bool) (string, Answer) { return fmt.Sprint(have), answer(ok) }

// of looks at a fact.
func of[T any](f Fact[T], what string, ok func(T) bool) (string, Answer) {
	if !f.Known {
		return "not known: " + what, Unsure
	}
	return fmt.Sprint(f.Value), answer(ok(f.Value))
}

func aboutBase(e *evaluation, o *Option) (string, Answer) {
	switch v := o.Value.(type) {
	case Nets:
		a := e.p.Src
		if o.Name == "-d" {
			a = e.p.Dst
		}
		return addrAnswer(a, v.Has)
	case Iface:
		f := e.f.In
		if o.Name == "-o" {
			f = e.f.Out
		}
		have, a := of(f, "the interface", v.Has)
		if o.Negated && v == "+" { // both programs make it never true
			return have, Yes
		}
		if have == "" {
			have = "none"
		}
		return have, a
	case Proto:
		return e.p.Proto.String(), answer(e.p.Proto == v.Number())
	}
	return fmt.Sprintf("offset %d", e.p.FragOffset), answer(e.p.FragOffset > 0) // -f
}

func addrAnswer(a netip.Addr, has func(netip.Addr) bool) (string, Answer) {
	if !a.IsValid() {
		return "not known: the address", Unsure
	}
	return a.String(), answer(has(a))
}

// transport is asked of the modules that read the header above IP. A later fragment
// has none, and a module never matches it. But iptables-nft makes the options
// of tcp and udp nf_tables' own, which takes the fragment's data for the header
// (nf_tables_core.c, nft_payload_fast_eval).
func transport(protos ...model.Proto) func(e *evaluation) (string, Answer) {
	return func(e *evaluation) (string, Answer) {
		switch {
		case !slices.Contains(protos, e.p.Proto):
			return e.p.Proto.String(), No
		case e.p.FragOffset == 0:
			return "", Yes
		case e.f.Backend != model.BackendLegacy && len(e.m.Options) > 0 && (e.m.Name == "tcp" || e.m.Name == "udp"):
			return "not known: a later fragment's data is read as its header", Unsure
		}
		return "a later fragment, without that header", No
	}
}

func aboutPorts(e *evaluation, o *Option) (string, Answer) {
	if !e.p.Transport {
		return "not known: the packet was cut short", Unsure
	}
	switch v := o.Value.(type) {
	case Range:
		n, other, name := uint64(e.p.SPort), uint64(e.p.DPort), "--dport"
		if o.Name == "--dport" {
			n, other, name = other, n, "--sport"
		}
		if o.Negated && v.Lo == 0 && v.Hi == 0xffff && e.f.Backend != model.BackendLegacy {
			if e.f.Backend == model.BackendIptablesNFT { // it leaves the condition out
				return fmt.Sprint(n), No
			}
			return "not known: legacy says never, iptables-nft always", Unsure
		}
		if e.pairOfPorts() && (n == v.Lo) != (other == e.m.Option(name).Value.(Range).Lo) {
			return "not known: iptables-nft before 1.8.10 means both ports together", Unsure
		}
		return compare(n, v.Has(n))
	case Ranges:
		s, d := uint64(e.p.SPort), uint64(e.p.DPort)
		switch o.Name {
		case "--sports":
			return compare(s, v.Has(s))
		case "--dports":
			return compare(d, v.Has(d))
		}
		return fmt.Sprintf("%d, %d", s, d), answer(v.Has(s) || v.Has(d))
	case Flags:
		return flagNames(e.p.Flags), answer(e.p.Flags&v.Mask == v.Set)
	}
	return "not known: the header's options", Unsure
}

// pairOfPorts tells whether the rule is one that iptables-nft before 1.8.10 got wrong:
// "! --sport 5 ! --dport 1" became one comparison of both ports with 5 and 1, which
// says no only where both are equal (nft.c, add_nft_tcpudp).
func (e *evaluation) pairOfPorts() bool {
	if e.f.Backend == model.BackendLegacy || e.m.Name != "tcp" && e.m.Name != "udp" {
		return false
	}
	for _, name := range []string{"--sport", "--dport"} {
		o := e.m.Option(name)
		if o == nil || !o.Negated {
			return false
		}
		if v, ok := o.Value.(Range); !ok || v.Lo != v.Hi || v.Lo == 0 {
			return false
		}
	}
	return true
}

func aboutICMP(e *evaluation, o *Option) (string, Answer) {
	var t ICMPType
	switch v := o.Value.(type) {
	case ICMPType:
		if t = v; t.Any() {
			return fmt.Sprint(e.p.ICMPType), Yes
		}
	case ICMP6Type:
		t = ICMPType(v)
	}
	if !e.p.Transport {
		return "not known: the packet was cut short", Unsure
	}
	return fmt.Sprintf("%d/%d", e.p.ICMPType, e.p.ICMPCode),
		answer(e.p.ICMPType == t.Type && e.p.ICMPCode >= t.CodeLo && e.p.ICMPCode <= t.CodeHi)
}

// aboutNumbers is length, ttl and hl: a number of the IP header.
func aboutNumbers(e *evaluation, o *Option) (string, Answer) {
	n := uint64(e.p.TTL)
	switch v := o.Value.(type) {
	case Range:
		n = uint64(e.p.Length)
		return compare(n, v.Has(n))
	case Number:
		switch {
		case strings.HasSuffix(o.Name, "-lt"):
			return compare(n, n < v.N)
		case strings.HasSuffix(o.Name, "-gt"):
			return compare(n, n > v.N)
		}
		return compare(n, n == v.N)
	}
	return "", Unsure
}

func aboutTOS(e *evaluation, o *Option) (string, Answer) {
	switch v := o.Value.(type) {
	case Masked:
		return Number{uint64(e.p.TOS), Hex2}.String(), answer(uint32(e.p.TOS)&v.Mask == v.Value)
	case Number:
		n := uint64(e.p.TOS >> 2)
		if e.m.Name == "ecn" {
			n = uint64(e.p.TOS & 3)
		}
		return Number{n, v.Form}.String(), answer(n == v.N)
	}
	bit := model.ECE
	if o.Name == "--ecn-tcp-cwr" {
		bit = model.CWR
	}
	if !e.p.Transport || e.p.Proto != model.ProtoTCP {
		return "not known: the TCP header", Unsure
	}
	return flagNames(e.p.Flags), answer(e.p.Flags&bit != 0)
}
