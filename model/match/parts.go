package match

import (
	"strconv"
	"strings"

	"nfscope/model"
)

// Parts says the rule piece by piece, in its order: each condition, then what it does.
func (r *Rule) Parts() []model.Part { return r.PartsIn(nil) }

// PartsIn says it in another language.
func (r *Rule) PartsIn(say model.Say) []model.Part {
	var l []model.Part
	for i := range r.Conds {
		m := &r.Conds[i]
		if m.Name != "" {
			l = append(l, m.part(say))
			continue
		}
		for j := range m.Options {
			o := &m.Options[j]
			l = append(l, model.Part{Text: optionText(o), Words: o.words(say, ""), Unknown: o.Unknown})
		}
	}
	return append(l, r.Target.part(say))
}

// part says a whole module in one line.
func (m *Match) part(say model.Say) model.Part {
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
		if w := o.words(say, m.Name); w != "" {
			l = append(l, w)
		}
		if o.Unknown != "" {
			p.Unknown = optionText(o) + ": " + o.Unknown
		}
	}
	if m.Name == "rpfilter" && m.Option("--loose") == nil || m.Name == "socket" && m.Option("--transparent") == nil {
		l = append([]string{say.Word(bare[m.Name])}, l...) // what the options only add to
	}
	switch p.Words = strings.Join(l, say.Of(", ")); {
	case p.Words != "" || p.Unknown != "":
	case bare[m.Name] != "":
		p.Words = say.Word(bare[m.Name])
	default:
		p.Words = say.Of("the match %s, with nothing that could say no", m.Name)
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
func (o *Option) words(say model.Say, module string) string {
	if o.Unknown != "" {
		return ""
	}
	if s := o.special(say, module); s != "" {
		return s
	}
	v := ""
	if o.Value != nil {
		v = valueWords(say, o.Value)
	}
	phrase := phrases[module+" "+o.Name]
	if o.Negated && strings.Contains(phrase, " is ") {
		return filled(say, strings.Replace(phrase, " is ", " is not ", 1), o.Name, v)
	}
	return negated(say, o.Negated, filled(say, phrase, o.Name, v))
}

// filled says a phrase with a value for its %, and of an option that has no phrase its name.
func filled(say model.Say, phrase, option, value string) string {
	switch {
	case phrase == "%":
		return value
	case phrase == "":
		return strings.TrimSpace(strings.TrimLeft(option, "-") + " " + value)
	case strings.Contains(phrase, "%[1]s"):
		return say.Of(phrase, value)
	case strings.Contains(phrase, "%"):
		return strings.TrimSpace(say.Of(strings.ReplaceAll(phrase, "%", "%s"), value))
	}
	return say.Word(phrase)
}

// negated turns a phrase round where it is.
func negated(say model.Say, is bool, text string) string {
	if is {
		return say.Of("not %s", text)
	}
	return text
}

// special says what no phrase can, "" where one does.
func (o *Option) special(say model.Say, module string) string {
	switch v := o.Value.(type) {
	case Flags:
		set := say.Of("none")
		if v.Set != 0 {
			set = say.Of("only %s", flagNames(v.Set))
		}
		mask := say.Of("the flags %s", flagNames(v.Mask))
		if v.Mask == 0x3f {
			mask = say.Of("all six flags")
		}
		return negated(say, o.Negated, say.Of("with %s set of %s", set, mask))
	case ICMPType:
		if v.Any() {
			return negated(say, o.Negated, say.Of("any ICMP"))
		}
		return negated(say, o.Negated, say.Of("ICMP type %s", icmpText(say, v, icmpTypes())))
	case ICMP6Type:
		return negated(say, o.Negated, say.Of("ICMPv6 type %s", icmpText(say, ICMPType(v), icmp6Types())))
	case Chunks:
		w := map[string]string{"any": "with a chunk of %s", "all": "with a chunk of each of %s", "only": "with chunks of %s alone"}[v.Mode]
		return negated(say, o.Negated, say.Of(w, strings.TrimPrefix(v.String(), v.Mode+" ")))
	}
	switch module + " " + o.Name {
	case "statistic --probability":
		if p, ok := o.Value.(Probability); ok {
			share := p.Share()
			if o.Negated {
				share = 1 - share
			}
			return say.Of("by chance, %s %% of the packets", strconv.FormatFloat(share*100, 'g', 4, 64))
		}
	case "recent --set":
		if o.Negated {
			return say.Of("noted on the list, and this rule never goes on")
		}
	case "quota --quota":
		if o.Negated {
			return say.Of("once %s bytes have passed here", valueWords(say, o.Value))
		}
	case "hashlimit --hashlimit-mode":
		if v, ok := o.Value.(Names); ok {
			return say.Of("each %s for itself", say.Between("%s with %s", v.List()))
		}
	case "time --datestop":
		if o.Value == lastDate {
			return say.Of("without an end")
		}
	}
	return ""
}

// icmpText prints a type with the name that iptables has for it.
func icmpText(say model.Say, t ICMPType, called map[string]ICMPType) string {
	s := strconv.Itoa(int(t.Type))
	if t.CodeLo != 0 || t.CodeHi != 255 {
		s = say.Of("%s code %s", s, rangeWords(say, Range{Lo: uint64(t.CodeLo), Hi: uint64(t.CodeHi)}))
	}
	name := ""
	for n, v := range called { // of several names the longest, which says most
		if v == t && (len(n) > len(name) || len(n) == len(name) && n < name) {
			name = n
		}
	}
	if name != "" {
		s = say.Of("%s (%s)", s, name)
	}
	return s
}

// valueWords prints a value for a sentence.
func valueWords(say model.Say, v Value) string {
	switch v := v.(type) {
	case Range:
		return rangeWords(say, v)
	case Ranges:
		l := make([]string, len(v))
		for i := range v {
			l[i] = rangeWords(say, v[i])
		}
		return say.Or(l)
	case Names:
		if l := v.List(); len(l) > 0 {
			return say.Or(l)
		}
	case Nets:
		l := make([]string, len(v))
		for i := range v {
			l[i] = v[i].String()
		}
		return say.Or(l)
	case Iface:
		if p, ok := strings.CutSuffix(string(v), "+"); ok {
			return say.Of("an interface that begins with %s", p)
		}
	case AddrRange:
		if v.Lo == v.Hi {
			return addrText(v.Lo)
		}
		return say.Of("one of %s", say.Of("%s to %s", addrText(v.Lo), addrText(v.Hi)))
	case Masked:
		if v.Mask != ^uint32(0) && (v.Form != Hex2 || v.Mask != 0xff) {
			return say.Of("%s under the mask %s", Number{uint64(v.Value), v.Form}, Number{uint64(v.Mask), v.Form})
		}
		return Number{uint64(v.Value), v.Form}.String()
	case Set:
		return say.Of("%s (by %s)", v.Name, say.Between("%s and %s", v.Dirs))
	case OpenRange:
		return say.Of("%s or more", v)
	case Account:
		return string(v)
	}
	return strings.TrimSpace(v.String())
}

func rangeWords(say model.Say, r Range) string {
	if r.Lo == r.Hi {
		return strconv.FormatUint(r.Lo, 10)
	}
	return say.Of("%s to %s", strconv.FormatUint(r.Lo, 10), strconv.FormatUint(r.Hi, 10))
}
