package flow

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
)

// Only is what a rule's text surely asks of a packet, and what ports it may give: enough to
// tell apart two rules of which both may have made a mapping. Anything else of the rule is
// not looked at. The zero value asks for nothing.
type Only struct {
	Proto model.Proto // 0 is any
	// Src and Dst are the packet's addresses before the rule translates it.
	Src, Dst Range
	// DPorts are destination ports, To the ports that the rule translates to; none is any.
	DPorts, To []PortRange
}

// PortRange is a range of ports, both ends in it.
type PortRange struct{ First, Last uint16 }

// Contains reports whether a port is in the range.
func (r PortRange) Contains(p uint16) bool { return r.First <= p && p <= r.Last }

// OnlyOf reads a rule of iptables or nft from its text. A condition that is negated, or is
// not one address or network, is left out.
func OnlyOf(text string) Only { return onlyOf(splitWords(text)) }

func onlyOf(words []string) (o Only) {
	anyPort := false // of several --to-source one names no ports
	for i := 1; i < len(words); i++ {
		if i > 1 && words[i-2] == "!" || words[i] == "!=" || ofConnection(words[:i-1]) {
			continue
		}
		w := words[i]
		switch words[i-1] {
		case "-s", "saddr":
			o.Src, _ = parseRange(w)
		case "-d", "daddr":
			o.Dst, _ = parseRange(w)
		case "-p", "l4proto":
			if p, ok := model.ParseProto(w); ok {
				o.Proto = p
			}
		case "--dport", "--dports", "dport":
			o.DPorts = portRanges(w)
			if p, ok := model.ParseProto(words[max(0, i-2)]); ok && words[i-1] == "dport" {
				o.Proto = p // tcp dport 80
			}
		case "--to-source", "--to-destination", "to":
			var to []PortRange
			if at := strings.LastIndexByte(w, ':'); at >= 0 && (strings.Count(w, ":") == 1 || strings.Contains(w, "]:")) {
				to = portRanges(w[at+1:])
			}
			o.To, anyPort = append(o.To, to...), anyPort || to == nil
		case "--to-ports":
			o.To = portRanges(w)
		}
	}
	if anyPort {
		o.To = nil
	}
	return o
}

// ofConnection reports whether what stands before a key makes it one of conntrack's tuples,
// which are not the packet's: ct original ip daddr.
func ofConnection(before []string) bool {
	for _, w := range before[max(0, len(before)-2):] {
		if w == "original" || w == "reply" {
			return true
		}
	}
	return false
}

// portRanges reads 80, 80-90, 80:90 and lists of these with commas; none where it is
// anything else.
func portRanges(s string) (out []PortRange) {
	for _, one := range strings.Split(s, ",") {
		lo, hi, two := strings.Cut(strings.Replace(one, ":", "-", 1), "-")
		if !two {
			hi = lo
		}
		a, aerr := strconv.ParseUint(lo, 10, 16)
		b, berr := strconv.ParseUint(hi, 10, 16)
		if aerr != nil || berr != nil {
			return nil
		}
		out = append(out, PortRange{uint16(a), uint16(b)})
	}
	return out
}

// fits reports whether the rule may have given a flow the mapping it has: source is true
// for what translates the source, behind the translation of the destination.
func (o *Only) fits(l *Look, source bool) bool {
	dst, dport, to := l.Orig.Dst, l.Orig.DPort, l.Reply.SPort
	if source {
		dst, dport, to = l.Reply.Src, l.Reply.SPort, l.Reply.DPort
	}
	return o.Src.may(l.Orig.Src) && o.Reaches(l.Orig.Proto, dst, dport) && (!l.Orig.Proto.Ports() || mayPort(o.To, to))
}

// Reaches reports whether the rule may be for packets to an end.
func (o *Only) Reaches(p model.Proto, dst netip.Addr, dport uint16) bool {
	return (o.Proto == 0 || o.Proto == p) && o.Dst.may(dst) && (!p.Ports() || mayPort(o.DPorts, dport))
}

// may reports whether an address lies in the range, or there is none.
func (r Range) may(a netip.Addr) bool { return !r.First.IsValid() || r.Contains(a) }

// meets reports whether an address may lie in both ranges.
func (r Range) meets(o Range) bool {
	return !r.First.IsValid() || !o.First.IsValid() || r.Contains(o.First) || o.Contains(r.First)
}

func mayPort(l []PortRange, p uint16) bool {
	return len(l) == 0 || slices.ContainsFunc(l, func(r PortRange) bool { return r.Contains(p) })
}
