package nft

import (
	"strconv"
	"strings"
)

// actionWords says what a statement does.
func actionWords(s Statement) string {
	switch s := s.(type) {
	case *Verdict:
		return verdictWords(s)
	case *VerdictMap:
		return askedWords(s) + ": " + verdictMapWords(s)
	case *Assign:
		return "set " + exprWords(s.To) + " to " + exprWords(s.Value)
	case *Counter:
		return "count it"
	case *Last:
		return "note when a packet was last here"
	case *Object:
		return objectWords(s)
	case *Timeout:
		return s.Name + " " + s.D.String()
	case *SetUpdate:
		verb := map[string]string{"add": "add to the set ", "update": "add or renew in the set ", "delete": "take out of the set "}[s.Op]
		return verb + s.Set + ": " + elemWords(s.Elem)
	case *Meter:
		return "for each value of " + elemWords(s.Elem) + ", kept in the meter " + s.Name
	case *FlowAdd:
		return "hand the connection to the flowtable " + s.Table + ": its next packets pass no rules"
	case *StripOption:
		return "take the TCP option " + s.Option + " out"
	case *Notrack:
		return "leave it out of connection tracking"
	case *NAT:
		return natWords(s)
	case *TProxy:
		return "give it to a local socket without changing it" + to(s.Addr, s.Port)
	case *Reject:
		return rejectWords(s)
	case *Queue:
		w := "give it to a program, which decides: queue "
		if s.To != nil {
			w += exprWords(s.To)
		} else {
			w += "0"
		}
		for _, f := range s.Flags {
			w += map[string]string{"bypass": ", accepted where no program listens", "fanout": ", by processor"}[f]
		}
		return w
	case *Log:
		return logWords(s)
	case *Dup:
		return "send a copy to " + exprWords(s.To) + device(s.Device)
	case *Fwd:
		return "send it to " + exprWords(s.To) + device(s.Device) + ", past the stack"
	case *Synproxy:
		if o := s.options(); o != "" {
			return "answer the handshake in the server's place, with " + o
		}
		return "answer the handshake in the server's place"
	}
	return s.String()
}

func device(e Expr) string {
	if e == nil {
		return ""
	}
	return " out by " + exprWords(e)
}

func verdictWords(v *Verdict) string {
	if v.Chain == "" && len(v.Rules) > 0 {
		return "go on with " + strconv.Itoa(len(v.Rules)) + " rules in braces"
	}
	switch v.Name {
	case "accept":
		return "accept: no further rule of this base chain is asked; later chains may still drop it"
	case "drop":
		return "drop: the packet is gone and nobody is told"
	case "continue":
		return "the next rule"
	case "return":
		return "go back to behind the rule that led into this chain; in a base chain the policy decides"
	case "jump":
		return "go on in chain " + v.Chain + ", and come back where that decides nothing"
	case "goto":
		return "go on in chain " + v.Chain + "; where that decides nothing, do not come back here"
	}
	return v.String()
}

func objectWords(o *Object) string {
	name := exprWords(o.Name)
	switch o.Kind {
	case "counter":
		return "count it in the counter " + name
	case "quota":
		return "held against the quota " + name
	case "limit":
		return "held against the limit " + name
	case "synproxy":
		return "answer the handshake in the server's place, as " + name + " says"
	case "secmark":
		return "set its security mark to " + name
	}
	if k, ok := strings.CutPrefix(o.Kind, "ct "); ok {
		return "set its connection's " + k + " to " + name
	}
	return "use the " + o.Kind + " " + name
}

// to says an address and a port.
func to(addr, port Expr) string {
	s := ""
	if addr != nil {
		s += ", address " + exprWords(addr)
	}
	if port != nil {
		s += ", port " + exprWords(port)
	}
	return s
}

func natWords(n *NAT) string {
	s := map[string]string{"snat": "rewrite the source of the connection", "dnat": "rewrite the destination of the connection",
		"masquerade": "rewrite the source of the connection to the outgoing interface's address",
		"redirect":   "rewrite the destination of the connection to this host"}[n.Kind]
	if n.Prefix {
		s += ", network to network"
	}
	s += to(n.Addr, n.Port)
	for _, f := range n.Flags {
		if w := map[string]string{"random": ", ports by chance", "fully-random": ", ports wholly by chance", "persistent": ", the same for the same client"}[f]; w != "" {
			s += w
		} else {
			s += ", " + f
		}
	}
	return s
}

func rejectWords(r *Reject) string {
	switch {
	case r.With == "":
		return "drop it and tell the sender that the port is unreachable"
	case r.Code == nil:
		return "drop it and tell the sender with " + r.With
	}
	return "drop it and tell the sender with " + r.With + " " + exprWords(r.Code)
}

func logWords(l *Log) string {
	s := "write a line to the kernel's log"
	if l.Group != nil {
		s = "send a copy to a program that logs, group " + strconv.FormatUint(*l.Group, 10)
	}
	if l.Level == "audit" {
		s = "write it to the audit log"
	} else if l.Level != "" {
		s += ", level " + l.Level
	}
	if l.Prefix != nil {
		s += `, beginning with "` + *l.Prefix + `"`
	}
	if l.Snaplen != nil {
		s += ", the first " + strconv.FormatUint(*l.Snaplen, 10) + " bytes"
	}
	if l.Threshold != nil {
		s += ", " + strconv.FormatUint(*l.Threshold, 10) + " at a time"
	}
	if len(l.Flags) > 0 {
		s += ", with " + strings.Join(l.Flags, ", ")
	}
	return s
}
