package arm

import (
	"fmt"
	"net/netip"

	"nfscope/model"
	"nfscope/model/filter"
)

// rawRule is a conjunct as iptables' arguments, and which family's command takes it.
type rawRule struct {
	v4, v6 bool
	args   []string
	// partly is true where a condition could not be said and was left out.
	partly bool
}

// rawRules writes a conjunct for iptables. One rule can name one protocol, so ports
// without a protocol become a rule for each protocol that has ports.
func rawRules(c filter.Conjunct) []rawRule {
	protos := []model.Proto{}
	for _, k := range c.Conds {
		if k.Field == filter.FieldPorts && !k.Not {
			for p := range 256 {
				if model.Proto(p).Ports() {
					protos = append(protos, model.Proto(p))
				}
			}
		}
	}
	if len(protos) == 0 {
		return []rawRule{rawArgs(c, nil)}
	}
	var out []rawRule
	for _, p := range protos {
		out = append(out, rawArgs(c, &p))
	}
	return out
}

func rawArgs(c filter.Conjunct, proto *model.Proto) rawRule {
	r := rawRule{v4: true, v6: true}
	used := map[filter.Field]bool{}
	var matches []string
	opt := func(not bool, args ...string) []string {
		if not {
			return append([]string{"!"}, args...)
		}
		return args
	}
	if proto != nil {
		used[filter.FieldProto] = true
		r.args = append(r.args, "-p", fmt.Sprint(uint8(*proto)))
	}
	for _, k := range c.Conds {
		first := !used[k.Field] // iptables takes each of its own options once
		used[k.Field] = true
		switch k.Field {
		case filter.FieldFamily:
			r.v4, r.v6 = k.Family == model.FamilyIPv4, k.Family == model.FamilyIPv6
		case filter.FieldProto:
			if r.partly = r.partly || !first; first {
				r.args = append(r.args, opt(k.Not, "-p", fmt.Sprint(uint8(k.Proto)))...)
			}
		case filter.FieldPorts:
			r.partly = r.partly || k.Not
		case filter.FieldIn, filter.FieldOut:
			flag := map[filter.Field]string{filter.FieldIn: "-i", filter.FieldOut: "-o"}[k.Field]
			if r.partly = r.partly || !first; first {
				r.args = append(r.args, opt(k.Not, flag, k.Iface)...)
			}
		case filter.FieldMark:
			matches = append(append(matches, "-m", "mark"), opt(k.Not, "--mark", fmt.Sprintf("%#x/%#x", k.Value, k.Mask))...)
		case filter.FieldSrc, filter.FieldDst:
			flag, ranged := "-s", "--src-range"
			if k.Field == filter.FieldDst {
				flag, ranged = "-d", "--dst-range"
			}
			if first {
				r.args = append(r.args, opt(k.Not, flag, k.Prefix.String())...)
				continue
			}
			matches = append(append(matches, "-m", "iprange"), opt(k.Not, ranged, fmt.Sprintf("%s-%s", k.Prefix.Addr(), lastAddr(k.Prefix)))...)
		case filter.FieldSPort, filter.FieldDPort:
			flag := "--sports"
			if k.Field == filter.FieldDPort {
				flag = "--dports"
			}
			ports := fmt.Sprint(k.Lo)
			if k.Hi != k.Lo {
				ports = fmt.Sprintf("%d:%d", k.Lo, k.Hi)
			}
			matches = append(append(matches, "-m", "multiport"), opt(k.Not, flag, ports)...)
		}
	}
	r.args = append(r.args, matches...)
	return r
}

// lastAddr is the highest address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b) // 4 or 16 bytes, as they came
	return a
}
