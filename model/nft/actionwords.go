package nft

import (
	"strings"

	"nfscope/model"
)

// actionWords says what a statement does.
func actionWords(say model.Say, s Statement) string {
	switch s := s.(type) {
	case *Verdict:
		return verdictWords(say, s)
	case *VerdictMap:
		return say.Of("%s: %s", askedWords(say, s), verdictMapWords(say, s))
	case *Assign:
		return say.Of("set %s to %s", exprWords(say, s.To), exprWords(say, s.Value))
	case *Counter:
		return say.Of("count it")
	case *Last:
		return say.Of("note when a packet was last here")
	case *Object:
		return objectWords(say, s)
	case *Timeout:
		return s.Name + " " + s.D.String() // as nft prints it
	case *SetUpdate:
		verb := map[string]string{"add": "add to the set %s: %s", "update": "add or renew in the set %s: %s", "delete": "take out of the set %s: %s"}[s.Op]
		return say.Of(verb, s.Set, elemWords(say, s.Elem))
	case *Meter:
		return say.Of("for each value of %s, kept in the meter %s", elemWords(say, s.Elem), s.Name)
	case *FlowAdd:
		return say.Of("hand the connection to the flowtable %s: its next packets pass no rules", s.Table)
	case *StripOption:
		return say.Of("take the TCP option %s out", s.Option)
	case *Notrack:
		return say.Of("leave it out of connection tracking")
	case *NAT:
		return natWords(say, s)
	case *TProxy:
		return say.Of("give it to a local socket without changing it") + to(say, s.Addr, s.Port)
	case *Reject:
		return rejectWords(say, s)
	case *Queue:
		to := "0"
		if s.To != nil {
			to = exprWords(say, s.To)
		}
		w := say.Of("give it to a program, which decides: queue %s", to)
		for _, f := range s.Flags {
			w += map[string]string{"bypass": say.Of(", accepted where no program listens"), "fanout": say.Of(", by processor")}[f]
		}
		return w
	case *Log:
		return logWords(say, s)
	case *Dup:
		return say.Of("send a copy to %s", exprWords(say, s.To)) + device(say, s.Device)
	case *Fwd:
		return say.Of("send it to %s", exprWords(say, s.To)) + device(say, s.Device) + say.Of(", past the stack")
	case *Synproxy:
		if o := s.options(); o != "" {
			return say.Of("answer the handshake in the server's place, with %s", o)
		}
		return say.Of("answer the handshake in the server's place")
	}
	return s.String()
}

func device(say model.Say, e Expr) string {
	if e == nil {
		return ""
	}
	return say.Of(" out by %s", exprWords(say, e))
}

func verdictWords(say model.Say, v *Verdict) string {
	if v.Chain == "" && len(v.Rules) > 0 {
		return say.Of("go on with %d rules in braces", len(v.Rules))
	}
	switch v.Name {
	case "accept":
		return say.Of("accept: no further rule of this base chain is asked; later chains may still drop it")
	case "drop":
		return say.Of("drop: the packet is gone and nobody is told")
	case "continue":
		return say.Of("the next rule")
	case "return":
		return say.Of("go back to behind the rule that led into this chain; in a base chain the policy decides")
	case "jump":
		return say.Of("go on in chain %s, and come back where that decides nothing", v.Chain)
	case "goto":
		return say.Of("go on in chain %s; where that decides nothing, do not come back here", v.Chain)
	}
	return v.String()
}

func objectWords(say model.Say, o *Object) string {
	name := exprWords(say, o.Name)
	switch o.Kind {
	case "counter":
		return say.Of("count it in the counter %s", name)
	case "quota":
		return say.Of("held against the quota %s", name)
	case "limit":
		return say.Of("held against the limit %s", name)
	case "synproxy":
		return say.Of("answer the handshake in the server's place, as %s says", name)
	case "secmark":
		return say.Of("set its security mark to %s", name)
	}
	if k, ok := strings.CutPrefix(o.Kind, "ct "); ok {
		return say.Of("set its connection's %s to %s", k, name)
	}
	return say.Of("use the %s %s", o.Kind, name)
}

// to says an address and a port.
func to(say model.Say, addr, port Expr) string {
	s := ""
	if addr != nil {
		s += say.Of(", address %s", exprWords(say, addr))
	}
	if port != nil {
		s += say.Of(", port %s", exprWords(say, port))
	}
	return s
}

func natWords(say model.Say, n *NAT) string {
	s := say.Word(map[string]string{"snat": "rewrite the source of the connection", "dnat": "rewrite the destination of the connection",
		"masquerade": "rewrite the source of the connection to the outgoing interface's address",
		"redirect":   "rewrite the destination of the connection to this host"}[n.Kind])
	if n.Prefix {
		s += say.Of(", network to network")
	}
	s += to(say, n.Addr, n.Port)
	for _, f := range n.Flags {
		if w := map[string]string{"random": ", ports by chance", "fully-random": ", ports wholly by chance", "persistent": ", the same for the same client"}[f]; w != "" {
			s += say.Word(w)
		} else {
			s += say.Of(", ") + f
		}
	}
	return s
}

func rejectWords(say model.Say, r *Reject) string {
	switch {
	case r.With == "":
		return say.Of("drop it and tell the sender that the port is unreachable")
	case r.Code == nil:
		return say.Of("drop it and tell the sender with %s", r.With)
	}
	return say.Of("drop it and tell the sender with %s", r.With+" "+exprWords(say, r.Code))
}

func logWords(say model.Say, l *Log) string {
	s := say.Of("write a line to the kernel's log")
	if l.Group != nil {
		s = say.Of("send a copy to a program that logs, group %d", *l.Group)
	}
	if l.Level == "audit" {
		s = say.Of("write it to the audit log")
	} else if l.Level != "" {
		s += say.Of(", level %s", l.Level)
	}
	if l.Prefix != nil {
		s += say.Of(", beginning with %s", `"`+*l.Prefix+`"`)
	}
	if l.Snaplen != nil {
		s += say.Of(", the first %d bytes", *l.Snaplen)
	}
	if l.Threshold != nil {
		s += say.Of(", %d at a time", *l.Threshold)
	}
	if len(l.Flags) > 0 {
		s += say.Of(", with %s", say.List(l.Flags))
	}
	return s
}
