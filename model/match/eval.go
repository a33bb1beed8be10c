package match

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
)

// Eval holds the rule against a packet: whether it matches, and each condition with
// what it wants and what the packet has. A packet of the other family matches nothing.
func (r *Rule) Eval(p *model.Packet, f *fact.Facts) (fact.Answer, []fact.Because) {
	all := fact.Yes
	var why []fact.Because
	for i := range r.Conds {
		a, b := r.Conds[i].Eval(p, f)
		all = min(all, a)
		why = append(why, b...)
	}
	if p.Family != r.Family {
		return fact.No, append([]fact.Because{fact.Held("family", r.Family.String(), p.Family.String(), fact.No)}, why...)
	}
	return all, why
}

// Eval holds the match against a packet.
func (m *Match) Eval(p *model.Packet, f *fact.Facts) (fact.Answer, []fact.Because) {
	e := evaluation{p, f, m}
	if m.Unknown != "" {
		return fact.Unsure, []fact.Because{fact.Held(m.Name, optionsText(m.Options), m.Unknown, fact.Unsure)}
	}
	if m.Name == "comment" {
		return fact.Yes, nil
	}
	ask := questions[m.Name]
	if ask.about == nil {
		ask.about = missing("nfscope does not ask this of a packet")
	}
	if ask.before != nil {
		if have, a := ask.before(&e); a != fact.Yes {
			return a, []fact.Because{fact.Held("protocol", m.Name, have, a)}
		}
	}
	if len(m.Options) == 0 || ask.whole {
		have, a := ask.about(&e, nil)
		if len(m.Options) == 1 { // as if it were asked for alone
			o := &m.Options[0]
			return a, []fact.Because{fact.Held(strings.TrimSpace(m.Name+" "+optionLabel(o)), wanted(o), have, a)}
		}
		return a, []fact.Because{fact.Held(m.Name, optionsText(m.Options), have, a)}
	}
	all := fact.Yes
	var why []fact.Because
	for i := range m.Options {
		o := &m.Options[i]
		have, a := o.Unknown, fact.Unsure
		if o.Unknown == "" {
			if have, a = ask.about(&e, o); o.Negated {
				a = a.Not()
			}
		}
		all = min(all, a)
		why = append(why, fact.Held(strings.TrimSpace(m.Name+" "+optionLabel(o)), wanted(o), have, a))
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
	f *fact.Facts
	m *Match
}

// question knows how a module asks.
type question struct {
	// about answers one option, its negation apart; o is nil where the module is asked
	// as a whole.
	about func(e *evaluation, o *Option) (have string, a fact.Answer)
	// before says what must hold before any option is looked at, negated or not.
	before func(e *evaluation) (have string, a fact.Answer)
	whole  bool
}

// missing is the answer to what only somebody else knows.
func missing(what string) func(*evaluation, *Option) (string, fact.Answer) {
	return func(*evaluation, *Option) (string, fact.Answer) { return fact.Missing + what, fact.Unsure }
}

const cutShort = fact.Missing + "the packet was cut short"

// compare answers by a number.
func compare(have uint64, ok bool) (string, fact.Answer) { return fmt.Sprint(have), fact.Is(ok) }

// of looks at a fact.
func of[T any](f fact.Fact[T], what string, ok func(T) bool) (string, fact.Answer) {
	if !f.Known {
		return fact.Missing + what, fact.Unsure
	}
	return fmt.Sprint(f.Value), fact.Is(ok(f.Value))
}

func aboutBase(e *evaluation, o *Option) (string, fact.Answer) {
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
			return have, fact.Yes
		}
		if have == "" {
			have = "none"
		}
		return have, a
	case Proto:
		if !e.p.ProtoKnown() {
			return cutShort, fact.Unsure
		}
		return e.p.Proto.String(), fact.Is(e.p.Proto == v.Number())
	}
	return fmt.Sprintf("offset %d", e.p.FragOffset), fact.Is(e.p.FragOffset > 0) // -f
}

func addrAnswer(a netip.Addr, has func(netip.Addr) bool) (string, fact.Answer) {
	if !a.IsValid() {
		return "not known: the address", fact.Unsure
	}
	return a.String(), fact.Is(has(a))
}

// transport is asked of the modules that read the header above IP. A later fragment
// has none, and a module never matches it. But iptables-nft makes the options
// of tcp and udp nf_tables' own, which takes the fragment's data for the header
// (nf_tables_core.c, nft_payload_fast_eval).
func transport(protos ...model.Proto) func(e *evaluation) (string, fact.Answer) {
	return func(e *evaluation) (string, fact.Answer) {
		switch {
		case !e.p.ProtoKnown():
			return cutShort, fact.Unsure
		case !slices.Contains(protos, e.p.Proto):
			return e.p.Proto.String(), fact.No
		case e.p.FragOffset == 0:
			return "", fact.Yes
		case e.f.Backend != model.BackendLegacy && len(e.m.Options) > 0 && (e.m.Name == "tcp" || e.m.Name == "udp"):
			return "not known: a later fragment's data is read as its header", fact.Unsure
		}
		return "a later fragment, without that header", fact.No
	}
}

func aboutPorts(e *evaluation, o *Option) (string, fact.Answer) {
	if !e.p.Transport {
		return cutShort, fact.Unsure
	}
	switch v := o.Value.(type) {
	case Range:
		n, other, name := uint64(e.p.SPort), uint64(e.p.DPort), "--dport"
		if o.Name == "--dport" {
			n, other, name = other, n, "--sport"
		}
		if o.Negated && v.Lo == 0 && v.Hi == 0xffff && e.f.Backend != model.BackendLegacy {
			if e.f.Backend == model.BackendIptablesNFT { // it leaves the condition out
				return fmt.Sprint(n), fact.No
			}
			return "not known: legacy says never, iptables-nft always", fact.Unsure
		}
		if e.pairOfPorts() && (n == v.Lo) != (other == e.m.Option(name).Value.(Range).Lo) {
			return "not known: iptables-nft before 1.8.10 means both ports together", fact.Unsure
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
		return fmt.Sprintf("%d, %d", s, d), fact.Is(v.Has(s) || v.Has(d))
	case Flags:
		return flagNames(e.p.Flags), fact.Is(e.p.Flags&v.Mask == v.Set)
	}
	return "not known: the header's options", fact.Unsure
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

func aboutICMP(e *evaluation, o *Option) (string, fact.Answer) {
	var t ICMPType
	switch v := o.Value.(type) {
	case ICMPType:
		if t = v; t.Any() {
			return fmt.Sprint(e.p.ICMPType), fact.Yes
		}
	case ICMP6Type:
		t = ICMPType(v)
	}
	if !e.p.Transport {
		return cutShort, fact.Unsure
	}
	return fmt.Sprintf("%d/%d", e.p.ICMPType, e.p.ICMPCode),
		fact.Is(e.p.ICMPType == t.Type && e.p.ICMPCode >= t.CodeLo && e.p.ICMPCode <= t.CodeHi)
}

// unseen is the answer about a header of which only the ends are known.
const unseen = fact.Missing + "the header's other fields"

// aboutNumbers is length, ttl and hl: a number of the IP header.
func aboutNumbers(e *evaluation, o *Option) (string, fact.Answer) {
	if e.f.Bare {
		if v, ok := o.Value.(Range); ok && v.Hi < fact.Least(e.p) {
			return fmt.Sprint(fact.Least(e.p), " or more"), fact.No
		}
		return unseen, fact.Unsure
	}
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
	return "", fact.Unsure
}

func aboutTOS(e *evaluation, o *Option) (string, fact.Answer) {
	if e.f.Bare {
		return unseen, fact.Unsure
	}
	switch v := o.Value.(type) {
	case Masked:
		return Number{uint64(e.p.TOS), Hex2}.String(), fact.Is(uint32(e.p.TOS)&v.Mask == v.Value)
	case Number:
		n := uint64(e.p.TOS >> 2)
		if e.m.Name == "ecn" {
			n = uint64(e.p.TOS & 3)
		}
		return Number{n, v.Form}.String(), fact.Is(n == v.N)
	}
	bit := model.ECE
	if o.Name == "--ecn-tcp-cwr" {
		bit = model.CWR
	}
	if !e.p.Transport || e.p.Proto != model.ProtoTCP {
		return "not known: the TCP header", fact.Unsure
	}
	return flagNames(e.p.Flags), fact.Is(e.p.Flags&bit != 0)
}
