package flow

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
)

// Classify says what NAT does to a flow.
//
// Whether source or destination are translated is what the status bits SRC_NAT and
// DST_NAT say; the kernel sets them when it changes a tuple, and sets SRC_NAT_DONE and
// DST_NAT_DONE on every flow that passed a nat hook (net/netfilter/nf_nat_core.c).
// The rest is inferred, for the kernel does not keep which target it was:
//
//   - masquerade, not snat: the reply comes to an address of this host that no SNAT
//     rule names, and there is a MASQUERADE rule, or the rules are not known;
//   - redirect, not dnat: an address of this host (loopback included) answers that no
//     DNAT rule names, and there is a REDIRECT rule, or the rules are not known;
//   - port-rewritten, not snat: the source keeps its address and has another port, and no
//     SNAT rule names the address; the kernel does it where two connections would clash. Of
//     a connection of this host's own a MASQUERADE whose text may fit it has done it;
//   - hairpin besides: both ends are translated, and the client and the backend hang
//     on the same side of this host, in the prefix of one interface.
func Classify(f *Flow, h Host) NAT {
	orig, reply := f.Orig.Tuple, f.Reply.Tuple
	n := NAT{Client: orig.SrcString(), Service: orig.DstString(), Backend: reply.SrcString()}
	n.Class = h.classify(&Look{Family: f.Family, Status: f.Status, Orig: orig, Reply: reply}).List()
	return n
}

// classify is Classify's answer for one of many flows: it makes nothing.
func (h *Host) classify(l *Look) (c Classes) {
	const snat, dnat, masquerade, redirect, hairpin, port = 1, 2, 4, 8, 16, 32 // places in classes
	src, dst := l.Status&SrcNAT != 0, l.Status&DstNAT != 0
	if dst {
		c |= dnat
		if h.isLocal(l.Reply.Src) && !h.named(l, l.Reply.Src, ClassDNAT, ClassRedirect) {
			c ^= dnat | redirect
		}
	}
	if src {
		c |= snat
		local := h.isLocal(l.Reply.Dst)
		switch {
		case l.Reply.Dst == l.Orig.Src && !(local && h.masquerades(l)):
			if !h.names(ClassSNAT, l.Reply.Dst) {
				c ^= snat | port
			}
		case local && !h.named(l, l.Reply.Dst, ClassSNAT, ClassMasquerade):
			c ^= snat | masquerade
		}
	}
	if src && dst && h.sameSide(l.Orig.Src, l.Reply.Src) {
		c |= hairpin
	}
	return c
}

// String joins the classes: dnat+masquerade; "" where nothing is translated.
func (n NAT) String() string {
	s := make([]string, len(n.Class))
	for i, c := range n.Class {
		s[i] = string(c)
	}
	return strings.Join(s, "+")
}

// Line is the flow in one line: client -> service -> backend, or client -> service
// where the service itself answers.
func (f *Flow) Line() string {
	client, service, backend := f.Orig.Tuple.SrcString(), f.Orig.Tuple.DstString(), f.Reply.Tuple.SrcString()
	if backend == service {
		return client + " -> " + service
	}
	return client + " -> " + service + " -> " + backend
}

// Explain tells in sentences how the packets of the flow go and how the reply finds
// its way back, tuple by tuple.
func (f *Flow) Explain() []string {
	orig, reply := f.Orig.Tuple, f.Reply.Tuple
	src, dst := f.Status&SrcNAT != 0, f.Status&DstNAT != 0
	out := []string{"the client " + orig.SrcString() + " speaks to " + orig.DstString()}
	if dst {
		out[0] += "; " + f.how(ClassRedirect, "REDIRECT turns it to this host at ", "DNAT sends it to ") + reply.SrcString()
	}
	if src {
		who := f.how(ClassMasquerade, "MASQUERADE lets it leave as ", "SNAT lets it leave as ")
		if f.has(ClassPort) {
			who = "the kernel lets it leave as "
		}
		out = append(out, who+reply.DstString()+sourceNote(orig, reply))
		if f.has(ClassPort) {
			out = append(out, "no rule did that: another connection had the same reply tuple, so the kernel chose another port")
		}
	}
	if src || dst {
		out = append(out, "the reply comes as "+reply.SrcString()+" > "+reply.DstString()+"; conntrack knows it by this tuple and turns it back into "+
			orig.DstString()+" > "+orig.SrcString()+", which the client waits for")
	} else {
		out = append(out, "the reply comes from "+reply.SrcString()+" to "+reply.DstString()+"; no address is translated")
	}
	if f.has(ClassHairpin) {
		out = append(out, "client and backend are on the same side of this host: without the source translation the backend would answer the client directly, and the client would not know the answer for its own")
	}
	switch {
	case f.Status&HWOffload != 0:
		out = append(out, "a network card forwards its packets past the rules and this host (flowtable); the kernel tells neither its state nor its timeout")
	case f.Status&Offload != 0:
		out = append(out, "a flowtable forwards its packets past the chains behind ingress; the kernel tells neither its state nor its timeout")
	}
	if f.Status&SeenReply == 0 {
		out = append(out, "no reply has been seen yet")
	}
	return out
}

func (f *Flow) has(c Class) bool {
	return slices.Contains(f.NAT.Class, c)
}

func (f *Flow) how(c Class, yes, no string) string {
	if f.has(c) {
		return yes
	}
	return no
}

// sourceNote says what became of the source port, or of an echo's identifier.
func sourceNote(orig, reply model.Tuple) string {
	if orig.Proto.ICMP() {
		if orig.SPort != reply.SPort {
			return fmt.Sprintf(" (echo identifier %d rewritten to %d)", orig.SPort, reply.SPort)
		}
		return ""
	}
	if orig.SPort != reply.DPort && orig.Proto.Ports() {
		return " (port rewritten)"
	}
	return ""
}
