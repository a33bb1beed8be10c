package compare

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/journey"
)

// name is the packet's in a sentence.
func name(j *journey.Journey) string { return fmt.Sprintf("#%d", j.Number) }

// place names a step's chain as its users do.
func place(s *journey.Step) string {
	p := s.Table + "/" + s.Chain
	if s.Backend == model.BackendNFTables {
		p = s.Family.String() + " " + p
	}
	return p
}

// what names a step in its chain.
func what(s *journey.Step) string {
	switch {
	case s.Rule != 0:
		return fmt.Sprintf("rule %d", s.Rule)
	case s.Kind == journey.KindPolicy:
		return "the policy"
	}
	return "the end"
}

func rule(s *journey.Step) string {
	if s.Text == "" {
		return ""
	}
	return " (" + strings.TrimPrefix(s.Text, "-A "+s.Chain+" ") + ")"
}

func (c *Comparison) sentence() string {
	a, b := name(c.A), name(c.B)
	if c.Part < 0 {
		same := fmt.Sprintf("%s and %s go the same way", a, b)
		switch {
		case len(c.Rows) == 0:
			same = fmt.Sprintf("of %s and %s no step is known", a, b)
		case c.A.Outcome.Verdict != c.B.Outcome.Verdict || ended(c.A) != ended(c.B):
			same = fmt.Sprintf("%s, but %s was %s and %s was %s", same, a, ended(c.A), b, ended(c.B))
		default:
			same += ", and both were " + ended(c.A)
		}
		return same + c.unsure()
	}
	until := fmt.Sprintf("%s and %s part at the first step, ", a, b)
	if c.together() {
		until = fmt.Sprintf("%s and %s go the same way until ", a, b)
	}
	r := &c.Rows[c.Part]
	var x, y *journey.Step
	if r.A >= 0 {
		x = &c.A.Steps[r.A]
	}
	if r.B >= 0 {
		y = &c.B.Steps[r.B]
	}
	return until + c.parting(r, x, y) + c.unsure()
}

// together reports whether both took a step before they part: rules that neither matched
// are none.
func (c *Comparison) together() bool {
	for _, r := range c.Rows[:c.Part] {
		if r.A >= 0 && c.A.Steps[r.A].Kind != journey.KindMiss || r.B >= 0 && c.B.Steps[r.B].Kind != journey.KindMiss {
			return true
		}
	}
	return false
}

// parting says what happens where they part.
func (c *Comparison) parting(r *Row, x, y *journey.Step) string {
	switch r.Differs[0] {
	case Place:
		return c.apart(r, x, y)
	case Rule:
		// The one whose rule comes first matched it, and the other one did not.
		if turned(c.A, c.B, x, y) {
			return reordered(c.A, c.B, x, y)
		}
		if c.first(x, y) {
			return c.matched(c.A, c.B, x, y)
		}
		return c.matched(c.B, c.A, y, x)
	case Match:
		if y.Kind == journey.KindMiss {
			return c.matched(c.A, c.B, x, y)
		}
		return c.matched(c.B, c.A, y, x)
	case Verdict:
		return fmt.Sprintf("%s %s%s: the same %s does %s to %s and %s to %s", place(x), what(x), rule(x), strings.TrimPrefix(strings.TrimRight(what(x), " 0123456789"), "the "), x.Verdict, name(c.A), y.Verdict, name(c.B))
	}
	return fmt.Sprintf("%s %s%s: it finds or leaves other headers: %s %s, %s %s", place(x), what(x), rule(x), name(c.A), changes(x), name(c.B), changes(y))
}

// first reports whether x, where the first one is, is a rule that the other one came past or
// did not have; else y is. Between two rulesets their numbers alone tell nothing of that.
func (c *Comparison) first(x, y *journey.Step) bool {
	switch {
	case x.Rule == 0 || y.Rule == 0:
		return x.Rule != 0
	case passed(c.A, c.B, x, y):
		return true
	case passed(c.B, c.A, y, x):
		return false
	}
	return number(c.A, c.B, x) == 0 && (number(c.B, c.A, y) != 0 || x.Rule < y.Rule)
}

// matched says that j matched a rule and k did not; l is where k was instead.
func (c *Comparison) matched(j, k *journey.Journey, s, l *journey.Step) string {
	out := fmt.Sprintf("%s %s: %s matches%s, %s does not", place(s), what(s), name(j), rule(s), name(k))
	if s.Text != "" && had(j, s) && (!had(k, s) || number(j, k, s) == 0) {
		out += ": the rules changed between them, and that one was not there then"
	} else if why := c.why(j, k, s, l); why != "" {
		out += ": " + why
	}
	if l.Kind != journey.KindMiss {
		out += fmt.Sprintf("; it comes to %s", what(l))
	}
	return out
}

// reordered says that two rules of a chain changed places between two packets: that one of
// them matched its rule tells nothing of the other, which never came to that one so.
func reordered(j, k *journey.Journey, s, l *journey.Step) string {
	return fmt.Sprintf("%s: the rules were put in another order between them; %s matches %s%s first, %s %s%s", place(s), name(j), what(s), rule(s), name(k), what(l), rule(l))
}

// had reports whether a step's rule was among those that were in force when j came; true
// where these are not known, or not all of them.
func had(j *journey.Journey, s *journey.Step) bool {
	if rules(j) == nil {
		return true
	}
	c := chainOf(rules(j), s)
	return c != nil && slices.ContainsFunc(c.Rules, func(r model.Rule) bool { return r.Text == s.Text })
}

// why says which condition held for j and not for k: as it was looked at, else by what
// the rule asks for and the packets differ in.
func (c *Comparison) why(j, k *journey.Journey, s, l *journey.Step) string {
	if l.Kind == journey.KindMiss && l.Rule == s.Rule {
		return strings.Join(l.Conditions(), "; ")
	}
	var list []string
	for _, f := range asked(c.At, s.Text) {
		x, y := f.A, f.B
		if j == c.B {
			x, y = y, x
		}
		list = append(list, fmt.Sprintf("%s is %s, not %s", f.Name, known(y), known(x)))
	}
	if list == nil {
		return "the packets differ in nothing that the rule is seen to ask for; it may count, or ask a set or the connection"
	}
	return strings.Join(list, ", ")
}

func known(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// apart says that only one of them came to a place.
func (c *Comparison) apart(r *Row, x, y *journey.Step) string {
	j, k, s, from := c.A, c.B, x, c.Part
	if s == nil {
		j, k, s = c.B, c.A, y
	}
	// Where the other one was instead.
	var other *journey.Step
	for i := from; i < len(c.Rows) && other == nil; i++ {
		n := c.Rows[i].B
		if j == c.B {
			n = c.Rows[i].A
		}
		if n >= 0 && k.Steps[n].Kind != journey.KindMiss {
			other = &k.Steps[n]
		}
	}
	switch {
	case other == nil:
		return fmt.Sprintf("%s: %s goes on to %s%s; %s was %s", place(s), name(j), what(s), rule(s), name(k), ended(k))
	case same(s, other) && turned(j, k, s, other):
		if j == c.B {
			j, k, s, other = k, j, other, s
		}
		return reordered(j, k, s, other)
	case s.Rule != 0 && same(s, other) && (other.Rule == 0 || passed(j, k, s, other) || had(j, s) && number(j, k, s) == 0): // it was looked at and passed, or was not there
		return c.matched(j, k, s, other)
	case unseenByNAT(j, k, s, other) != "":
		only := unseenByNAT(j, k, s, other)
		return fmt.Sprintf("%s %s%s: %s comes there, %s does not: chains of nat %s", place(s), what(s), rule(s), name(j), name(k), only)
	case other.Hook != s.Hook:
		return fmt.Sprintf("%s: %s goes to %s, %s to %s", place(s), name(j), s.Hook, name(k), other.Hook)
	}
	return fmt.Sprintf("%s %s%s: %s comes there, %s goes on to %s %s", place(s), what(s), rule(s), name(j), name(k), place(other), what(other))
}

// unseenByNAT says why k did not come to iptables' table nat of its family, where j did and k
// was at other; "" where that is not why, or where it is not sure.
func unseenByNAT(j, k *journey.Journey, s, other *journey.Step) string {
	state := strings.ToUpper(k.CTState)
	switch {
	case s.Backend == model.BackendNFTables, s.Table != "nat", s.Family != k.Family, s.Family == model.FamilyBridge, other.Family == model.FamilyBridge:
		return ""
	case state == "UNTRACKED":
		return "see no packet that is not tracked"
	case state == "ESTABLISHED", state == "RELATED" && k.Packet.Proto.ICMP(), k.Direction == journey.Reply,
		j.Flow != 0 && j.Flow == k.Flow && j.Number < k.Number:
		return "see only the first packet of a connection"
	}
	return ""
}

// ended is what became of a packet.
func ended(j *journey.Journey) string {
	if j.Outcome.Sentence != "" {
		return j.Outcome.Sentence
	}
	return j.Outcome.Verdict
}

func changes(s *journey.Step) string {
	var out []string
	for _, d := range []journey.Delta{s.Packet, s.Did} {
		for _, c := range d {
			out = append(out, c.Field+" "+c.Value)
		}
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, ", ")
}

// unsure says of which nothing is certain.
func (c *Comparison) unsure() string {
	switch {
	case !c.A.Complete && !c.B.Complete:
		return fmt.Sprintf(". Not all of %s and %s was seen", name(c.A), name(c.B))
	case !c.A.Complete:
		return fmt.Sprintf(". Not all of %s was seen", name(c.A))
	case !c.B.Complete:
		return fmt.Sprintf(". Not all of %s was seen", name(c.B))
	}
	return ""
}
