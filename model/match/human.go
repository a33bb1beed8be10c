package match

import "strings"

// Words says the rule in few words, for a screen: "from 10.0.0.0/8, tcp, dport 80 ->
// DNAT 10.2.0.2:8080". The verdict's consequences are not in it.
func (r *Rule) Words() string {
	var l []string
	for i := range r.Conds {
		l = append(l, r.Conds[i].Words()...)
	}
	s := strings.Join(l, ", ")
	if s == "" {
		s = "every packet"
	}
	if r.Target.Name == "" {
		return s
	}
	s += " -> " + r.Target.Name
	for i := range r.Target.Options {
		s += " " + targetWords(&r.Target.Options[i])
	}
	return s
}

// Words says each of the match's options.
func (m *Match) Words() []string {
	var l []string
	for i := range m.Options {
		l = append(l, optionWords(m.Name, &m.Options[i]))
	}
	if len(l) == 0 && m.Name != "" {
		return []string{m.Name}
	}
	return l
}

func optionWords(module string, o *Option) string {
	names := map[string]string{"-s": "from", "-d": "to", "-i": "in", "-o": "out", "-p": "", "-f": "later fragment",
		"--state": "state", "--ctstate": "state", "--mark": "mark", "--comment": "comment"}
	name, ok := names[o.Name]
	if !ok {
		name = strings.TrimPrefix(strings.TrimLeft(o.Name, "-"), module+"-")
	}
	if module == "connmark" {
		name = "connmark"
	}
	s := name
	if o.Value != nil {
		s = strings.TrimSpace(s + " " + strings.TrimSpace(o.Value.String()))
	}
	if o.Negated {
		s = "not " + s
	}
	return s
}

// targetWords leaves out the name of the option that a target is there for.
func targetWords(o *Option) string {
	switch o.Name {
	case "--to-destination", "--to-source", "--to-ports", "--to", "--reject-with", "--set-xmark", "--log-prefix":
		if o.Value != nil {
			return o.Value.String()
		}
	}
	s := strings.TrimLeft(o.Name, "-")
	if o.Value != nil {
		s = strings.TrimSpace(s + " " + o.Value.String())
	}
	return s
}
