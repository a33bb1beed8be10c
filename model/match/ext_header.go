package match

import (
	"strconv"
	"strings"

	"nfscope/model"
)

// matchAliases are the other names of modules; iptables-save prints the first.
var matchAliases = map[string]string{"icmpv6": "icmp6", "ipv6-icmp": "icmp6", "mobility-header": "mh", "ipv6-mh": "mh"}

const (
	only4 = model.FamilyIPv4
	only6 = model.FamilyIPv6
)

// matches are the modules. "6:" before a name is IPv6's own form of a module.
var matches = tableOf(headerMatches(), ip6Matches(), packetMatches(), conntrackMatches(), stateMatches())

func tableOf(lists ...[]extension) map[string]*extension {
	t := map[string]*extension{}
	for _, l := range lists {
		for i := range l {
			t[l[i].name] = &l[i]
		}
	}
	return t
}

// headerMatches look at the headers of the protocols above IP.
func headerMatches() []extension {
	ports := func(ordered bool) []option {
		return []option{
			opt("--sport --source-port", span(0xffff, ordered)).not(),
			opt("--dport --destination-port", span(0xffff, ordered)).not(),
		}
	}
	syn := flag("--syn").not().printed("--tcp-flags")
	syn.parse = func(input) (Value, bool) {
		return Flags{model.FIN | model.SYN | model.RST | model.ACK, model.SYN}, true
	}
	// What says yes to every port is left out. iptables prints it negated neither, but
	// then it says no to every packet, so it stays here.
	allPorts := func(_ *Rule, o []Option) []Option {
		return drop(o, func(o *Option) bool {
			r, ok := o.Value.(Range)
			return ok && !o.Negated && r.Lo == 0 && r.Hi == 0xffff
		})
	}
	return []extension{
		{name: "tcp", options: append(ports(true),
			opt("--tcp-option", between(1, 255, Dec)).not(),
			option{names: []string{"--tcp-flags"}, args: 2, neg: true, parse: tcpFlags}, syn),
			finish: func(r *Rule, o []Option) []Option {
				return drop(allPorts(r, o), func(o *Option) bool {
					f, ok := o.Value.(Flags)
					return ok && f.Mask == 0 && f.Set == 0 && !o.Negated
				})
			}},
		{name: "udp", options: ports(false), finish: allPorts},
		{name: "udplite", options: ports(false), finish: allPorts},
		{name: "dccp", options: append(ports(false),
			opt("--dccp-types", dccpTypes.kind()).not(),
			opt("--dccp-option", between(1, 255, Dec)).not())},
		{name: "sctp", options: append(ports(false),
			opt("--chunk-types", kind{2, chunkTypes}).not())},
		{name: "icmp", only: only4, options: []option{opt("--icmp-type", icmpType(icmpTypes())).not()}},
		{name: "icmp6", only: only6, options: []option{opt("--icmpv6-type", icmpType(icmp6Types())).not()}},
		{name: "esp", options: []option{opt("--espspi", span(0xffffffff, false)).not()}, finish: allSPI},
		{name: "ah", only: only4, options: []option{opt("--ahspi", span(0xffffffff, false)).not()}, finish: allSPI},
		{name: "ipcomp", options: []option{
			opt("--ipcompspi", span(0xffffffff, false)).not(), flag("--compres")}},
		{name: "multiport", options: []option{
			opt("--sports --source-ports --source-port", portList).not(),
			opt("--dports --destination-ports --destination-port", portList).not(),
			opt("--ports --port", portList).not()}},
		{name: "tcpmss", options: []option{opt("--mss", span(0xffff, true)).not()}},
		{name: "ecn", options: []option{flag("--ecn-tcp-ece").not(), flag("--ecn-tcp-cwr").not(),
			opt("--ecn-ip-ect", num(3, Dec)).not()}},
	}
}

// allSPI leaves out a range of all numbers, as iptables does.
func allSPI(_ *Rule, o []Option) []Option {
	return drop(o, func(o *Option) bool {
		r, ok := o.Value.(Range)
		return ok && !o.Negated && r.Lo == 0 && r.Hi == 0xffffffff
	})
}

// portList reads multiport's list: at most fifteen ports, a range counts for two.
var portList = one(func(s string) (Value, bool) {
	var l Ranges
	n := 0
	for _, w := range strings.Split(s, ",") {
		lo, hi, pair := strings.Cut(w, ":")
		a, ok := number(lo, 0xffff)
		b := a
		if pair && ok {
			b, ok = number(hi, 0xffff)
			n++
		}
		if n++; !ok || n > 15 || pair && a >= b {
			return nil, false
		}
		l = append(l, Range{Lo: a, Hi: b, Pair: pair})
	}
	return l, true
})

// ICMPType is a type with a range of codes. iptables' any is type 255 with all codes.
type ICMPType struct {
	Type, CodeLo, CodeHi uint8
}

// Any tells whether every type is meant.
func (t ICMPType) Any() bool { return t == ICMPType{255, 0, 255} }

// String prints 8 or 3/1; iptables has a name for any alone, and IPv6 not even that.
func (t ICMPType) String() string {
	if t.Any() {
		return "any"
	}
	s := strconv.Itoa(int(t.Type))
	if t.CodeLo != 0 || t.CodeHi != 255 {
		s += "/" + strconv.Itoa(int(t.CodeLo))
	}
	return s
}

// ICMP6Type is ICMPType for IPv6, where 255 is a type as any other.
type ICMP6Type ICMPType

// String prints 128 or 1/4.
func (t ICMP6Type) String() string {
	if ICMPType(t).Any() {
		return "255"
	}
	return ICMPType(t).String()
}

func icmpType(called map[string]ICMPType) kind {
	_, v4 := called["any"]
	return one(func(s string) (Value, bool) {
		t, ok := icmpByName(s, called)
		if !ok {
			typ, code, has := strings.Cut(s, "/")
			n, ok1 := number(typ, 255)
			t = ICMPType{uint8(n), 0, 255}
			if has {
				r, ok2 := rangeOf(code, 255)
				t.CodeLo, t.CodeHi, ok1 = uint8(r.Lo), uint8(r.Hi), ok1 && ok2 && r.Lo <= r.Hi
			}
			if !ok1 {
				return nil, false
			}
		}
		if v4 {
			if t.Type == 255 { // the kernel looks no further (ip_tables.c, icmp_type_code_match)
				t = ICMPType{255, 0, 255}
			}
			return t, true
		}
		return ICMP6Type(t), true
	})
}

// icmpByName takes a name's beginning too, where only one name has it.
func icmpByName(s string, called map[string]ICMPType) (ICMPType, bool) {
	if t, ok := called[strings.ToLower(s)]; ok {
		return t, true
	}
	var found ICMPType
	n := 0
	for name, t := range called {
		if s != "" && strings.HasPrefix(name, strings.ToLower(s)) {
			found, n = t, n+1
		}
	}
	return found, n == 1
}

// icmpTypes and icmp6Types are the names that iptables knows (iptables -p icmp -h).
func icmpTypes() map[string]ICMPType {
	return icmpNames(`any 255 echo-reply 0 pong 0 destination-unreachable 3 network-unreachable 3/0 host-unreachable 3/1
		protocol-unreachable 3/2 port-unreachable 3/3 fragmentation-needed 3/4 source-route-failed 3/5 network-unknown 3/6
		host-unknown 3/7 network-prohibited 3/9 host-prohibited 3/10 tos-network-unreachable 3/11 tos-host-unreachable 3/12
		communication-prohibited 3/13 host-precedence-violation 3/14 precedence-cutoff 3/15 source-quench 4 redirect 5
		network-redirect 5/0 host-redirect 5/1 tos-network-redirect 5/2 tos-host-redirect 5/3 echo-request 8 ping 8
		router-advertisement 9 router-solicitation 10 time-exceeded 11 ttl-exceeded 11 ttl-zero-during-transit 11/0
		ttl-zero-during-reassembly 11/1 parameter-problem 12 ip-header-bad 12/0 required-option-missing 12/1
		timestamp-request 13 timestamp-reply 14 address-mask-request 17 address-mask-reply 18`)
}

func icmp6Types() map[string]ICMPType {
	return icmpNames(`destination-unreachable 1 no-route 1/0 communication-prohibited 1/1 beyond-scope 1/2 address-unreachable 1/3
		port-unreachable 1/4 failed-policy 1/5 reject-route 1/6 packet-too-big 2 time-exceeded 3 ttl-exceeded 3
		ttl-zero-during-transit 3/0 ttl-zero-during-reassembly 3/1 parameter-problem 4 bad-header 4/0
		unknown-header-type 4/1 unknown-option 4/2 echo-request 128 ping 128 echo-reply 129 pong 129
		router-solicitation 133 router-advertisement 134 neighbour-solicitation 135 neighbor-solicitation 135
		neighbour-advertisement 136 neighbor-advertisement 136 redirect 137`)
}

func icmpNames(s string) map[string]ICMPType {
	m := map[string]ICMPType{}
	f := strings.Fields(s)
	for i := 0; i+1 < len(f); i += 2 {
		typ, code, has := strings.Cut(f[i+1], "/")
		n, _ := number(typ, 255)
		t := ICMPType{uint8(n), 0, 255}
		if has {
			c, _ := number(code, 255)
			t.CodeLo, t.CodeHi = uint8(c), uint8(c)
		}
		m[f[i]] = t
	}
	return m
}

var dccpTypes = namesOf("", "REQUEST", "RESPONSE", "DATA", "ACK", "DATAACK", "CLOSEREQ", "CLOSE", "RESET", "SYNC", "SYNCACK", "INVALID")
