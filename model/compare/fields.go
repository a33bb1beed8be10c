package compare

import (
	"fmt"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/journey"
)

// fields lists in what two packets differ, in the order a rule looks at it.
func fields(a, b *journey.Journey, p, q *model.Packet) (out []Field) {
	add := func(name, x, y string) {
		if x != y {
			out = append(out, Field{name, x, y})
		}
	}
	add("in", a.In, b.In)
	add("out", a.Out, b.Out)
	add("proto", p.Proto.String(), q.Proto.String())
	add("src", p.Src.String(), q.Src.String())
	add("sport", port(p, p.SPort), port(q, q.SPort))
	add("dst", p.Dst.String(), q.Dst.String())
	add("dport", port(p, p.DPort), port(q, q.DPort))
	if p.Proto == model.ProtoTCP && q.Proto == p.Proto {
		add("flags", p.Flags.String(), q.Flags.String())
	}
	add("icmp type", icmp(p), icmp(q))
	add("state", strings.ToUpper(a.CTState), strings.ToUpper(b.CTState))
	add("mark", fmt.Sprintf("%#x", p.Mark), fmt.Sprintf("%#x", q.Mark))
	add("length", strconv.Itoa(p.Length), strconv.Itoa(q.Length))
	add("ttl", strconv.Itoa(int(p.TTL)), strconv.Itoa(int(q.TTL)))
	add("tos", fmt.Sprintf("%#x", p.TOS), fmt.Sprintf("%#x", q.TOS))
	return out
}

func port(p *model.Packet, n uint16) string {
	if !p.Transport || !p.Proto.Ports() {
		return ""
	}
	return strconv.Itoa(int(n))
}

func icmp(p *model.Packet) string {
	if !p.Proto.ICMP() {
		return ""
	}
	return p.Detail()
}

// words are those by which a rule of either spelling asks for a field.
func words(field string) []string {
	switch field {
	case "in":
		return []string{" -i ", "iifname ", "iif "}
	case "out":
		return []string{" -o ", "oifname ", "oif "}
	case "proto":
		return []string{" -p ", "l4proto ", "protocol ", "nexthdr ", "tcp ", "udp ", "icmp ", "icmpv6 ", "sctp "}
	case "src":
		return []string{" -s ", "saddr ", "--src-range ", " src"}
	case "sport":
		return []string{"sport", "--ports "}
	case "dst":
		return []string{" -d ", "daddr ", "--dst-range ", " dst"}
	case "dport":
		return []string{"dport", "--ports "}
	case "flags":
		return []string{"--syn", "--tcp-flags ", "tcp flags "}
	case "icmp type":
		return []string{"--icmp-type ", "--icmpv6-type ", "icmp type ", "icmpv6 type "}
	case "state":
		return []string{"--ctstate ", "--state ", "ct state "}
	case "mark":
		return []string{"--mark ", "meta mark ", " mark "}
	case "length":
		return []string{"--length ", " length "}
	case "ttl":
		return []string{"--ttl", "--hl-", "ip ttl ", "hoplimit "}
	case "tos":
		return []string{"--tos ", "--dscp", "dscp "}
	}
	return nil
}

// asked gives the fields that a rule's text asks for.
func asked(list []Field, text string) (out []Field) {
	text = " " + text + " "
	for _, f := range list {
		for _, w := range words(f.Name) {
			if strings.Contains(text, w) {
				out = append(out, f)
				break
			}
		}
	}
	return out
}
