package nflog

import (
	"fmt"
	"strconv"
	"strings"

	"nfscope/model/journey"
)

// Prefix is what the kernel writes into the prefix of a TRACE event
// (net/ipv4/netfilter/ip_tables.c, trace_packet):
//
//	TRACE: filter:INPUT:rule:2
//
// Num is the rule's number in its chain, from 1; it is the number of rules plus one
// where Kind speaks of the chain's end.
type Prefix struct {
	Table, Chain string
	Kind         journey.EventKind
	Num          int
}

// mark is how every TRACE prefix begins.
const mark = "TRACE: "

// ParsePrefix reads a TRACE prefix. It splits from the right: a chain's name may
// hold a colon, a table's may not.
func ParsePrefix(s string) (Prefix, error) {
	body, ok := strings.CutPrefix(s, mark)
	if !ok {
		return Prefix{}, fmt.Errorf("nflog: prefix %q is no TRACE prefix: it does not begin with %q", s, mark)
	}
	bad := func(what string) (Prefix, error) {
		return Prefix{}, fmt.Errorf("nflog: prefix %q is no TRACE prefix: expected TRACE: table:chain:kind:number, %s", s, what)
	}
	body = strings.TrimSuffix(body, " ")
	body, num, ok := cutLast(body)
	if !ok {
		return bad("found no colon")
	}
	body, kind, ok := cutLast(body)
	if !ok {
		return bad("found one colon")
	}
	p := Prefix{}
	if p.Table, p.Chain, ok = strings.Cut(body, ":"); !ok || p.Table == "" || p.Chain == "" {
		return bad("found no table and chain")
	}
	n, err := strconv.ParseUint(num, 10, 32)
	if err != nil || n == 0 {
		return bad(fmt.Sprintf("%q is no rule number", num))
	}
	p.Num = int(n)
	switch kind {
	case "rule":
		p.Kind = journey.EventRule
	case "policy":
		p.Kind = journey.EventPolicy
	case "return":
		p.Kind = journey.EventReturn
	default:
		return bad(fmt.Sprintf("%q is none of rule, policy, return", kind))
	}
	return p, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
