package match

// targets are the targets. A name after -j that is not among them is a chain's.
var targets = tableOf(verdictTargets(), natTargets(), markTargets(), headerTargets(), sideTargets())

// verdictTargets end the walk, or hand the packet on.
func verdictTargets() []extension {
	return []extension{
		{name: "ACCEPT"}, {name: "DROP"}, {name: "RETURN"}, {name: "QUEUE"},
		{name: "REJECT", only: only4, options: []option{opt("--reject-with", oneOf(
			"icmp-net-unreachable net-unreach", "icmp-host-unreachable host-unreach", "icmp-proto-unreachable proto-unreach",
			"icmp-port-unreachable port-unreach", "icmp-net-prohibited net-prohib", "icmp-host-prohibited host-prohib",
			"tcp-reset tcp-rst", "icmp-admin-prohibited admin-prohib"))},
			finish: withDefault("--reject-with", Keyword("icmp-port-unreachable"))},
		{name: "6:REJECT", only: only6, options: []option{opt("--reject-with", oneOf(
			"icmp6-no-route no-route", "icmp6-adm-prohibited adm-prohibited", "icmp6-addr-unreachable addr-unreach",
			"icmp6-port-unreachable port-unreach", "tcp-reset tcp-rst", "icmp6-policy-fail policy-fail",
			"icmp6-reject-route reject-route"))},
			finish: withDefault("--reject-with", Keyword("icmp6-port-unreachable"))},
		{name: "NFQUEUE", options: []option{opt("--queue-num", u16), opt("--queue-balance", span(0xffff, true)),
			flag("--queue-bypass"), flag("--queue-cpu-fanout")},
			finish: func(_ *Rule, o []Option) []Option {
				if hasAny(o, "--queue-balance") {
					return o
				}
				return add(o, "--queue-num", Number{})
			}},
		{name: "SYNPROXY", options: []option{flag("--sack-perm"), flag("--timestamp"), opt("--wscale", num(14, Dec)),
			opt("--mss", u16), flag("--ecn")}},
		{name: "TPROXY", options: []option{opt("--on-port", u16), opt("--on-ip", host), opt("--tproxy-mark", mark(true))},
			finish: finishTPROXY},
	}
}

func withDefault(name string, v Value) func(*Rule, []Option) []Option {
	return func(_ *Rule, o []Option) []Option { return add(o, name, v) }
}

func finishTPROXY(r *Rule, o []Option) []Option {
	any4, _ := parseAddr("0.0.0.0", only4)
	ip := Addr{any4}
	if r.Family == only6 {
		ip.Addr, _ = parseAddr("::", only6)
	}
	return add(add(o, "--on-ip", ip), "--tproxy-mark", Masked{Form: Hex, Both: true})
}

// markTargets write on the packet or its connection what others look at later.
func markTargets() []extension {
	setMark := func(prefix string) []option {
		return []option{
			opt("--set-xmark", markOp(opXset)),
			opt("--set-mark", markOp(opSet)).printed("--set-xmark"),
			opt("--and-mark", markOp(opAnd)).printed("--set-xmark"),
			opt("--or-mark", markOp(opOr)).printed("--set-xmark"),
			opt("--xor-mark", markOp(opXor)).printed("--set-xmark"),
		}
	}
	mask := num(0xffffffff, Hex)
	return []extension{
		{name: "MARK", options: setMark("")},
		{name: "CONNMARK", options: append(setMark(""), flag("--save-mark"), flag("--restore-mark"),
			opt("--nfmask", mask), opt("--ctmask", mask), opt("--mask", mask),
			opt("--left-shift-mark", between(0, 32, Dec)), opt("--right-shift-mark", between(0, 32, Dec))),
			finish: finishConnmark},
		{name: "CT", options: []option{flag("--notrack"), opt("--helper", anyName), opt("--timeout", anyName),
			opt("--ctevents", ctEvents.kind()), opt("--expevents", expEvents.kind()),
			opt("--zone", one(zone)), opt("--zone-orig", one(zone)), opt("--zone-reply", one(zone))},
			finish: func(_ *Rule, o []Option) []Option { return dropValue(o, "--zone", Number{}) }},
		{name: "NOTRACK"},
		{name: "TRACE"},
		{name: "CLASSIFY", options: []option{opt("--set-class", one(class))}},
		{name: "SECMARK", options: []option{opt("--selctx", anyName)}},
		{name: "CONNSECMARK", options: []option{flag("--save"), flag("--restore")}},
		{name: "HMARK", options: []option{
			opt("--hmark-src-prefix", plen), opt("--hmark-dst-prefix", plen),
			opt("--hmark-sport-mask", num(0xffff, Hex4)), opt("--hmark-dport-mask", num(0xffff, Hex4)),
			opt("--hmark-spi-mask", num(0xffffffff, Hex8)), opt("--hmark-sport", num(0xffff, Hex4)),
			opt("--hmark-dport", num(0xffff, Hex4)), opt("--hmark-spi", num(0xffffffff, Hex8)),
			opt("--hmark-proto-mask", num(0xffff, Hex2)), opt("--hmark-rnd", num(0xffffffff, Hex8)),
			opt("--hmark-mod", between(1, 0xffffffff, Dec)), opt("--hmark-offset", u32),
			opt("--hmark-tuple", one(hmarkTuple))}},
		{name: "SET", options: []option{opt("--add-set", setRef), flag("--exist"), opt("--timeout", u32),
			opt("--del-set", setRef), opt("--map-set", setRef), flag("--map-mark"), flag("--map-prio"), flag("--map-queue")}},
	}
}

var (
	ctEvents  = namesOf("", "new", "related", "destroy", "reply", "assured", "protoinfo", "helper", "mark", "natseqinfo", "secmark")
	expEvents = namesOf("", "new")
)

// The operations that iptables turns into one: clear the bits of the mask, then flip
// those of the value (xt_MARK.h).
const (
	opXset = iota
	opSet
	opAnd
	opOr
	opXor
)

func markOp(op int) kind {
	return one(func(s string) (Value, bool) {
		v, m, ok := masked(s, 0xffffffff)
		switch {
		case op > opSet && len(s) > 0 && !ok, op > opSet && m != 0xffffffff:
			return nil, false
		case op == opSet:
			m |= v
		case op == opAnd:
			v, m = 0, ^v
		case op == opOr:
			m = v
		case op == opXor:
			m = 0
		}
		return Masked{v, m, Hex, true}, ok
	})
}

// finishConnmark spells the masks out, which both are full where nobody says more.
func finishConnmark(_ *Rule, o []Option) []Option {
	if !hasAny(o, "--save-mark", "--restore-mark") {
		return o
	}
	full := Number{0xffffffff, Hex}
	if m := find(o, "--mask"); m != nil && m.Unknown == "" {
		if v, ok := m.Value.(Number); ok {
			full = v
		}
		o = drop(o, func(o *Option) bool { return o.Name == "--mask" })
	}
	return add(add(o, "--nfmask", full), "--ctmask", full)
}

func zone(s string) (Value, bool) {
	if s == "mark" {
		return Keyword(s), true
	}
	n, ok := number(s, 0xffff)
	return Number{N: n}, ok
}

func hmarkTuple(s string) (Value, bool) {
	switch s {
	case "ct":
		return Keyword(s), true
	}
	return nil, false // a list of parts, which iptables turns into masks
}
