package connections

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/nat"
)

// matcher turns the text of the filter bar into what makes a test; nil for an empty one. A
// text that is no filter is looked for as it stands. rules are asked where the filter asks
// about rules; nil where it does not, or nothing is known.
func matcher(text string, rules *basis) func() func(*flow.Look) bool {
	if text == "" {
		return nil
	}
	if flt, err := filter.Parse(text); err == nil && flt.Check(filter.Flows) == nil {
		if rules != nil {
			return func() func(*flow.Look) bool {
				by := nat.Ruling{Finder: rules.newFinder()}
				return func(l *flow.Look) bool { return flt.LookBy(l, by) }
			}
		}
		return func() func(*flow.Look) bool { return flt.Look }
	}
	low := []byte(strings.ToLower(text))
	return func() func(*flow.Look) bool {
		var x liner
		return func(l *flow.Look) bool { return bytes.Contains(x.write(l), low) }
	}
}

// liner writes flows as text, one after another.
type liner struct {
	line []byte
	// nat is what classes are called: most flows have those of the one before.
	classes flow.Classes
	nat     string
}

// write gives a flow as its row shows it, in small letters, and its reply; until the next.
func (x *liner) write(l *flow.Look) []byte {
	b := append(append(x.line[:0], l.Orig.Proto.String()...), ' ')
	b = appendEnd(b, l.Orig.Proto, l.Orig.Src, l.Orig.SPort)
	b = append(b, " -> "...)
	b = appendEnd(b, l.Orig.Proto, l.Orig.Dst, l.Orig.DPort)
	if l.Reply.Src != l.Orig.Dst || l.Orig.Proto.Ports() && l.Reply.SPort != l.Orig.DPort {
		b = append(b, " -> "...)
		b = appendEnd(b, l.Orig.Proto, l.Reply.Src, l.Reply.SPort)
	}
	b = append(b, ' ')
	for _, c := range []byte(l.Word()) {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	if l.Classes != 0 {
		if l.Classes != x.classes {
			x.classes, x.nat = l.Classes, flow.NAT{Class: l.Classes.List()}.String()
		}
		b = append(append(b, ' '), x.nat...)
	}
	b = append(b, '\n') // the reply's tuple, as the inspector has it
	b = append(append(b, l.Reply.Proto.String()...), ' ')
	b = appendEnd(b, l.Reply.Proto, l.Reply.Src, l.Reply.SPort)
	b = append(b, " > "...)
	x.line = appendEnd(b, l.Reply.Proto, l.Reply.Dst, l.Reply.DPort)
	return x.line
}

// appendEnd is model.Tuple's SrcString in bytes.
func appendEnd(b []byte, p model.Proto, a netip.Addr, port uint16) []byte {
	if !a.IsValid() {
		return b
	}
	if !p.Ports() {
		return a.AppendTo(b)
	}
	if a.Is6() {
		b = append(a.AppendTo(append(b, '[')), ']')
	} else {
		b = a.AppendTo(b)
	}
	return strconv.AppendUint(append(b, ':'), uint64(port), 10)
}
