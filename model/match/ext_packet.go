package match

import "strings"

// packetMatches look at the IP header and at what the kernel knows of a packet.
func packetMatches() []extension {
	return []extension{
		{name: "iprange", options: []option{opt("--src-range", addrRange).not(), opt("--dst-range", addrRange).not()}},
		{name: "mac", options: []option{opt("--mac-source", mac).not()}},
		{name: "mark", options: []option{opt("--mark", mark(false)).not()}},
		{name: "realm", only: only4, options: []option{opt("--realm", mark(false)).not()}},
		{name: "addrtype", options: []option{opt("--src-type", addrTypes.kind()).not(), opt("--dst-type", addrTypes.kind()).not(),
			flag("--limit-iface-in"), flag("--limit-iface-out")}},
		{name: "length", options: []option{opt("--length", span(0xffff, false)).not()}},
		{name: "ttl", only: only4, options: []option{opt("--ttl-eq --ttl", u8).not(), opt("--ttl-lt", u8), opt("--ttl-gt", u8)}},
		{name: "hl", only: only6, options: []option{opt("--hl-eq", u8).not(), opt("--hl-lt", u8), opt("--hl-gt", u8)}},
		{name: "tos", options: []option{opt("--tos", one(tos)).not()}},
		{name: "dscp", options: []option{opt("--dscp", num(0x3f, Hex2)).not(), opt("--dscp-class", one(dscpClass)).not().printed("--dscp")}},
		{name: "pkttype", options: []option{opt("--pkt-type", words(true, "unicast", "broadcast", "multicast")).not()}},
		{name: "physdev", options: []option{flag("--physdev-is-in").not(), opt("--physdev-in", iface).not(),
			flag("--physdev-is-out").not(), opt("--physdev-out", iface).not(), flag("--physdev-is-bridged").not()}},
		{name: "policy", asGiven: true, options: policyOptions(), finish: orderPolicy},
		{name: "rpfilter", options: []option{flag("--loose"), flag("--validmark"), flag("--accept-local"), flag("--invert")}},
		{name: "owner", options: []option{flag("--socket-exists").not(), opt("--uid-owner", one(idRange)).not(),
			opt("--gid-owner", one(idRange)).not(), flag("--suppl-groups")}},
		{name: "cgroup", options: []option{opt("--path", text).not(), opt("--cgroup", u32).not()}},
		{name: "socket", options: []option{flag("--transparent"), flag("--nowildcard"), flag("--restore-skmark")}},
		{name: "comment", options: []option{opt("--comment", textUpTo(255))}},
		{name: "string", options: []option{opt("--string", one(plainString)).not(), opt("--hex-string", one(hexString)).not(),
			opt("--algo", words(false, "bm", "kmp")), opt("--from", u16), opt("--to", u16), flag("--icase")},
			finish: finishString},
		{name: "u32", options: []option{opt("--u32", one(u32Tests)).not()}},
		{name: "bpf", options: []option{opt("--bytecode", one(bytecode)), opt("--object-pinned", anyName)}},
		{name: "cpu", options: []option{opt("--cpu", u32).not()}},
	}
}

var addrTypes = namesOf("", "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE",
	"PROHIBIT", "THROW", "NAT", "XRESOLVE")

// tos reads a number with or without mask, or one of the five old names, which leave
// the two bits of ECN alone (RFC 1349).
func tos(s string) (Value, bool) {
	called := map[string]uint32{"minimize-delay": 0x10, "maximize-throughput": 8, "maximize-reliability": 4,
		"minimize-cost": 2, "normal-service": 0}
	if v, ok := called[strings.ToLower(s)]; ok {
		return Masked{v, 0x3f, Hex2, true}, true
	}
	v, m, ok := masked(s, 0xff)
	return Masked{v, m, Hex2, true}, ok
}

// dscpClass reads the names of RFC 2474 and its kin.
func dscpClass(s string) (Value, bool) {
	called := map[string]uint64{"be": 0, "ef": 0x2e}
	for i := range uint64(8) {
		called["cs"+string(rune('0'+i))] = i << 3
		if i >= 1 && i <= 4 {
			for j := range uint64(3) {
				called["af"+string(rune('0'+i))+string(rune('1'+j))] = i<<3 | (j+1)<<1
			}
		}
	}
	v, ok := called[strings.ToLower(s)]
	return Number{v, Hex2}, ok
}

// idRange reads a user or group number, or a range of them; a name is the host's own.
func idRange(s string) (Value, bool) {
	lo, hi, pair := strings.Cut(s, "-")
	a, ok1 := number(lo, 0xfffffffe)
	b, ok2 := a, true
	if pair {
		b, ok2 = number(hi, 0xfffffffe)
	}
	return Range{Lo: a, Hi: b, Dash: true}, ok1 && ok2 && a <= b
}

// policyProto prints a name as the C library does, which knows more of them.
func policyProto(s string) (Value, bool) {
	p, ok := parseProto(s)
	switch p {
	case 50:
		return Keyword("esp"), ok
	case 51:
		return Keyword("ah"), ok
	case 108:
		return Keyword("ipcomp"), ok
	}
	return nil, false
}

// policyOptions describe one or more transformations, parted by --next.
func policyOptions() []option {
	return []option{
		opt("--dir", words(false, "in", "out")), opt("--pol", words(false, "none", "ipsec")), flag("--strict"),
		opt("--reqid", u32).not(), opt("--spi", num(0xffffffff, Hex)).not(), opt("--proto", one(policyProto)).not(),
		opt("--mode", words(false, "transport", "tunnel")).not(),
		opt("--tunnel-dst", shortNet).not(), opt("--tunnel-src", shortNet).not(), flag("--next")}
}

// orderPolicy sorts the options within each element; --next parts the elements.
func orderPolicy(_ *Rule, o []Option) []Option {
	e := extension{options: policyOptions()}
	from := 0
	for i := 0; i <= len(o); i++ {
		if i == len(o) || o[i].Name == "--next" {
			e.canon(nil, o[from:i])
			from = i + 1
		}
	}
	return o
}

// finishString gives the pattern the option that iptables prints it with, and leaves
// out the ends of the packet.
func finishString(_ *Rule, o []Option) []Option {
	for i := range o {
		switch o[i].Value.(type) {
		case Quoted:
			o[i].Name = "--string"
		case HexString:
			o[i].Name = "--hex-string"
		}
	}
	return dropValue(dropValue(o, "--from", Number{}), "--to", Number{N: 0xffff})
}

// plainString and hexString read what to look for.
func plainString(s string) (Value, bool) { return pattern(s), s != "" && len(s) <= 128 }

// pattern is hex where a byte is not printable or the last one is a backslash, else text.
func pattern(s string) Value {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return HexString(s)
		}
	}
	if strings.HasSuffix(s, `\`) {
		return HexString(s)
	}
	return Quoted(s)
}

func hexString(s string) (Value, bool) {
	var b []byte
	inHex, digits := false, ""
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '|':
			if inHex = !inHex; digits != "" {
				return nil, false
			}
		case !inHex && c == '\\' && i+1 < len(s):
			i++
			b = append(b, s[i])
		case !inHex:
			b = append(b, c)
		case c == ' ':
		default:
			if digits += string(c); len(digits) == 2 {
				n, ok := number("0x"+digits, 255)
				if !ok {
					return nil, false
				}
				b, digits = append(b, byte(n)), ""
			}
		}
	}
	return pattern(string(b)), !inHex && len(b) > 0 && len(b) <= 128
}

// HexString are bytes to look for.
type HexString string

// String prints "|0a0b|".
func (h HexString) String() string {
	const hex = "0123456789abcdef"
	b := []byte(`"|`)
	for i := range len(h) {
		b = append(b, hex[h[i]>>4], hex[h[i]&15])
	}
	return string(append(b, `|"`...))
}

// u32Tests keeps the text in iptables' own spelling: numbers in hex, no blanks.
func u32Tests(s string) (Value, bool) {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ' || c == '\t':
			i++
		case c >= '0' && c <= '9':
			j := i
			for j < len(s) && strings.IndexByte("0123456789abcdefABCDEFxX", s[j]) >= 0 {
				j++
			}
			n, ok := number(s[i:j], 0xffffffff)
			if !ok {
				return nil, false
			}
			b.WriteString(Number{n, Hex}.String())
			i = j
		case strings.IndexByte("&<>@=,:", c) >= 0:
			b.WriteByte(c)
			i++
		default:
			return nil, false
		}
	}
	return Quoted(b.String()), b.Len() > 0
}

// bytecode reads a classic BPF program: the number of instructions, then each.
func bytecode(s string) (Value, bool) {
	parts := strings.Split(s, ",")
	n, ok := number(parts[0], 64)
	if last := len(parts) - 1; ok && last > 0 && parts[last] == "" {
		parts = parts[:last]
	}
	if !ok || uint64(len(parts)-1) != n {
		return nil, false
	}
	for i, p := range parts[1:] {
		f := strings.Fields(p)
		if len(f) != 4 {
			return nil, false
		}
		for j, top := range []uint64{0xffff, 0xff, 0xff, 0xffffffff} {
			v, ok := number(f[j], top)
			if !ok {
				return nil, false
			}
			f[j] = Number{N: v}.String()
		}
		parts[i+1] = strings.Join(f, " ")
	}
	parts[0] = Number{N: n}.String()
	return Quoted(strings.Join(parts, ",")), true
}
