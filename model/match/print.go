package match

import "strings"

// String prints the rule as iptables-save does, without its counters.
func (r *Rule) String() string {
	var b strings.Builder
	put := func(s string) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s)
	}
	if r.Verb != "" {
		put(r.Verb)
		put(word{text: r.Chain}.String())
		if r.Position != "" {
			put(r.Position)
		}
	}
	for i := range r.Conds {
		if s := r.Conds[i].String(); s != "" {
			put(s)
		}
	}
	if r.Target.Name != "" {
		put(r.Target.String())
	}
	return b.String()
}

// String prints the match as it stands in a rule: -m tcp --dport 80.
func (m *Match) String() string {
	s := optionsText(m.Options)
	if m.Name == "" {
		return s
	}
	name := "-m " + word{text: m.Name}.String()
	if s == "" {
		return name
	}
	return name + " " + s
}

// String prints the target as it stands in a rule: -j DNAT --to-destination 10.0.0.1.
func (t *Target) String() string {
	if t.Name == "" {
		return ""
	}
	s := "-j "
	if t.Goto {
		s = "-g "
	}
	s += word{text: t.Name}.String()
	if o := optionsText(t.Options); o != "" {
		s += " " + o
	}
	return s
}

// String prints the option as it stands in a rule: ! --dport 80.
func (o *Option) String() string { return optionText(o) }

func optionsText(os []Option) string {
	var b strings.Builder
	for i := range os {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(optionText(&os[i]))
	}
	return b.String()
}

func optionText(o *Option) string {
	s := ""
	if o.Negated {
		s = "! "
	}
	if o.Name != "" {
		s += word{text: o.Name}.String()
	}
	if o.Value == nil {
		return s
	}
	if o.Name != "" {
		s += " "
	}
	return s + o.Value.String()
}
