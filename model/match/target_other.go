package match

import (
	"fmt"
	"strconv"
	"strings"
)

// headerTargets change other fields of the packet.
func headerTargets() []extension {
	hops := func(p string) []option {
		return []option{opt("--"+p+"-set", u8), opt("--"+p+"-dec", between(1, 255, Dec)), opt("--"+p+"-inc", between(1, 255, Dec))}
	}
	tosOp := func(op int) kind {
		return one(func(s string) (Value, bool) {
			v, ok := number(s, 0xff)
			m := uint32(0)
			x := uint32(v)
			switch op {
			case opAnd:
				x, m = 0, ^x&0xff
			case opOr:
				m = x
			}
			return Masked{x, m, Hex2, true}, ok
		})
	}
	return []extension{
		{name: "TOS", options: []option{opt("--set-tos", one(tos)), opt("--and-tos", tosOp(opAnd)).printed("--set-tos"),
			opt("--or-tos", tosOp(opOr)).printed("--set-tos"), opt("--xor-tos", tosOp(opXor)).printed("--set-tos")}},
		{name: "DSCP", options: []option{opt("--set-dscp", num(0x3f, Hex2)), opt("--set-dscp-class", one(dscpClass)).printed("--set-dscp")}},
		{name: "ECN", only: only4, options: []option{flag("--ecn-tcp-remove"), opt("--ecn-tcp-ece", num(1, Dec)),
			opt("--ecn-tcp-cwr", num(1, Dec)), opt("--ecn-ip-ect", num(3, Dec))}},
		{name: "TTL", only: only4, options: hops("ttl")},
		{name: "HL", only: only6, options: hops("hl")},
		{name: "TCPMSS", options: []option{opt("--set-mss", u16), flag("--clamp-mss-to-pmtu")}},
		{name: "TCPOPTSTRIP", options: []option{opt("--strip-options", numbers(2, 255, map[string]uint8{
			"mss": 2, "wscale": 3, "sack-permitted": 4, "sack": 5, "timestamp": 8, "md5": 19}))}},
		{name: "CHECKSUM", options: []option{flag("--checksum-fill")}},
	}
}

// sideTargets do something beside the packet.
func sideTargets() []extension {
	return []extension{
		{name: "LOG", options: []option{opt("--log-prefix", textUpTo(29)), opt("--log-level", one(logLevel)),
			flag("--log-tcp-sequence"), flag("--log-tcp-options"), flag("--log-ip-options"), flag("--log-uid"), flag("--log-macdecode")},
			finish: func(_ *Rule, o []Option) []Option {
				return dropValue(dropValue(o, "--log-level", Number{N: 4}), "--log-prefix", Text(""))
			}},
		{name: "NFLOG", options: []option{opt("--nflog-prefix", textUpTo(127)), opt("--nflog-group", u16),
			opt("--nflog-size", u32), opt("--nflog-range", u32), opt("--nflog-threshold", u16)},
			finish: func(_ *Rule, o []Option) []Option {
				for _, n := range []string{"--nflog-group", "--nflog-range", "--nflog-threshold"} {
					o = dropValue(o, n, Number{})
				}
				return dropValue(o, "--nflog-prefix", Text(""))
			}},
		{name: "TEE", options: []option{opt("--gateway", host), opt("--oif", iface)}},
		{name: "AUDIT", options: []option{opt("--type", words(true, "accept", "drop", "reject"))}},
		{name: "IDLETIMER", options: []option{opt("--timeout", between(1, 0xffffffff, Dec)), opt("--label", anyName),
			flag("--alarm"), flag("--send_nl_msg")}},
		{name: "LED", options: []option{opt("--led-trigger-id", quoted), opt("--led-delay", one(ledDelay)), flag("--led-always-blink")},
			finish: func(_ *Rule, o []Option) []Option { return dropValue(o, "--led-delay", Number{}) }},
		{name: "RATEEST", options: []option{opt("--rateest-name", anyName), opt("--rateest-interval", one(interval)),
			opt("--rateest-ewmalog", one(interval))}},
	}
}

// oneOf is one of a few words; each has spellings, of which iptables prints the first.
func oneOf(spellings ...string) kind {
	return one(func(s string) (Value, bool) {
		for _, l := range spellings {
			for _, w := range strings.Fields(l) {
				if strings.EqualFold(w, s) {
					return Keyword(strings.Fields(l)[0]), true
				}
			}
		}
		return nil, false
	})
}

// logLevel reads syslog's numbers and names.
func logLevel(s string) (Value, bool) {
	called := map[string]uint64{"emerg": 0, "panic": 0, "alert": 1, "crit": 2, "err": 3, "error": 3, "warning": 4, "warn": 4,
		"notice": 5, "info": 6, "debug": 7}
	n, ok := called[strings.ToLower(s)]
	if !ok {
		n, ok = number(s, 7)
	}
	return Number{N: n}, ok
}

// Class is a class of a queueing discipline.
type Class struct{ Major, Minor uint16 }

// String prints 1:10 in hex, as tc does.
func (c Class) String() string { return fmt.Sprintf("%04x:%04x", c.Major, c.Minor) }

func class(s string) (Value, bool) {
	a, b, ok := strings.Cut(s, ":")
	x, err1 := strconv.ParseUint(a, 16, 16)
	y, err2 := strconv.ParseUint(b, 16, 16)
	return Class{uint16(x), uint16(y)}, ok && err1 == nil && err2 == nil
}

func ledDelay(s string) (Value, bool) {
	if s == "inf" {
		return Keyword(s), true
	}
	n, ok := number(s, 0x7fffffff)
	return Number{N: n}, ok
}

// Interval is a time in microseconds.
type Interval uint64

// String prints 250.0ms.
func (i Interval) String() string {
	switch {
	case i >= 1e6:
		return fmt.Sprintf("%.1fs", float64(i)/1e6)
	case i >= 1e3:
		return fmt.Sprintf("%.1fms", float64(i)/1e3)
	}
	return fmt.Sprintf("%dus", uint64(i))
}

// interval reads a time with its unit. The kernel keeps powers of two of a quarter
// second, so only those come back.
func interval(s string) (Value, bool) {
	for _, u := range []struct {
		name string
		n    float64
	}{{"msecs", 1e3}, {"msec", 1e3}, {"ms", 1e3}, {"usecs", 1}, {"usec", 1}, {"us", 1}, {"secs", 1e6}, {"sec", 1e6}, {"s", 1e6}} {
		if c, ok := strings.CutSuffix(s, u.name); ok {
			f, err := strconv.ParseFloat(c, 64)
			i := Interval(f*u.n + 0.5)
			return i, err == nil && f > 0 && f*u.n < 1e12 && i > 0
		}
	}
	return nil, false
}
