package logline

import (
	"net/netip"
	"strconv"
	"strings"

	"nfscope/model"
)

// Parse reads the message of a line that the target LOG or nft's log wrote to the kernel's
// log (net/netfilter/nf_log_syslog.c); ok is false for any other message. Source, Time and
// Level are the caller's to fill in, as far as they are not in the message.
func Parse(text string) (l Line, ok bool) {
	text = strings.TrimRight(text, " \n")
	at := begin(text)
	if at < 0 {
		return Line{}, false
	}
	l = Line{Source: Log, Prefix: text[:at], Text: text}
	var p model.Packet
	r := reader{line: &l, packet: &p}
	for _, f := range strings.Fields(unnested(text[at:])) {
		r.field(f)
	}
	if p.Src.IsValid() && p.Dst.IsValid() {
		p.Transport = r.ports == 2 || r.kind == 2
		p.Mark, p.Family, l.Family = l.Mark, model.FamilyIPv4, model.FamilyIPv4
		if p.Src.Is6() {
			p.Family, l.Family = model.FamilyIPv6, model.FamilyIPv6
		}
		l.Packet = &p
	}
	return l, true
}

// begin finds where the prefix ends: at the last "IN=" that is followed by "OUT=", for a
// prefix may hold any text. -1 where there is none.
func begin(text string) int {
	for end := len(text); end > 0; {
		at := strings.LastIndex(text[:end], "IN=")
		if at < 0 {
			break
		}
		_, rest, _ := strings.Cut(text[at:], " ")
		if strings.HasPrefix(rest, "OUT=") && !strings.HasSuffix(text[:at], "PHYS") {
			return at
		}
		end = at
	}
	return -1
}

// unnested leaves out what stands in brackets: the packet that an ICMP error is about.
func unnested(s string) string {
	var b strings.Builder
	depth := 0
	for _, c := range s {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth = max(depth-1, 0)
		case depth == 0:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// reader takes the fields of a line in their order.
type reader struct {
	line   *Line
	packet *model.Packet
	proto  bool // PROTO= was seen: what follows is the transport header's
	option bool // inside "OPT (" of an IPv6 extension header
	length bool
	ports  int
	kind   int // of TYPE and CODE
}

func (r *reader) field(f string) {
	key, value, ok := strings.Cut(f, "=")
	if !ok {
		r.word(f)
		return
	}
	l, p := r.line, r.packet
	switch key {
	case "IN":
		l.In = value
	case "OUT":
		l.Out = value
	case "PHYSIN":
		l.PhysIn = value
	case "PHYSOUT":
		l.PhysOut = value
	case "SRC":
		p.Src = address(value, p.Src)
	case "DST":
		p.Dst = address(value, p.Dst)
	case "LEN": // UDP has one of its own
		if n, ok := number(value, 32); ok && !r.length {
			p.Length, r.length = int(n), true
		}
	case "TOS", "PREC", "TC":
		n, _ := number(value, 8)
		p.TOS |= uint8(n)
	case "TTL", "HOPLIMIT":
		n, _ := number(value, 8)
		p.TTL = uint8(n)
	case "FLOWLBL":
		n, _ := number(value, 20)
		p.FlowLabel = uint32(n)
	case "ID":
		n, _ := number(value, 16)
		if r.proto {
			p.ICMPID = uint16(n)
		} else {
			p.IPID = uint16(n)
		}
	case "PROTO":
		if n, ok := model.ParseProto(strings.ToLower(value)); ok && !r.proto {
			p.Proto, r.proto = n, true
		}
	case "SPT":
		p.SPort = r.port(value)
	case "DPT":
		p.DPort = r.port(value)
	case "TYPE":
		p.ICMPType = r.octet(value)
	case "CODE":
		p.ICMPCode = r.octet(value)
	case "SEQ":
		if n, ok := number(value, 32); ok && (p.Proto == model.ProtoTCP || p.Proto.ICMP()) {
			p.Seq = uint32(n)
		}
	case "ACK":
		if n, ok := number(value, 32); ok && p.Proto == model.ProtoTCP {
			p.Ack = uint32(n)
		}
	case "UID":
		l.UID = id(value)
	case "GID":
		l.GID = id(value)
	case "MARK":
		n, _ := number(value, 32)
		l.Mark = uint32(n)
	}
}

// word takes a field without a value: a flag.
func (r *reader) word(f string) {
	p := r.packet
	if off, ok := strings.CutPrefix(f, "FRAG:"); ok {
		n, _ := number(off, 16)
		if p.FragOffset = int(n); p.Src.Is4() { // IPv4's is in units of 8 bytes here, IPv6's in bytes
			p.FragOffset *= 8
		}
		return
	}
	if hex, ok := strings.CutPrefix(f, "ID:"); ok && p.Src.Is6() {
		n, _ := strconv.ParseUint(hex, 16, 32)
		p.FragID = uint32(n)
		return
	}
	switch {
	case r.proto:
	case f == "MF", f == "INCOMPLETE" && r.option: // of IPv4, and of IPv6's fragment header
		p.MoreFragments = true
	case f == "OPT" && p.Src.Is6():
		r.option = true
	case f == "ESP" && r.option: // the last one: what follows is encrypted
		p.Proto = model.ProtoESP
	case f == ")" && r.option:
		r.option, p.Extended = false, p.Extended || p.Proto != model.ProtoESP
	}
	if p.Proto != model.ProtoTCP {
		return
	}
	for i := range 8 {
		if flag := model.TCPFlags(1 << i); f == flag.String() {
			p.Flags |= flag
		}
	}
}

func (r *reader) port(s string) uint16 {
	n, ok := number(s, 16)
	if ok {
		r.ports++
	}
	return uint16(n)
}

func (r *reader) octet(s string) uint8 {
	n, ok := number(s, 8)
	if ok {
		r.kind++
	}
	return uint8(n)
}

// address reads an address where none is known yet.
func address(s string, known netip.Addr) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || known.IsValid() {
		return known
	}
	return a
}

// number reads a number as the kernel prints it: decimal, or 0x and hexadecimal.
func number(s string, bits int) (uint64, bool) {
	base := 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = hex, 16
	}
	n, err := strconv.ParseUint(s, base, bits)
	if err != nil {
		return 0, false
	}
	return n, true
}

func id(s string) *uint32 {
	n, ok := number(s, 32)
	if !ok {
		return nil
	}
	v := uint32(n)
	return &v
}
