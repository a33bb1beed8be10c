package match

import (
	"strconv"
	"strings"

	"nfscope/model"
)

// Parts says the rule piece by piece, in its order: each condition, then what it does.
func (r *Rule) Parts() []model.Part {
	var l []model.Part
	for i := range r.Conds {
		m := &r.Conds[i]
		if m.Name != "" {
			l = append(l, m.part())
			continue
		}
		for j := range m.Options {
			o := &m.Options[j]
			l = append(l, model.Part{Text: optionText(o), Words: o.words(""), Unknown: o.Unknown})
		}
	}
	return append(l, r.Target.part())
}

// part says a whole module in one line.
func (m *Match) part() model.Part {
	p := model.Part{Text: m.String(), Unknown: m.Unknown}
	if m.Unknown != "" {
		return p
	}
	var l []string
	for i := range m.Options {
		o := &m.Options[i]
		if m.Name == "statistic" && o.Name == "--mode" && o.Unknown == "" && len(m.Options) > 1 {
			continue // the others tell
		}
		if w := o.words(m.Name); w != "" {
			l = append(l, w)
		}
		if o.Unknown != "" {
			p.Unknown = optionText(o) + ": " + o.Unknown
		}
	}
	if m.Name == "rpfilter" && m.Option("--loose") == nil || m.Name == "socket" && m.Option("--transparent") == nil {
		l = append([]string{bare[m.Name]}, l...) // what the options only add to
	}
	if p.Words = strings.Join(l, ", "); p.Words == "" && p.Unknown == "" {
		p.Words = bare[m.Name]
	}
	if p.Words == "" && p.Unknown == "" {
		p.Words = "the match " + m.Name + ", with nothing that could say no"
	}
	return p
}

// bare says what a module means without options.
var bare = map[string]string{
	"eui64":    "the IPv6 source address was made from the sender's link-layer address",
	"socket":   "there is a local socket for the packet",
	"rpfilter": "the way back to the source leads out of the interface that the packet came in by",
	"frag":     "it is a fragment", "rt": "it has a routing header", "hbh": "it has a hop-by-hop header",
	"dst": "it has a destination header", "ah": "it has an authentication header", "esp": "it is ESP",
	"mh": "it is mobile IPv6", "ipcomp": "it is IPComp",
	"tcp": "it is TCP, with any ports", "udp": "it is UDP, with any ports", "udplite": "it is UDP-Lite, with any ports",
	"sctp": "it is SCTP, with any ports", "dccp": "it is DCCP, with any ports",
}

// words says an option; "" where it is not understood.
func (o *Option) words(module string) string {
	if o.Unknown != "" {
		return ""
	}
	if s := o.special(module); s != "" {
		return s
	}
	say, ok := phrases[module+" "+o.Name]
	if !ok {
		say = strings.TrimLeft(o.Name, "-") + " %"
	}
	v := ""
	if o.Value != nil {
		v = valueWords(o.Value)
	}
	s := strings.TrimSpace(strings.ReplaceAll(say, "%", v))
	switch {
	case !o.Negated:
		return s
	case strings.Contains(say, " is "):
		return strings.Replace(s, " is ", " is not ", 1)
	}
	return "not " + s
}

// special says what no phrase can, "" where one does.
func (o *Option) special(module string) string {
	not := ""
	if o.Negated {
		not = "not "
	}
	switch v := o.Value.(type) {
	case Flags:
		set := "none"
		if v.Set != 0 {
			set = "only " + flagNames(v.Set)
		}
		mask := "the flags " + flagNames(v.Mask)
		if v.Mask == 0x3f {
			mask = "all six flags"
		}
		return not + "with " + set + " set of " + mask
	case ICMPType:
		if v.Any() {
			return not + "any ICMP"
		}
		return not + "ICMP type " + icmpText(v, icmpTypes())
	case ICMP6Type:
		return not + "ICMPv6 type " + icmpText(ICMPType(v), icmp6Types())
	case Chunks:
		w := map[string]string{"any": "with a chunk of %", "all": "with a chunk of each of %", "only": "with chunks of % alone"}[v.Mode]
		return not + strings.ReplaceAll(w, "%", strings.TrimPrefix(v.String(), v.Mode+" "))
	}
	switch module + " " + o.Name {
	case "statistic --probability":
		if p, ok := o.Value.(Probability); ok {
			share := p.Share()
			if o.Negated {
				share = 1 - share
			}
			return "by chance, " + strconv.FormatFloat(share*100, 'g', 4, 64) + " % of the packets"
		}
	case "recent --set":
		if o.Negated {
			return "noted on the list, and this rule never goes on"
		}
	case "quota --quota":
		if o.Negated {
			return "once " + valueWords(o.Value) + " bytes have passed here"
		}
	case "hashlimit --hashlimit-mode":
		if v, ok := o.Value.(Names); ok {
			return "each " + strings.Join(v.List(), " with ") + " for itself"
		}
	case "time --datestop":
		if o.Value == lastDate {
			return "without an end"
		}
	}
	return ""
}

// icmpText prints a type with the name that iptables has for it.
func icmpText(t ICMPType, called map[string]ICMPType) string {
	s := strconv.Itoa(int(t.Type))
	if t.CodeLo != 0 || t.CodeHi != 255 {
		s += " code " + strconv.Itoa(int(t.CodeLo))
		if t.CodeHi != t.CodeLo {
			s += " to " + strconv.Itoa(int(t.CodeHi))
		}
	}
	name := ""
	for n, v := range called { // of several names the longest, which says most
		if v == t && (len(n) > len(name) || len(n) == len(name) && n < name) {
			name = n
		}
	}
	if name != "" {
		s += " (" + name + ")"
	}
	return s
}

// valueWords prints a value for a sentence.
func valueWords(v Value) string {
	switch v := v.(type) {
	case Range:
		return rangeWords(v)
	case Ranges:
		l := make([]string, len(v))
		for i := range v {
			l[i] = rangeWords(v[i])
		}
		return or(l)
	case Names:
		if l := v.List(); len(l) > 0 {
			return or(l)
		}
	case Nets:
		l := make([]string, len(v))
		for i := range v {
			l[i] = v[i].String()
		}
		return or(l)
	case Iface:
		if p, ok := strings.CutSuffix(string(v), "+"); ok {
			return "an interface that begins with " + p
		}
	case AddrRange:
		if v.Lo == v.Hi {
			return addrText(v.Lo)
		}
		return "one of " + addrText(v.Lo) + " to " + addrText(v.Hi)
	case Masked:
		if v.Mask != ^uint32(0) && (v.Form != Hex2 || v.Mask != 0xff) {
			return Number{uint64(v.Value), v.Form}.String() + " under the mask " + Number{uint64(v.Mask), v.Form}.String()
		}
		return Number{uint64(v.Value), v.Form}.String()
	case Set:
		return v.Name + " (by " + strings.Join(v.Dirs, " and ") + ")"
	case OpenRange:
		return v.String() + " or more"
	case Account:
		return string(v)
	}
	return strings.TrimSpace(v.String())
}

func rangeWords(r Range) string {
	if r.Lo == r.Hi {
		return strconv.FormatUint(r.Lo, 10)
	}
	return strconv.FormatUint(r.Lo, 10) + " to " + strconv.FormatUint(r.Hi, 10)
}

// or joins with commas, and "or" before the last.
func or(l []string) string {
	if len(l) < 2 {
		return strings.Join(l, "")
	}
	return strings.Join(l[:len(l)-1], ", ") + " or " + l[len(l)-1]
}
